"""Follow: let the registry say what the ledger says: its head, the alias `champion`, every version's life."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.printable import printable_logger
from include.registry import lifecycle
from include.registry.ledger import Ledger, LedgerCorruptedError, LedgerEntry
from include.registry.lifecycle import StandingApproval
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version
from include.registry.tags import APPROVAL, FILES_DIGEST, FINGERPRINT, LIFE, NOT_PROMOTED, TREES, decides

log = printable_logger(__name__)
FLOWN = ("champion", "archived")
"""Lives of a version that was champion."""
ROUNDS = 20
"""Times that registry and ledger are looked at again: every further one means that another process has changed them."""
HEADING = "\n\n**Not promoted**: "
"""In a version's description, before the reason."""


class ModelReplacedError(AirworthyError):
    """The registry's version of the number that an entry names is another model, or is not there."""

    def __init__(
        self, use_case: str, entry: LedgerEntry, found: Version | None, others: Sequence[str], trained: date
    ) -> None:
        self.entry = entry
        named = f"trees {entry.trees[:12]}…, fingerprint {entry.fingerprint[:19]}…, files {entry.files_digest[:12]}…"
        there = (
            f"the registry's version {entry.version} is another model (trees {found.tags.get(TREES, 'none')[:12]}…,"
            f" fingerprint {found.tags.get(FINGERPRINT, 'none')[:19]}…,"
            f" files {found.tags.get(FILES_DIGEST, 'none')[:12]}…)"
            if found
            else f"the registry has no version {entry.version}"
        )
        back = (
            f", or roll back, from {entry.effective_from} on, to a version that is there ({', '.join(others)})"
            if others
            else ""
        )
        super().__init__(
            f"{use_case}: ledger entry {entry.number} ({entry.action}) names version {entry.version} ({named}), but"
            f" {there}. The alias was not moved to it and no day is scored with it. Trigger {use_case}__train for the"
            f" day as of which it was trained ({trained}): if data, parameters and code are what they were, that makes"
            " the same trees, and `promote` records on the ledger that the new version is this one again. Or restore"
            f" MLflow's database and artifacts from the backup that belongs to this ledger{back}."
        )


def sync_registry(use_case: UseCase) -> str | None:
    """Repair whatever differs; the champion, None where the ledger names none.

    Where nothing differs, nothing is written. Whoever has written looks again: of two at once, the slower would else
    leave there what it had read before. Raises LedgerCorruptedError where the ledger does not bear out the head,
    ModelReplacedError where its champion is not in the registry.
    """
    registry, ledger = Registry(use_case), Ledger.of(use_case)
    for _ in range(ROUNDS):
        number, changed = _repair(registry, ledger)
        if not changed:
            return number
    raise AirworthyError(
        f"{use_case.name}: others changed the registry while it was made to follow the ledger, {ROUNDS} times over;"
        " run the task again."
    )


def verified_entries(registry: Registry, ledger: Ledger) -> list[LedgerEntry]:
    """All entries, held against the head in MLflow and the lives of the versions there; LedgerCorruptedError. Writes
    nothing.

    The head is read before the entries: one appended in between would look cut off.
    """
    return _look(registry, ledger)[0]


def verified_entries_and_advance_head(registry: Registry, ledger: Ledger) -> list[LedgerEntry]:
    """As `verified`, and the head is moved on to the last entry: before another is appended, or it would look lost."""
    return _catch_up(registry, ledger)[0]


def model_of(
    use_case: UseCase, entry: LedgerEntry, versions: Sequence[Version], entries: Sequence[LedgerEntry]
) -> Version:
    """Return the version that an entry names, or that stands for it since it is gone; ModelReplacedError."""
    if (standing := lifecycle.existing_for(entry, versions, entries)) is not None:
        return standing
    found = next((version for version in versions if version.number == entry.version), None)
    flights = [each for each in entries if each.flies]
    others = [version.number for version in versions if any(lifecycle.names_version(each, version) for each in flights)]
    # A promotion is effective from the day as of which its model was trained, which is the model's earliest flight.
    trained = min(each.effective_from for each in (*flights, entry) if each.trees == entry.trees)
    raise ModelReplacedError(use_case.name, entry, found, others, trained)


