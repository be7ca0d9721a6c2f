"""Show a version's stored model card, verified, with what the ledger says now."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from include.declaration.period import Period
from include.errors import AirworthyError
from include.lake.record_store import RecordCorruptedError
from include.printable import printable_logger
from include.project import Project
from include.registry import lifecycle
from include.registry.ledger_entry import LedgerEntry, entries_until
from include.registry.lifecycle import LifecycleStatus
from include.registry.model_record import Version, recorded_card
from include.registry.registry_errors import VersionUnknownError

log = printable_logger(__name__)
CARD_BYTES = 16 << 20
"""Largest page of a card that is downloaded."""
CARDS_KEPT = 8
"""Verified pages that the process keeps."""
_kept = dict[str, str]()
"""Digest to the page: what a digest names never changes."""


class CardUnavailableError(AirworthyError):
    """There is no card that can be shown."""

    def __init__(self, use_case: str, version: str, reason: str, action: str, status: int) -> None:
        self.action, self.status = action, status
        super().__init__(f"The model card of version {version} of {use_case} cannot be shown: {reason}.")


@dataclass(frozen=True)
class CardEntry:
    """An entry of the ledger on the version, and the periods whose champion it makes."""

    entry: LedgerEntry
    periods: str
    """Empty if it makes no champion."""


@dataclass(frozen=True)
class CardView:
    """The card of a version, and what the ledger says about it now."""

    use_case: str
    version: str
    run_id: str
    page: str
    """The stored page, verified by the digest of its record."""
    status: LifecycleStatus | None
    """None if the ledger cannot be read."""
    newest: Period
    """The period of the status."""
    entries: tuple[CardEntry, ...]
    """Oldest first."""
    problem: str = ""
    """Why the ledger is not shown; empty if it is."""

    @property
    def sentence(self) -> str:
        """Return whether and by whom it was promoted, as a sentence."""
        promoted = [each for each in self.entries if each.entry.makes_champion]
        if self.problem:
            return self.problem
        if promoted:
            last = promoted[-1]
            verb = "Rolled back to" if last.entry.action == "rollback" else "Promoted"
            now = "It is" if self.status == "champion" else "It is not"
            return f"{verb} by {last.entry.actor}: champion of {last.periods}. {now} the champion of {self.newest}."
        rejected = next((each.entry for each in self.entries if each.entry.action == "rejection"), None)
        if rejected is not None:
            return f"Not promoted: rejected by {rejected.actor}."
        if self.status == "rejected":
            return "Not promoted: a gate failed."
        return f"Not promoted: it is a {self.status}, and the ledger has no promotion of it."


def read_card(project: Project, number: str) -> CardView:
    """Read and verify the card of a version.

    Raises:
        CardUnavailableError: there is none, it is not the one that was written, or MLflow does not answer.
    """
    name = project.use_case.name
    version = _version(project, number)
    try:
        digest = recorded_card(project.records, version.run_id)
    except RecordCorruptedError as error:
        log.exception("The record of the card of version %s of %s is not genuine", number, name)
        reason, action = "its signed record is not genuine", "An operator finds the record in the API server's log."
        raise CardUnavailableError(name, number, reason, action, 503) from error
    if digest is None:
        reason = "no signed record of a card exists, so none can be verified"
        action = f"Clear the task register of the version's run of {name}__train, which writes it."
        raise CardUnavailableError(name, number, reason, action, 404)
    entries, problem = _entries(project)
    newest = project.use_case.newest_period()
    own = tuple(_card_entry(each, entries) for each in entries if _is_about(each, version, entries))
    status = None if problem else lifecycle.lifecycle_states([version], entries, newest)[version.number]
    page = _verified_page(project, number, version.run_id, digest)
    return CardView(name, version.number, version.run_id, page, status, newest, own, problem)


def _version(project: Project, number: str) -> Version:
    from include.registry.mlflow_registry import UnprovenVersionError
    from include.registry.mlflow_runs import MlflowUnreachableError

    name = project.use_case.name
    try:
        if not (number.isascii() and number.isdecimal()):
            raise VersionUnknownError(name, number, [])
        return project.registry.version(number)
    except VersionUnknownError as error:
        reason = "there is no such version"
        raise CardUnavailableError(name, number, reason, "The page of the use case lists its versions.", 404) from error
    except UnprovenVersionError as error:
        reason = f"the version cannot be used, {error.flaw.partition(' (')[0]}"
        action = f"Trigger {name}__train to train a new version."
        raise CardUnavailableError(name, number, reason, action, 404) from error
    except MlflowUnreachableError as error:
        log.warning("The card of version %s of %s cannot be read: %s", number, name, error)
        action = "Reload the page when MLflow answers."
        raise CardUnavailableError(name, number, "MLflow does not answer", action, 503) from error


def _verified_page(project: Project, number: str, run_id: str, digest: str) -> str:
    """Return the stored page if it has the digest.

    A kept page needs no download: its digest was right when it was read.
    """
    if (kept := _kept.get(digest)) is not None:
        return kept
    from include.promotion.model_card.content import PAGE

    name = project.use_case.name
    action = f"Clear the task register of the version's run of {name}__train, which writes it again."
    with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
        try:
            content = project.registry.artifact(run_id, PAGE, Path(folder), CARD_BYTES).read_bytes()
        except FileNotFoundError as error:
            raise CardUnavailableError(name, number, "MLflow has no file of it", action, 404) from error
    if hashlib.sha256(content).hexdigest() != digest:
        log.error("The card of version %s of %s in MLflow is not the one that was written.", number, name)
        reason = "the file in MLflow is not the one that was written, so it may be forged"
        raise CardUnavailableError(name, number, reason, action, 503)
    while len(_kept) >= CARDS_KEPT:
        _kept.pop(next(iter(_kept)), None)
    return _kept.setdefault(digest, content.decode())


def _entries(project: Project) -> tuple[Sequence[LedgerEntry], str]:
    """Return the verified entries of the ledger, or why they cannot be read.

    The reason names no path.
    """
    try:
        return project.ledger.entries(), ""
    except (AirworthyError, OSError):
        log.exception("The ledger of %s cannot be read", project.use_case.name)
        return (), "The ledger cannot be read, so the card does not say whether the version was promoted."


def _is_about(entry: LedgerEntry, version: Version, entries: Sequence[LedgerEntry]) -> bool:
    return lifecycle.refers_to(entry, version, entries) or entry is lifecycle.rejection_of(version, entries)


def _card_entry(entry: LedgerEntry, entries: Sequence[LedgerEntry]) -> CardEntry:
    if not entry.makes_champion:
        return CardEntry(entry, "")
    first, ends = entry.effective_from, entries_until(entry, entries)
    if ends is None:
        return CardEntry(entry, f"{first} and later")
    return CardEntry(entry, "no period, since it was replaced" if ends == first else f"{first} to {ends - 1}")
