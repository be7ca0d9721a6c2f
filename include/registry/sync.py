"""Copy the ledger's state to MLflow: head, champion and lives of versions."""

from __future__ import annotations

from collections.abc import Sequence

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.printable import printable_logger
from include.registry import lifecycle, offered_versions
from include.registry.ledger import Ledger, LedgerCorruptedError
from include.registry.ledger_entry import LedgerEntry
from include.registry.lifecycle import RecordedApproval
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version
from include.registry.tags import (
    APPROVAL,
    FILES_DIGEST,
    FINGERPRINT,
    NOT_PROMOTED,
    ON_VERSION,
    STATUS,
    TREES,
    copies_to_version,
    decides,
)

log = printable_logger(__name__)
CHAMPION_STATES = ("champion", "archived")
"""Lives of a version that is or was champion."""
ROUNDS = 20
"""Attempts to read registry and ledger without a change by another process."""
HEADING = "\n\n**Not promoted**: "
"""In a version's description, before the reason."""


class ModelReplacedError(AirworthyError):
    """The version that an entry names is missing, or another model."""

    def __init__(
        self, use_case: str, entry: LedgerEntry, found: Version | None, others: Sequence[str], trained: Period
    ) -> None:
        self.use_case, self.found, self.others, self.trained = use_case, found, tuple(others), trained
        self.entry = entry
        named = f"trees {entry.trees[:12]}…, fingerprint {entry.fingerprint[:19]}…, files {entry.files_digest[:12]}…"
        problem = (
            f"the registry's version {entry.version} is another model (trees {found.tags.get(TREES, 'none')[:12]}…,"
            f" fingerprint {found.tags.get(FINGERPRINT, 'none')[:19]}…,"
            f" files {found.tags.get(FILES_DIGEST, 'none')[:12]}…)"
            if found
            else f"the registry has no version {entry.version}"
        )
        back = (
            f", or roll back, from {entry.effective_from} on, to a version that exists ({', '.join(others)})"
            if others
            else ""
        )
        super().__init__(
            f"{use_case}: ledger entry {entry.number} ({entry.action}) names version {entry.version} ({named}), but"
            f" {problem}. The alias was not moved to it and no period is scored with it. Trigger {use_case}__train"
            f" for the"
            f" as-of period of its training ({trained}): with the same data, parameters and code, that makes the same"
            " trees, and `promote` records on the ledger that the new version replaces this one. Or restore MLflow's"
            f" database and artifacts from the backup that belongs to this ledger{back}."
        )


def sync_registry(registry: Registry, ledger: Ledger) -> str | None:
    """Repair all differences; return the champion's number, None without one.

    Repeats until a pass changes nothing, since another process may have changed the registry after it was read.

    Raises:
        LedgerCorruptedError: the ledger is damaged or does not match its head.
        ModelReplacedError: the champion is not in the registry.
    """
    for _ in range(ROUNDS):
        number, changed = _repair(registry, ledger)
        if not changed:
            return number
    raise AirworthyError(
        f"{registry.use_case.name}: other processes changed the registry during each of {ROUNDS} synchronisations with"
        " the ledger; run the task again."
    )


def verified_entries(registry: Registry, ledger: Ledger) -> list[LedgerEntry]:
    """Return all entries, checked against MLflow; write nothing.

    Raises:
        LedgerCorruptedError: the ledger is damaged or does not match its head.
    """
    return _look(registry, ledger)[0]


def verified_entries_and_advance_head(registry: Registry, ledger: Ledger) -> list[LedgerEntry]:
    """Return the verified entries, and set MLflow's head to the last one.

    Call this before appending an entry, so that the head is at most one entry behind.
    """
    return _catch_up(registry, ledger)[0]


def model_of(
    use_case: UseCase, entry: LedgerEntry, versions: Sequence[Version], entries: Sequence[LedgerEntry]
) -> Version:
    """Return the version that an entry names, or the version restored in its place.

    Raises:
        ModelReplacedError: the registry has neither.
    """
    if (existing := lifecycle.existing_for(entry, versions, entries)) is not None:
        return existing
    found = next((version for version in versions if version.number == entry.version), None)
    promotions = [other for other in entries if other.makes_champion]
    others = [
        version.number
        for version in versions
        if any(lifecycle.names_version(promotion, version) for promotion in promotions)
    ]
    # A promotion is effective from the as-of day of its model's training; rollbacks to it start later.
    trained = min(each.trained_as_of for each in (*promotions, entry) if each.trees == entry.trees)
    raise ModelReplacedError(use_case.name, entry, found, others, trained)