def version_of(registry: Registry, number: str) -> Version:
    """Return the version of a number that predictions name, or the one that stands for it since it is gone.

    Raises InvalidRequestError, with the numbers there are, where there is neither; LedgerCorruptedError.
    """
    versions = registry.versions()
    if all(version.number != number for version in versions):
        entries = Ledger.of(registry.use_case).entries()
        flights = [entry for entry in entries if entry.flies and entry.version == number]
        if flights and (standing := lifecycle.existing_for(flights[-1], versions, entries)) is not None:
            return standing
    return registry.version(number)


def champion_version(use_case: UseCase, versions: Sequence[Version], entries: Sequence[LedgerEntry]) -> Version | None:
    """Return the champion of the use case's last day; None if there is none.

    Raises:
        ModelReplacedError: the registry does not hold it.
    """
    latest = lifecycle.champion_of(use_case.newest_period(), entries)
    return None if latest is None else model_of(use_case, latest, versions, entries)


def _look(registry: Registry, ledger: Ledger) -> tuple[list[LedgerEntry], str | None]:
    """The entries, and the head that they were held against."""
    head = registry.ledger_head()
    while True:
        try:
            return ledger.verify(head, flown=head is None and _flown(registry)), head
        except LedgerCorruptedError:
            if head is not None or (head := registry.ledger_head()) is None:
                raise  # else the very first head has been set meanwhile


def _catch_up(registry: Registry, ledger: Ledger) -> tuple[list[LedgerEntry], bool]:
    """The entries, and whether the head was moved on."""
    entries, head = _look(registry, ledger)
    if not entries or head == entries[-1].head:
        return entries, False
    registry.set_ledger_head(entries[-1].head)
    return entries, True


def _flown(registry: Registry) -> bool:
    return any(version.tags.get(LIFE) in FLOWN for version in registry.versions())


def _repair(registry: Registry, ledger: Ledger) -> tuple[str | None, bool]:
    """One look at everything and the writes that it takes; the champion, and whether anything was written."""
    entries, changed = _catch_up(registry, ledger)
    versions = registry.versions()
    told = lifecycle.lifecycle_states(versions, entries, registry.use_case.newest_period())
    for version in versions:
        changed |= _repair_version(registry, version, told[version.number], entries)
    found = champion_version(registry.use_case, versions, entries)
    number = None if found is None else found.number
    if registry.champion() != number:
        registry.unset_champion() if number is None else registry.set_champion(number)
        changed = True
    return number, changed


def _repair_version(registry: Registry, version: Version, life: str, entries: Sequence[LedgerEntry]) -> bool:
    """Let MLflow show of a version what ledger and records say of it, and, once it flew, no longer why it did not."""
    shown, flown = {name: value for name, value in version.tags.items() if decides(name)}, life in FLOWN
    forged = sorted(name for name, value in shown.items() if version.copies.get(name, value) != value)
    if forged:
        log.warning(
            "%s: MLflow says of version %s otherwise than its record: %s. The record counts; the tags are put right.",
            *(registry.use_case.name, version.number, ", ".join(forged)),
        )
    decided = _decided(version, entries)
    shown[LIFE] = life
    if decided is not None:
        shown[APPROVAL] = decided.to_tag()
    tags = {name: value for name, value in shown.items() if version.copies.get(name) != value}
    if tags:
        registry.tag_version(version.number, tags)
    if decided is None and APPROVAL in version.copies:
        registry.untag_version(version.number, APPROVAL)
        return True
    if flown and (NOT_PROMOTED in version.tags or HEADING in version.description):
        registry.tag_version(version.number, {}, version.description.partition(HEADING)[0])
        registry.untag_version(version.number, NOT_PROMOTED)
        return True
    return bool(tags)


def _decided(version: Version, entries: Sequence[LedgerEntry]) -> StandingApproval | None:
    """Return what a person decided on a version, for MLflow's page: also an approval of other verdicts."""
    if (decided := lifecycle.approval_of(version, entries)) is not None:
        return decided
    approvals = lifecycle.approvals(version, entries)
    return StandingApproval.of(approvals[0]) if approvals else None
