"""Figures: what is measured of a day, as it stands in the table `metrics`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date

import pyarrow as pa

from include.monitoring.definitions import require_metric


@dataclass(frozen=True)
class MetricRow:
    """One row of `metrics` but for its version. Without a value, `state` says in sentences why, and what to do."""

    metric: str
    subject: str
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    limit: float | None = None
    breached: bool | None = None
    """None: not judged."""
    about: date | None = None
    """The day that is measured, or the last of `days`."""
    days: int = 1
    state: str = ""

    def __post_init__(self) -> None:
        require_metric(self.metric)  # what is not defined would have no words, no category and no series


def row_with_limit(metric: str, subject: str, value: float | None, limit: float, state: str = "") -> MetricRow:
    """A figure that breaks its limit where it is greater; not judged without a value, and `state` says why."""
    breached = None if value is None else bool(value > limit)
    return MetricRow(metric, subject, value, limit=limit, breached=breached, state=state if value is None else "")


def missing_row(metric: str, subject: str, state: str, limit: float | None = None) -> MetricRow:
    """What could not be measured, and why."""
    return MetricRow(metric, subject, limit=limit, state=state)


def metric_table_rows(figures: Sequence[MetricRow], version: str | None, about: date, schema: pa.Schema) -> pa.Table:
    """The figures as rows of that schema; `about` where a figure names no day of its own."""
    each = [asdict(replace(found, about=found.about or about)) | {"model_version": version} for found in figures]
    return pa.Table.from_pylist(each, schema=schema)
