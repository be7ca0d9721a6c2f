"""Define the rows of the table `metrics`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa

from include.declaration.period import Period
from include.monitoring.definitions import require_metric


@dataclass(frozen=True)
class MetricRow:
    """Hold one row of `metrics` without its version.

    Without a value, `missing_reason` says why and what to do.
    """

    metric: str
    subject: str
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    limit: float | None = None
    breached: bool | None = None
    """None: not judged."""
    measured_period: Period | None = None
    """The day that is measured, or the last of `days`."""
    periods: int = 1
    missing_reason: str = ""

    def __post_init__(self) -> None:
        require_metric(self.metric)  # an undefined metric would have no texts, category or series


def row_with_limit(metric: str, subject: str, value: float | None, limit: float, missing_reason: str = "") -> MetricRow:
    """Return a row that is a breach if its value is above the limit.

    Without a value it is not judged, and `missing_reason` says why.
    """
    breached = None if value is None else bool(value > limit)
    return MetricRow(
        metric, subject, value, limit=limit, breached=breached, missing_reason=missing_reason if value is None else ""
    )


def missing_row(metric: str, subject: str, missing_reason: str, limit: float | None = None) -> MetricRow:
    """Return a row without a value; `missing_reason` says why."""
    return MetricRow(metric, subject, limit=limit, missing_reason=missing_reason)


def metric_table_rows(
    figures: Sequence[MetricRow], version: str | None, measured_period: Period, schema: pa.Schema
) -> pa.Table:
    """Return the figures as a table of that schema.

    `measured_period` is the day of those without one.
    """
    rows = [
        asdict(figure)
        | {"measured_period": (figure.measured_period or measured_period).start, "model_version": version}
        for figure in figures
    ]
    return pa.Table.from_pylist(rows, schema=schema)
