"""Read a use case's newest metrics, decision and champion for Prometheus.

The exporter uses them. Writes nothing and raises nothing: the result names what cannot be read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.lake import history
from include.monitoring import durations
from include.monitoring.metric_table import MetricValue
from include.printable import printable_logger
from include.project import Project
from include.registry.ledger_entry import LedgerEntry
from include.retraining.budget import RetrainingBudget

log = printable_logger(__name__)

PARTS = ("metrics", "decisions", "claims", "ledger", "durations")
"""Parts that are read separately, so that one damaged table does not hide the others."""


@dataclass(frozen=True)
class ExporterSnapshot:
    """State of a use case at `now`.

    A part that cannot be read is empty, and named in `unreadable`.
    """

    use_case: UseCase
    now: datetime
    measured_period: Period | None = None
    rows: Sequence[Mapping[str, Any]] = ()
    """Rows of the table metrics of that day."""
    costs: Sequence[MetricValue] = ()
    """What each step cost in its newest period, as rows of metrics."""
    decision: tuple[Period, str] | None = None
    triggers: bool = False
    """Whether a signal of that decision triggers, even if the policy then holds."""
    retrainings: Mapping[str, Period] = field(default_factory=dict)
    """Outcome to the newest day with it."""
    claimed: int | None = None
    champion: LedgerEntry | None = None
    unreadable: tuple[str, ...] = ()


def read_snapshot(project: Project, now: datetime) -> ExporterSnapshot:
    """Read the newest metrics and decisions, claims, and today's champion.

    The claims are the month's; retrainings are read too.
    """
    use_case = project.use_case
    now = min(now, _end(use_case)) if use_case.last_period else now
    today = use_case.period_at(now)
    readers: tuple[Callable[[], dict[str, Any]], ...] = (
        lambda: _metrics(project, today),
        lambda: _decisions(project, today),
        lambda: {"claimed": len(RetrainingBudget.open(project).claims_of_month(today))},
        lambda: {"champion": project.ledger.champion_apart_from(None, today)},
        lambda: {"costs": [row for cost in durations.newest_costs(project, today) for row in cost.rows]},
    )
    values: dict[str, Any] = {}
    unreadable = []
    for part, read in zip(PARTS, readers, strict=True):
        try:
            values |= read()
        except Exception:
            log.exception("%s: %s cannot be read; the other metrics are served.", use_case.name, part)
            unreadable.append(part)
    return ExporterSnapshot(use_case, now, unreadable=tuple(unreadable), **values)


def _end(use_case: UseCase) -> datetime:
    """Return the last instant of a use case that ends; ages do not grow after it."""
    assert use_case.last_period is not None
    return use_case.decision_time(use_case.last_period + 1) - timedelta(microseconds=1)


def _metrics(project: Project, today: Period) -> dict[str, Any]:
    period, rows = _newest(project, "metrics", today)
    return {"measured_period": period, "rows": rows}


def _decisions(project: Project, today: Period) -> dict[str, Any]:
    period, rows = _newest(project, "decisions", today)
    trained = _all(project, "retrainings", today)
    return {
        "decision": (period, rows[0]["outcome"]) if period and rows else None,
        "triggers": any(found.get("triggers") for row in rows for found in json.loads(row["signals"])),
        "retrainings": {
            row["outcome"]: project.use_case.calendar.period_of(row["period"])
            for row in sorted(trained, key=lambda row: row["period"])
        },
    }


def _newest(project: Project, table: str, today: Period) -> tuple[Period | None, list[dict[str, Any]]]:
    """Return the newest day of a table up to today, and its rows."""
    if not _table_exists(project, table):
        return None, []
    view = project.lake.as_of(today)
    periods = list(view.partitions(table))
    return (periods[-1], view.read(table, periods[-1], periods[-1]).to_pylist()) if periods else (None, [])


def _all(project: Project, table: str, today: Period) -> list[dict[str, Any]]:
    return project.lake.as_of(today).read(table).to_pylist() if _table_exists(project, table) else []


def _table_exists(project: Project, table: str) -> bool:
    """Return whether the table exists; reading must not create it."""
    return history.is_table(project.lake.uri(table))
