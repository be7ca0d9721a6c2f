"""List every stored metric of a range of periods, by category."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.monitoring.definitions import Category, MonitoringMetric, find_metric, metric_label
from include.monitoring.metric_table import MetricTable

CATEGORIES: tuple[Category, ...] = get_args(Category)


@dataclass(frozen=True)
class MetricSummary:
    """A stored metric of one subject over a range."""

    metric: str
    subject: str
    values: int
    """Periods with a value."""
    breaches: int
    newest: float | None
    limit: float | None
    """The newest one; None if nothing is judged."""
    least: float | None
    greatest: float | None
    missing_reason: str
    """Why the newest row has no value."""

    @property
    def key(self) -> str:
        """Return a short name of the subject for addresses."""
        return subject_key(self.subject)


@dataclass(frozen=True)
class MetricGroup:
    """The subjects of a metric, with what it is."""

    metric: str
    defined: MonitoringMetric | None
    """None for a metric that is no longer defined."""
    subjects: tuple[MetricSummary, ...]

    @property
    def label(self) -> str:
        """Return its name in a sentence."""
        return metric_label(self.metric)

    @property
    def meaning(self) -> str:
        return self.defined.meaning if self.defined is not None else "This code no longer measures it."

    @property
    def breaches(self) -> int:
        return sum(each.breaches for each in self.subjects)

    @property
    def category(self) -> str:
        return self.defined.category if self.defined is not None else "former"


def subject_key(subject: str) -> str:
    """Return a short name of a subject for addresses, whatever characters it has."""
    return hashlib.sha256(subject.encode(errors="replace")).hexdigest()[:12]


def list_metrics(measures: MetricTable) -> list[MetricGroup]:
    """Return all stored metrics, by category; most breached subjects are first."""
    summaries: dict[str, list[MetricSummary]] = {}
    for row in _summarised(measures.rows):
        summaries.setdefault(row.metric, []).append(row)
    groups = [
        MetricGroup(metric, find_metric(metric), tuple(sorted(each, key=lambda one: (-one.breaches, one.subject))))
        for metric, each in summaries.items()
    ]
    order = (*CATEGORIES, "former")
    return sorted(groups, key=lambda group: (order.index(group.category), group.metric))


def _summarised(rows: pa.Table) -> list[MetricSummary]:
    if not rows.num_rows:
        return []
    rows = rows.append_column("at", pa.array(np.arange(rows.num_rows)))
    known = rows.filter(pc.is_valid(rows["value"]))
    names = ["metric", "subject"]
    counted = rows.group_by(names).aggregate([("value", "count"), ("breached", "sum"), ("at", "max")])
    ends = {
        (row["metric"], row["subject"]): row
        for row in known.group_by(names).aggregate([("value", "min"), ("value", "max"), ("at", "max")]).to_pylist()
    }
    places = counted["at_max"]
    newest = rows.select(["limit", "missing_reason"]).take(places).to_pylist()
    values = rows["value"]
    return [_summary(row, last, ends.get((row["metric"], row["subject"])), values)
            for row, last in zip(counted.to_pylist(), newest, strict=True)]  # fmt: skip


def _summary(
    row: dict[str, Any], last: dict[str, Any], known: dict[str, Any] | None, values: pa.ChunkedArray
) -> MetricSummary:
    return MetricSummary(
        metric=row["metric"] or "",
        subject=row["subject"] or "",
        values=row["value_count"],
        breaches=row["breached_sum"] or 0,
        newest=values[known["at_max"]].as_py() if known else None,
        limit=last["limit"],
        least=known["value_min"] if known else None,
        greatest=known["value_max"] if known else None,
        missing_reason=last["missing_reason"] or "",
    )
