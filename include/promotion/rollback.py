"""Make a former champion the champion again, from a given day on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.declaration import form_limits
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.project import Project
from include.promotion.promotion_errors import NeverChampionError, RollbackReasonMissingError, TrainedLaterError
from include.registry import lifecycle, sync
from include.registry.ledger_entry import LedgerDecision, LedgerEntry, entries_until, find_existing
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version
from include.registry.tags import NOT_REPRODUCIBLE


@dataclass(frozen=True)
class RollbackResult:
    """The effect of a rollback; plain values."""

    version: str
    effective_from: str
    newest_period: str | None
    """Last day on which it is champion; None if there is none, the day before `effective_from` if it has no effect."""
    entry: int
    champion: str | None
    """The version with the alias `champion` afterwards."""
    reason: str
    """In words: the days on which it is champion, the effect on scored days, and whether its training data are gone."""
    new: bool
    """Whether this call has changed the ledger."""
    needless: bool = False
    """Whether the version was the champion of that period already, so that there was nothing to record."""


def roll_back(
    project: Project, version: str, effective_from: Period, *, actor: str, reason: str, only_if_needed: bool = False
) -> RollbackResult:
    """Append the rollback, unless the ledger has it, and sync the registry.

    With `only_if_needed`, nothing is written if the version is the champion of `effective_from` already. If it raises,
    nothing has changed.

    Raises:
        NotBegunError: `effective_from` is in the future; a mistyped day could not be removed from the ledger.
        InvalidRequestError: not a day of the use case, no reason, or a version that was never champion or was trained
            as of a later day.
        TextTooLongError: the reason is too long.
        LedgerCorruptedError: the ledger is damaged or does not match its head.
        ModelReplacedError: the version was deleted or is another model now.
        ArtifactMissingError: the model cannot be loaded from the registry.
    """
    use_case = project.use_case
    use_case.require(effective_from)
    form_limits.require_name("version", version)
    form_limits.require_text("reason", reason)
    registry, ledger = project.registry, project.ledger
    entries = sync.verified_entries_and_advance_head(registry, ledger)
    found = _former_champion(use_case, registry, version, entries)
    if not reason.strip():
        raise RollbackReasonMissingError(use_case.name)
    if effective_from < found.as_of:
        raise TrainedLaterError(use_case.name, version, found.as_of, effective_from)
    present, decision = (
        lifecycle.champion_of(effective_from, entries),
        _decision(found, effective_from, actor, reason.strip()),
    )
    is_known = find_existing(decision, entries) is not None  # by a task that is repeated
    if only_if_needed and present is not None and not is_known and lifecycle.refers_to(present, found, entries):
        champion = sync.sync_registry(registry, ledger)
        return _unchanged(version, effective_from, present, ledger.entries(), champion)
    latest = lifecycle.champion_of(use_case.newest_period(), entries)
    if latest is not None and latest.effective_from > effective_from:
        sync.model_of(use_case, latest, registry.versions(), entries)  # it stays the champion
    registry.reload(found)
    # No check for entries appended meanwhile: it was champion, and no entry can change that.
    appended = ledger.append(decision)
    champion, entry, entries = sync.sync_registry(project.registry, project.ledger), appended.entry, ledger.entries()
    ends = entries_until(entry, entries)
    return RollbackResult(
        version=version,
        effective_from=effective_from.key,
        newest_period=(ends - 1).key if ends else None,
        entry=entry.number,
        champion=champion,
        reason=_effect(use_case, entry, ends, ledger.champion_of(ends or effective_from)) + _gone(found),
        new=appended.new,
    )


def _unchanged(
    version: str, period: Period, present: LedgerEntry, entries: Sequence[LedgerEntry], champion: str | None
) -> RollbackResult:
    """Return the result of a rollback to what is the champion of its period already."""
    ends = entries_until(present, entries)
    return RollbackResult(
        version=version,
        effective_from=period.key,
        newest_period=(ends - 1).key if ends else None,
        entry=present.number,
        champion=champion,
        reason=f"Version {version} is the champion of {period} already, by ledger entry {present.number}"
        f" ({present.action}); nothing was written.",
        new=False,
        needless=True,
    )


def _decision(version: Version, effective_from: Period, actor: str, reason: str) -> LedgerDecision:
    return LedgerDecision(
        version=version.number,
        trees=version.trees,
        fingerprint=version.fingerprint,
        effective_from=effective_from,
        action="rollback",
        actor=actor,
        reason=reason,
        gate_results=version.gate_results,
        files_digest=version.files_digest,
    )


def _former_champion(use_case: UseCase, registry: Registry, version: str, entries: Sequence[LedgerEntry]) -> Version:
    """Return the version, if it was champion before and is still that model.

    Raises:
        NeverChampionError: it was never champion; the error lists the versions that were.
        ModelReplacedError: it was deleted or is another model now.
    """
    registered, promotions = registry.versions(), [entry for entry in entries if entry.makes_champion]
    found = next((candidate for candidate in registered if candidate.number == version), None)
    own = [entry for entry in promotions if entry.version == version]
    own = own or [entry for entry in promotions if found is not None and lifecycle.refers_to(entry, found, entries)]
    if own:
        return sync.model_of(use_case, own[-1], registered, entries)
    champions = [
        entry for entry in promotions if any(lifecycle.refers_to(entry, candidate, entries) for candidate in registered)
    ]
    raise NeverChampionError(use_case.name, version, found is not None, champions)


def _gone(version: Version) -> str:
    """Return a note if the version's training data were removed."""
    note = version.tags.get(NOT_REPRODUCIBLE)
    return f" Version {version.number} cannot be built again: it is no longer reproducible {note}" if note else ""


def _effect(use_case: UseCase, entry: LedgerEntry, ends: Period | None, following: LedgerEntry) -> str:
    scored = (
        f" Periods that are scored already keep their version: to score one again, trigger {use_case.name}__score for"
        f" it"
        " with `rescore`."
    )
    if ends is None:
        return f"Version {entry.version} is the champion from {entry.effective_from} on.{scored}"
    other = f"entry {following.number} ({following.action}) makes version {following.version} the champion"
    if ends == entry.effective_from:
        return (
            f"This rollback is ledger entry {entry.number}, but the later {other} of {ends}; nothing was changed. To"
            " roll back nevertheless, trigger a new run."
        )
    return (
        f"Version {entry.version} is the champion from {entry.effective_from} to {ends - 1};"
        f" from {ends} on {other}. To undo that entry too, roll back from {ends} on as well.{scored}"
    )
