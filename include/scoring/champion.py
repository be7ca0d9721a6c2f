"""Find the version that scores a period, by the ledger."""

from __future__ import annotations

from include.declaration.period import Period
from include.errors import NoChampionError
from include.project import Project
from include.registry import lifecycle, sync
from include.registry.ledger import Ledger
from include.registry.ledger_entry import LedgerEntry
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version
from include.registry.version_summary import VersionSummary, summarise_version

_NAMED = 3
"""Number of versions, the newest, that an error without a champion names."""


def champion_by_ledger(project: Project, registry: Registry, period: Period, before: str | None = None) -> Version:
    """Return the version that the day was scored with, or else its champion.

    It is the model that the ledger identifies. The ledger is verified: a truncated one would name an older model.
    """
    ledger = project.ledger
    entries = sync.verified_entries(registry, ledger)
    if before is None:
        return sync.model_of(project.use_case, _champion(registry, ledger, period), registry.versions(), entries)
    promotions = [entry for entry in entries if entry.makes_champion and entry.version == before]
    if not promotions:  # a version that a person named and that was never champion
        return registry.version(before)
    return sync.model_of(project.use_case, promotions[-1], registry.versions(), entries)


def _champion(registry: Registry, ledger: Ledger, period: Period) -> LedgerEntry:
    """Return the ledger's champion of the day.

    Raises:
        NoChampionError: there is none; the text explains why each of the newest versions is not.
    """
    try:
        return ledger.champion_of(period)
    except NoChampionError as error:
        versions = [version for version in registry.versions() if version.as_of <= period]
        entries = ledger.entries()
        reasons = [
            _rejection_reason(summarise_version(version, entries))
            for version in versions
            if not any(entry.makes_champion and lifecycle.refers_to(entry, version, entries) for entry in entries)
        ]
        raise NoChampionError(error.use_case, period, error.first, reasons[-_NAMED:]) from None


def _rejection_reason(version: VersionSummary) -> str:
    """Describe why a version is not champion."""
    reason, decided = version.not_promoted, version.approval
    subject = f"Version {version.number}, trained as of {version.as_of},"
    if decided is not None and not decided.approved:
        return f"{subject} was {decided}."
    if version.gates == "passed":
        return f"{subject} passed its gates and was not promoted: {reason or 'its training has not reached `promote`.'}"
    return f"{subject} did not pass its gates: {reason or version.blocking or 'it was not judged yet.'}"
