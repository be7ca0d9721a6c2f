"""Restore: record on the ledger that a version stands for one whose model is gone from MLflow.

A version may be deleted in MLflow, or its files lost, while the ledger names it champion. Training again as of the same
day makes the same trees, under another number. The ledger is not rewritten: an entry says that the new version is that
model again, and whoever looks for the version that an entry names finds the new one. Who is champion of which day stays
as it was.
"""

from __future__ import annotations

from collections.abc import Sequence

from include.project import Project
from include.registry import lifecycle, sync
from include.registry.ledger import AppendedEntry, LedgerConflictError, LedgerDecision, LedgerEntry
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version


def restore_champions(project: Project, version: str, *, actor: str) -> AppendedEntry | None:
    """Append the restoration of a lost champion whose trees the version has; None where there is none to restore.

    The version needs no gates: it decides nothing that the ledger has not decided. Its trees must not be rejected, and
    its files must be there.

    Raises:
        InvalidRequestError: there is no such version.
        LedgerCorruptedError: the ledger does not bear out its head.
        ArtifactMissingError: the version cannot be loaded either.
        Overtaken: others wrote to the ledger again and again.
    """
    registry, ledger = project.registry, project.ledger
    for _ in range(sync.ROUNDS):
        entries = sync.verified_entries_and_advance_head(registry, ledger)
        found = registry.version(version)
        if there := lifecycle.is_restoration(found, entries):
            return AppendedEntry(there, new=False)
        lost = _lost(registry, found, entries)
        if lost is None or lifecycle.rejection_of(found, entries) is not None:
            return None
        registry.reload(found)
        try:
            return ledger.append(_decision(found, lost, actor), after=len(entries))
        except LedgerConflictError:
            continue
    raise LedgerConflictError(
        f"{project.use_case.name}: others have written to the ledger meanwhile; run the task again."
    )


def _lost(registry: Registry, version: Version, entries: Sequence[LedgerEntry]) -> LedgerEntry | None:
    """Return the first entry that made a model of these trees champion, if no version that can be loaded is it."""
    flights = [entry for entry in entries if entry.makes_champion and entry.trees == version.trees]
    flown = [entry for entry in flights if entry.effective_from >= version.as_of]
    if not flown or any(lifecycle.names_version(entry, version) for entry in flights):
        return None
    if any(entry.version == version.number for entry in flights):  # the number was given again: it restores nothing
        return None
    standing = lifecycle.existing_for(flown[0], registry.versions(), entries)
    return flown[0] if standing is None or registry.unloadable(standing) else None


def _decision(version: Version, lost: LedgerEntry, actor: str) -> LedgerDecision:
    return LedgerDecision(
        version=version.number,
        trees=version.trees,
        fingerprint=version.fingerprint,
        effective_from=lost.effective_from,
        action="restoration",
        actor=actor,
        reason=(
            f"version {version.number} is version {lost.version} again, which MLflow no longer has: the same trees,"
            f" made again as of {version.as_of}"
        ),
        verdicts=version.verdicts,
        files_digest=version.files_digest,
    )
