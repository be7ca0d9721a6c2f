"""Roll back: make a version that was champion before the champion again, from a day that a person names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from include.declaration import form_limits
from include.declaration.use_case import UseCase
from include.errors import InvalidRequestError
from include.project import Project
from include.registry import lifecycle, sync
from include.registry.ledger import LedgerDecision, LedgerEntry, entries_until
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version
from include.registry.tags import NOT_REPRODUCIBLE


@dataclass(frozen=True)
class RollbackResult:
    """What the rollback comes to; plain values."""

    version: str
    effective_from: str
    newest_period: str | None
    """The last day it is champion of; None if there is none, the day before `effective_from` if it was overtaken."""
    entry: int
    champion: str | None
    """The version that the alias `champion` points to afterwards."""
    reason: str
    """In words: from which day until which it flies, what becomes of days that are scored already, and whether its
    training data are gone."""
    new: bool
    """Whether this call has changed the ledger."""


def roll_back(project: Project, version: str, effective_from: date, *, actor: str, reason: str) -> RollbackResult:
    """Append the rollback to the ledger and let the registry follow it; the same decision again changes nothing.

    Where it raises, nothing has changed.

    Raises:
        NotBegunError: the day is still to come: the ledger would keep a slip of the hand for ever. InvalidRequestError:
        no day of the use case, no reason, or a version that was never champion or has seen the day. TextTooLongError:
        the reason is longer than reasons are. LedgerCorruptedError: the ledger does not bear out its head.
        ModelReplacedError: the version is another model by now or was deleted. ArtifactMissingError: the model cannot
        be loaded from the registry.
    """
    use_case = project.use_case
    use_case.require(effective_from)
    form_limits.require_name("version", version)
    form_limits.require_text("reason", reason)
    registry, ledger = project.registry, project.ledger
    entries = sync.verified_entries_and_advance_head(registry, ledger)
    found = _flown(use_case, registry, version, entries)
    if not reason.strip():
        raise InvalidRequestError(f"{use_case.name}: a rollback needs a reason; it is kept on the ledger.")
    if effective_from < found.as_of:
        raise InvalidRequestError(
            f"{use_case.name}: version {version} was trained as of {found.as_of} and may have seen the outcomes of"
            f" {effective_from}. Roll back to it from {found.as_of} on or later, or name an older version."
        )
    latest = lifecycle.champion_of(use_case.newest_period(), entries)
    if latest is not None and latest.effective_from > effective_from:
        sync.model_of(use_case, latest, registry.versions(), entries)  # it stays the champion
    registry.reload(found)
    # Whatever others append meanwhile: that it has flown stays true.
    appended = ledger.append(_decision(found, effective_from, actor, reason.strip()))
    champion, entry, entries = sync.sync_registry(use_case), appended.entry, ledger.entries()
    ends = entries_until(entry, entries)
    return RollbackResult(
        version=version,
        effective_from=effective_from.isoformat(),
        newest_period=(ends - timedelta(days=1)).isoformat() if ends else None,
        entry=entry.number,
        champion=champion,
        reason=_told(use_case, entry, ends, ledger.champion_of(ends or effective_from)) + _gone(found),
        new=appended.new,
    )


def _decision(version: Version, effective_from: date, actor: str, reason: str) -> LedgerDecision:
    return LedgerDecision(
        version=version.number,
        trees=version.trees,
        fingerprint=version.fingerprint,
        effective_from=effective_from,
        action="rollback",
        actor=actor,
        reason=reason,
        verdicts=version.verdicts,
        files_digest=version.files_digest,
    )


def _flown(use_case: UseCase, registry: Registry, version: str, entries: Sequence[LedgerEntry]) -> Version:
    """The version, if it was champion before and is still that model; InvalidRequestError with those that are."""
    registered, flights = registry.versions(), [entry for entry in entries if entry.makes_champion]
    found = next((each for each in registered if each.number == version), None)
    named = [entry for entry in flights if entry.version == version]
    named = named or [entry for entry in flights if found is not None and lifecycle.refers_to(entry, found, entries)]
    if named:
        return sync.model_of(use_case, named[-1], registered, entries)
    what = "was never champion" if any(each.number == version for each in registered) else "does not exist"
    # The list is of those that can be named instead.
    said = [
        f"{entry.version} (from {entry.effective_from}, entry {entry.number}, {entry.action})"
        for entry in flights
        if any(lifecycle.refers_to(entry, each, entries) for each in registered)
    ]
    raise InvalidRequestError(
        f"{use_case.name}: version {version!r} {what}, so there is no rolling back to it. Versions that were champion:"
        f" {', '.join(said) or 'none'}."
    )


def _gone(version: Version) -> str:
    """What is to be said of a version whose training data went by the declared retention: it flies all the same."""
    told = version.tags.get(NOT_REPRODUCIBLE)
    return f" Nobody can build version {version.number} again: it is no longer reproducible {told}" if told else ""


def _told(use_case: UseCase, entry: LedgerEntry, ends: date | None, following: LedgerEntry) -> str:
    scored = (
        f" Days that are scored already keep their version: to score one again, trigger {use_case.name}__score for it"
        " with `rescore`."
    )
    if ends is None:
        return f"Version {entry.version} is the champion from {entry.effective_from} on.{scored}"
    other = f"entry {following.number} ({following.action}) makes version {following.version} the champion"
    if ends == entry.effective_from:
        return (
            f"This rollback stands as entry {entry.number}, but the later {other} of {ends}; nothing was changed. To go"
            " back to it all the same, roll back in a new run."
        )
    return (
        f"Version {entry.version} is the champion from {entry.effective_from} to {ends - timedelta(days=1)};"
        f" from {ends} on {other}. To go back from it too, roll back from {ends} on as well.{scored}"
    )
