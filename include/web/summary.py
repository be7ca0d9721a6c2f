"""Summarise the lake and the registry of a use case for the command `report`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from include.declaration.period import LATEST, Period, Unit
from include.lake import schemas
from include.lake.snapshot import AsOfSnapshot
from include.project import Project
from include.registry.version_summary import VersionSummary, summarise_versions


@dataclass(frozen=True)
class FeedReport:
    """Rows of one feed over all days.

    For every validated day, landed = published + quarantined.
    """

    periods: int
    landed: int
    published: int
    quarantined: int
    reasons: Mapping[str, int]
    """Reason to rows that have it; a row may have several."""
    not_validated: tuple[Period, ...]
    """Landed days that are refused or not validated yet; their rows are only in raw/<feed>."""


@dataclass(frozen=True)
class DecisionReport:
    """A day on which a training was decided, and its outcome."""

    period: Period
    reason: str
    outcome: str
    """promoted, rejected, not promoted, failed, not started, or not ended yet."""
    version: str
    """The challenger; empty if there is none."""


@dataclass(frozen=True)
class UseCaseReport:
    """The state of a use case."""

    feeds: Mapping[str, FeedReport]
    rows: Mapping[str, int]
    """Rows of features, labels and predictions."""
    versions: tuple[VersionSummary, ...]
    unit: Unit
    """What a period is."""
    decided_periods: int
    """Periods for which it was decided whether to train."""
    decisions: tuple[DecisionReport, ...]
    """The decisions to train."""
    state: Mapping[str, str]
    """Delta version of each table, size of ledger and registry; equal if nothing has changed."""


def build_report(project: Project) -> UseCaseReport:
    """Build the report over all days.

    Raises:
        MlflowUnreachableError: MLflow does not answer.
    """
    use_case = project.use_case
    view = project.lake.as_of(LATEST)
    registry, ledger = project.registry, project.ledger
    versions, champion = registry.versions(), registry.champion()
    entries = ledger.entries()
    state = {table: str(view.version(table)) for table in schemas.table_names(use_case)}
    return UseCaseReport(
        feeds={feed.name: _feed(view, feed.name) for feed in use_case.feeds},
        rows={table: _rows(view, table) for table in ("features", "labels", "predictions")},
        versions=summarise_versions(versions, entries, use_case.newest_period()),
        unit=use_case.calendar.unit,
        decided_periods=len(view.partitions("decisions")),
        decisions=_decisions(view),
        state=state | {"ledger": str(len(entries)), "versions": str(len(versions)), "champion": str(champion)},
    )


def _decisions(view: AsOfSnapshot) -> tuple[DecisionReport, ...]:
    ended = {row["period"]: row for row in view.read("retrainings").to_pylist()}
    return tuple(
        DecisionReport(
            period=view.period.sibling(row["period"]),
            reason=row["reason"],
            outcome=ended[row["period"]]["outcome"] if row["period"] in ended else "not ended yet",
            version=ended[row["period"]]["model_version"] or "" if row["period"] in ended else "",
        )
        for row in view.read("decisions", order_by=["period"]).to_pylist()
        if row["outcome"] == "retrain"
    )


def _rows(view: AsOfSnapshot, table: str) -> int:
    return sum(partition.rows for partition in view.partitions(table).values())


def _feed(view: AsOfSnapshot, feed: str) -> FeedReport:
    with view.diagnose_read_errors(f"checked/{feed}"):  # verifying all columns of all days is too slow for one count
        checked = view.table(f"checked/{feed}", checked=False)
        reasons = checked.select(reason=checked.reasons.unnest()).group_by("reason").aggregate(rows=lambda t: t.count())
        counted = {row["reason"]: row["rows"] for row in reasons.order_by("reason").to_pyarrow().to_pylist()}
        quarantined = int(checked.filter(checked.reasons.length() > 0).count().to_pyarrow().as_py())
    landed, validated = view.partitions(f"raw/{feed}"), view.partitions(f"checked/{feed}")
    rows = _rows(view, f"checked/{feed}")
    return FeedReport(
        periods=len(landed),
        landed=sum(partition.rows for partition in landed.values()),
        published=rows - quarantined,
        quarantined=quarantined,
        reasons=counted,
        not_validated=tuple(period for period in landed if period not in validated),
    )
