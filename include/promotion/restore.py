"""Record on the ledger that a version replaces one whose model was lost in MLflow.

A version that is champion on the ledger may be deleted in MLflow, or its files lost. Training again as of the same day
makes the same trees under another number. The ledger is not rewritten: a new entry declares the new version the same
model, so looking up the version of an older entry returns the new one. The champion of each day stays the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from include.project import Project
from include.registry import lifecycle, sync
from include.registry.ledger import AppendedEntry, LedgerConflictError
from include.registry.ledger_entry import LedgerDecision, LedgerEntry
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version


def restore_champions(project: Project, version: str, *, actor: str) -> AppendedEntry | None:
    """Append the restoration of a lost champion; None if there is none.

    The version needs no passed gates, since the ledger has already decided on this model. Its trees must not be
    rejected, and its files must exist.

    Raises:
        InvalidRequestError: there is no such version.
        LedgerCorruptedError: the ledger is damaged or does not match its head.
        ArtifactMissingError: the version cannot be loaded either.
        LedgerConflictError: other processes kept writing to the ledger.
    """
    registry, ledger = project.registry, project.ledger
    for _ in range(sync.ROUNDS):
        entries = sync.verified_entries_and_advance_head(registry, ledger)
        found = registry.version(version)
        if restoration := lifecycle.is_restoration(found, entries):
            return AppendedEntry(restoration, new=False)
        lost = _lost(registry, found, entries)
        if lost is None or lifecycle.rejection_of(found, entries) is not None:
            return None
        registry.reload(found)
        try:
            return ledger.append(_decision(found, lost, actor), after=len(entries))
        except LedgerConflictError:
            continue
    raise LedgerConflictError(project.use_case.name)


def _lost(registry: Registry, version: Version, entries: Sequence[LedgerEntry]) -> LedgerEntry | None:
    """Return the first entry of these trees, if no loadable version has them."""
    promotions = [entry for entry in entries if entry.makes_champion and entry.trees == version.trees]
    since_training = [entry for entry in promotions if entry.effective_from >= version.as_of]
    if not since_training or any(lifecycle.names_version(entry, version) for entry in promotions):
        return None
    if any(entry.version == version.number for entry in promotions):  # MLflow reused the number: it restores nothing
        return None
    existing = lifecycle.existing_for(since_training[0], registry.versions(), entries)
    return since_training[0] if existing is None or registry.unloadable(existing) else None


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
        gate_results=version.gate_results,
        files_digest=version.files_digest,
    )
