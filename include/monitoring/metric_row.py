"""Define the rows of the table `metrics`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa

from include.declaration.period import Period
from include.monitoring.definitions import require_metric


@dataclass(frozen=True)
class MetricRow:
    """Hold one row of `metrics` without its version; if no value, `state` says why and what to do."""

    metric: str
    subject: str
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    limit: float | None = None
    breached: bool | None = None
    """None: not judged."""
    about: Period | None = None
    """The day that is measured, or the last of `days`."""
    days: int = 1
    state: str = ""

    def __post_init__(self) -> None:
        require_metric(self.metric)  # an undefined metric would have no texts, category or series


def row_with_limit(metric: str, subject: str, value: float | None, limit: float, state: str = "") -> MetricRow:
    """Return a row that is a breach if its value is above the limit.

    Without a value it is not judged, and `state` says why.
    """
    breached = None if value is None else bool(value > limit)
    return MetricRow(metric, subject, value, limit=limit, breached=breached, state=state if value is None else "")


def missing_row(metric: str, subject: str, state: str, limit: float | None = None) -> MetricRow:
    """Return a row without a value; `state` says why."""
    return MetricRow(metric, subject, limit=limit, state=state)


def metric_table_rows(figures: Sequence[MetricRow], version: str | None, about: Period, schema: pa.Schema) -> pa.Table:
    """Return the figures as a table of that schema; `about` is the day of those without one."""
    rows = [
        asdict(figure) | {"about": (figure.about or about).start_date, "model_version": version} for figure in figures
    ]
    return pa.Table.from_pylist(rows, schema=schema)