def version_of(registry: Registry, ledger: Ledger, number: str) -> Version:
    """Return the version that predictions name, or the one restored for it.

    Raises:
        InvalidRequestError: the registry has neither; the error lists the existing numbers.
        LedgerCorruptedError: the ledger is damaged.
    """
    versions = registry.versions()
    if all(version.number != number for version in versions):
        entries = ledger.entries()
        promotions = [entry for entry in entries if entry.makes_champion and entry.version == number]
        if promotions and (existing := lifecycle.existing_for(promotions[-1], versions, entries)) is not None:
            return existing
    return registry.version(number)


def champion_version(use_case: UseCase, versions: Sequence[Version], entries: Sequence[LedgerEntry]) -> Version | None:
    """Return the champion of the use case's last day; None if there is none.

    Raises:
        ModelReplacedError: it is not in the registry.
    """
    latest = lifecycle.champion_of(use_case.newest_period(), entries)
    return None if latest is None else model_of(use_case, latest, versions, entries)


def _look(registry: Registry, ledger: Ledger) -> tuple[list[LedgerEntry], str | None]:
    """Return the entries, and the head that they were checked against."""
    head = registry.ledger_head()  # before the entries: one appended in between would look cut off
    while True:
        try:
            return ledger.verify(head, had_champion=head is None and _had_champion(registry)), head
        except LedgerCorruptedError:
            if head is not None or (head := registry.ledger_head()) is None:
                raise  # otherwise the first head was set meanwhile


def _catch_up(registry: Registry, ledger: Ledger) -> tuple[list[LedgerEntry], bool]:
    """Set MLflow's head to the last entry; return whether it changed."""
    entries, head = _look(registry, ledger)
    if not entries or head == entries[-1].head:
        return entries, False
    registry.set_ledger_head(entries[-1].head)
    return entries, True


def _had_champion(registry: Registry) -> bool:
    return any(version.tags.get(STATUS) in CHAMPION_STATES for version in registry.versions())


def _repair(registry: Registry, ledger: Ledger) -> tuple[str | None, bool]:
    """Make one pass of repairs; return the champion, and whether it wrote."""
    entries, changed = _catch_up(registry, ledger)
    versions = registry.versions()
    lives = lifecycle.lifecycle_states(versions, entries, registry.use_case.newest_period())
    offered_versions.write_offered_versions(ledger.lake, versions, lives, entries)
    for version in versions:
        changed |= _repair_version(registry, version, lives[version.number], entries)
    champion = champion_version(registry.use_case, versions, entries)
    number = None if champion is None else champion.number
    if registry.champion() != number:
        registry.unset_champion() if number is None else registry.set_champion(number)
        changed = True
    return number, changed


def _repair_version(registry: Registry, version: Version, status: str, entries: Sequence[LedgerEntry]) -> bool:
    """Copy a version's ledger and record values to MLflow; return if it wrote.

    Removes copies that only the run has, and from a version that is or was champion the reason against a promotion.
    """
    recorded = {name: value for name, value in version.tags.items() if decides(name)}
    shown = copies_to_version(recorded)
    was_champion = status in CHAMPION_STATES
    forged = sorted(name for name, value in recorded.items() if version.copies.get(name, value) != value)
    if forged:
        log.warning(
            "%s: tags of version %s in MLflow differ from its record: %s. The record is valid; the tags are corrected.",
            *(registry.use_case.name, version.number, ", ".join(forged)),
        )
    decided = _decided(version, entries)
    shown[STATUS] = status
    if decided is not None:
        shown[APPROVAL] = decided.to_tag()
    tags = {name: value for name, value in shown.items() if version.copies.get(name) != value}
    if tags:
        registry.tag_version(version.number, tags)
    surplus = [name for name in version.copies if decides(name) and name not in ON_VERSION]
    for name in surplus:
        registry.untag_version(version.number, name)
    if decided is None and APPROVAL in version.copies:
        registry.untag_version(version.number, APPROVAL)
        return True
    if was_champion and (NOT_PROMOTED in version.tags or HEADING in version.description):
        registry.tag_version(version.number, {}, version.description.partition(HEADING)[0])
        registry.untag_version(version.number, NOT_PROMOTED)
        return True
    return bool(tags or surplus)


def _decided(version: Version, entries: Sequence[LedgerEntry]) -> RecordedApproval | None:
    """Return a person's decision for MLflow's page, of any gate results."""
    if (decided := lifecycle.approval_of(version, entries)) is not None:
        return decided
    approvals = lifecycle.approvals(version, entries)
    return RecordedApproval.from_entry(approvals[0]) if approvals else None
