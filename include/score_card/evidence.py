"""Collect the evidence for the ML Test Score from lake, ledger and registry.

Nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from include.declaration.feature import as_feature
from include.declaration.gates import MODEL
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.ingestion.suites import load_suite
from include.lake.range_reader import RangeReader
from include.model import metrics
from include.monitoring import durations
from include.monitoring.definitions import find_metric
from include.monitoring.durations import CPU_SECONDS, StepCost
from include.monitoring.metric_table import MetricTable, MetricValue
from include.project import Project
from include.registry import lifecycle
from include.registry.ledger_entry import LedgerEntry
from include.registry.model_record import Version
from include.registry.tags import LOCK, RECIPE
from include.registry.version_summary import summarise_version
from include.score_card.staleness import read_staleness
from include.training import provenance
from include.training.recipe import TrainingSpec, TrainingSpecError

PERIODS = 30
"""Newest measured periods that are read."""


@dataclass(frozen=True)
class Evidence:
    """What is known of a use case and its champion; plain values."""

    use_case: UseCase
    period: Period
    suites: Mapping[str, int]
    """Feed to the number of its declared expectations."""
    validated: Mapping[str, Period | None]
    """Feed to its newest validated period."""
    scored: Period | None
    """The newest scored period."""
    entries: Sequence[LedgerEntry] = ()
    entry: LedgerEntry | None = None
    """The entry that made the champion of `period`."""
    version: Version | None = None
    """The champion in the registry."""
    reproduced: str = ""
    """Outcome of training the champion again; empty if that was not tried."""
    measured: Sequence[MetricValue] = ()
    """Rows of the newest measured periods, oldest first."""
    costs: Sequence[StepCost] = ()
    """The newest cost of each step."""
    features: Sequence[Mapping[str, Any]] = ()
    dependency_changes: Sequence[str] = ()
    staleness: Mapping[str, Any] | None = field(default=None)

    @property
    def gate_results(self) -> Sequence[Mapping[str, Any]]:
        """Return the results of the champion's gates.

        They are of the registry, or else of the ledger.
        """
        if self.version is not None:
            return self.version.gate_results
        return self.entry.gate_results if self.entry else ()

    def newest(self, metric: str, subject: str | None = None) -> list[MetricValue]:
        """Return the rows of a metric in the newest period that has one."""
        rows = [row for row in self.measured if row.metric == metric and subject in (None, row.subject)]
        return [row for row in rows if row.period == rows[-1].period]

    def breaches(self, *categories: str) -> list[MetricValue]:
        """Return the newest measured period's breaches in these categories."""
        newest = self.measured[-1].period if self.measured else None
        return [row for row in self.measured if row.period == newest and row.breached and _category(row) in categories]

    def offline_and_realised(self) -> list[dict[str, Any]]:
        """Return the champion's metrics on its test days, and the realised ones.

        The realised ones are of the newest monitored window.
        """
        if self.version is None:
            return []
        offline, found = metrics.split_metrics(self.version.metrics, "test").get(MODEL, {}), []
        for name in self.use_case.task.headline:
            realised = [row for row in self.newest(f"window/{name}", MODEL) if row.value is not None]
            realised = [row for row in realised if row.model_version in (None, self.version.number)]
            if name in offline and realised:
                row = realised[-1]
                found.append(
                    {"metric": name, "offline": offline[name], "realised": row.value, "lower": row.lower,
                     "upper": row.upper, "until": row.measured_period.key, "periods": row.periods}
                )  # fmt: skip
        return found


def collect_evidence(project: Project) -> Evidence:
    """Read the evidence as of the newest period.

    Raises:
        MlflowUnreachableError: MLflow does not answer.
        LedgerCorruptedError: the ledger is damaged.
    """
    use_case = project.use_case
    period = use_case.newest_period()
    entries = project.ledger.entries()
    entry = lifecycle.champion_of(period, entries)
    version = None if entry is None else lifecycle.existing_for(entry, project.registry.versions(), entries)
    rows = RangeReader.open(project.lake, "metrics", period).newest(PERIODS).rows()
    table = MetricTable(rows, use_case.calendar)
    measured = [row for measured_period in table.periods for row in table.rows_on(measured_period)]
    costs = durations.newest_costs(project, period)
    return Evidence(
        use_case=use_case,
        period=period,
        suites={feed.name: _expectations(use_case, feed.name) for feed in use_case.feeds},
        validated={feed.name: _newest_period(project, f"checked/{feed.name}", period) for feed in use_case.feeds},
        scored=_newest_period(project, "predictions", period),
        entries=entries,
        entry=entry,
        version=version,
        reproduced="" if version is None else summarise_version(version, entries).reproduced,
        measured=measured,
        costs=costs,
        features=_features(use_case, measured, costs),
        dependency_changes=() if version is None else _dependency_changes(use_case, version),
        staleness=read_staleness(project),
    )


def _category(row: MetricValue) -> str:
    defined = find_metric(row.metric)
    return "" if defined is None else defined.category


def _expectations(use_case: UseCase, feed: str) -> int:
    suite = load_suite(use_case, use_case.feed(feed))
    return len(suite.rows) + len(suite.table)


def _newest_period(project: Project, table: str, until: Period) -> Period | None:
    return max(RangeReader.open(project.lake, table, until).periods, default=None)


def _features(use_case: UseCase, measured: Sequence[MetricValue], costs: Sequence[StepCost]) -> list[dict[str, Any]]:
    """Return owner, description, importance and cost of each feature.

    One query builds all features of a use case, so a feature's cost is an equal share of that step's processor time.
    """
    importance = {row.subject: row.value for row in measured if row.metric == "importance"}
    built = next((cost.figure_of(CPU_SECONDS) for cost in costs if cost.step == "build_features"), None)
    share = None if built is None else built.value / max(len(use_case.features), 1)
    return [
        {
            "feature": name,
            "owner": as_feature(kind).owner or use_case.owner,
            "description": as_feature(kind).description,
            "importance": importance.get(name),
            "cpu_seconds": None if share is None else round(share, 6),
        }
        for name, kind in use_case.features.items()
    ]


def _dependency_changes(use_case: UseCase, version: Version) -> list[str]:
    """Return changes of lock file, keys and features since the training."""
    changes = []
    if version.tags.get(LOCK) != provenance.current_provenance(use_case).lock:
        changes.append("The lock file of the libraries is another one than that of the champion's training.")
    try:
        spec = TrainingSpec.from_tag(version.tags.get(RECIPE, ""))
    except TrainingSpecError:
        return [*changes, "The champion's recipe cannot be read, so its columns cannot be compared."]
    now = {name: str(kind) for name, kind in use_case.features.items()}
    for what, before, after in (("feature", spec.features, now), ("key", spec.keys, use_case.key_types())):
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name):
                was, is_now = before.get(name, "not declared"), after.get(name, "not declared any more")
                changes.append(f"The {what} {name} was {was} in the champion's training and is {is_now} now.")
    return changes
