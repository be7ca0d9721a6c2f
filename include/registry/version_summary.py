"""Summarise a version of a model for every place that describes one.

The page, the command `report`, the model card, the approval request, MLflow's page and notifications show parts of this
summary; none of them reads tags, records or the ledger for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from include.declaration.period import Period
from include.model import metrics
from include.registry import lifecycle
from include.registry.ledger_entry import LedgerEntry
from include.registry.lifecycle import LifecycleStatus, RecordedApproval
from include.registry.model_record import Version
from include.registry.tags import COMPARED_WITH, GATES, MODEL_CARD, NOT_PROMOTED, REASON, REPRODUCED, WINDOW

Metrics = Mapping[str, Mapping[str, float]]
"""Subject (model, champion or a baseline) to metric to value."""


@dataclass(frozen=True, kw_only=True)
class VersionSummary:
    """What is known of one version.

    For a version known from the ledger alone, the rest is empty.
    """

    number: str
    as_of: Period
    """As-of day of its training."""
    status: LifecycleStatus | None = None
    """candidate, challenger, champion, archived or rejected; None if it was not asked for."""
    promotions: tuple[LedgerEntry, ...] = ()
    """Entries that made it champion, in the order of the ledger."""
    approval: RecordedApproval | None = None
    """A person's valid decision on it."""
    gates: str = ""
    """`passed`, `failed` or `inconclusive`; empty if it was not evaluated."""
    gate_results: tuple[Mapping[str, Any], ...] = ()
    """Results of its gates."""
    compared_with: str | None = None
    """Champion that it was compared with; empty if there was none, None if it was not evaluated."""
    test: Metrics = field(default_factory=dict)
    """Metrics on the test days, measured in training."""
    judged: Metrics = field(default_factory=dict)
    """Metrics on the test days that its gates judged; empty if it was not evaluated."""
    window: str = ""
    """First and last day of its training, `first..last`."""
    splits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`train`, `validation` and `test`: first and last day, and number of days."""
    training_reason: str = ""
    """Why it was trained; empty if no reason was given."""
    not_promoted: str = ""
    """Why it was not promoted; empty if it was promoted, or not tried yet."""
    reproduced: str = ""
    """Outcome of training it again; empty if that was not tried."""
    card: str = ""
    """Address of its model card; empty if there is none yet."""

    @property
    def promoted_from(self) -> tuple[Period, ...]:
        """Return its effective days as champion, in the order of the ledger."""
        return tuple(entry.effective_from for entry in self.promotions)

    @property
    def trained(self) -> str:
        """Return when and on which days it was trained, in words."""
        return f"Trained as of {self.as_of} on {self.window}"

    @property
    def blocking(self) -> str:
        """Return the reasons of the gates that prevent its promotion; empty if none does."""
        return lifecycle.blocking(self.gate_results)

    @property
    def gate_lines(self) -> list[str]:
        """Return a line of text for each gate."""
        return [
            f"{gate_result['outcome']} {gate_result['gate']}: {gate_result['reason']}"
            for gate_result in self.gate_results
        ]


def summarise_version(
    version: Version, entries: Sequence[LedgerEntry], status: LifecycleStatus | None = None
) -> VersionSummary:
    """Summarise a version of the registry; `entries` are those of the ledger."""
    tags, report = version.tags, version.report
    return VersionSummary(
        number=version.number,
        as_of=version.as_of,
        status=status,
        promotions=tuple(
            entry for entry in entries if entry.makes_champion and lifecycle.refers_to(entry, version, entries)
        ),
        approval=lifecycle.approval_of(version, entries),
        gates=tags.get(GATES, ""),
        gate_results=version.gate_results,
        compared_with=tags.get(COMPARED_WITH),
        test=metrics.split_metrics(version.metrics, "test"),
        judged=version.judged,
        window=tags[WINDOW],
        splits=report["splits"],
        training_reason=tags.get(REASON, ""),
        not_promoted=tags.get(NOT_PROMOTED, ""),
        reproduced=tags.get(REPRODUCED, ""),
        card=tags.get(MODEL_CARD, ""),
    )


def summarise_versions(
    versions: Sequence[Version], entries: Sequence[LedgerEntry], period: Period
) -> tuple[VersionSummary, ...]:
    """Summarise all versions of the registry, each with its status on `period`."""
    states = lifecycle.lifecycle_states(versions, entries, period)
    return tuple(summarise_version(version, entries, states[version.number]) for version in versions)


def summarise_entry(entry: LedgerEntry, entries: Iterable[LedgerEntry]) -> VersionSummary:
    """Summarise the version that an entry made champion.

    Only the ledger is read: MLflow is not asked.
    """
    promotions = [other for other in entries if other.makes_champion and other.trees == entry.trees]
    return VersionSummary(
        number=entry.version,
        # A promotion is effective from the as-of day of its model's training; rollbacks to it start later.
        as_of=min((other.trained_as_of for other in promotions), default=entry.trained_as_of),
        promotions=(entry,),
        gate_results=entry.gate_results,
    )
