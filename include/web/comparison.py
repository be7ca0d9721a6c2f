"""Compare the metrics of two ranges of periods, or of what two versions scored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.gates import MODEL
from include.model.metrics import METRICS
from include.monitoring.definitions import Category, MonitoringMetric, find_metric
from include.monitoring.metric_table import MetricTable, MetricValue
from include.web.history import MetricHistory
from include.web.plotly import PALETTE

Figure = dict[str, Any]
CATEGORIES: tuple[Category, ...] = get_args(Category)
COMPARED = ("labelled_rows", "rows")
"""Numbers of rows, the weights of means over rows."""
ROWS = 400
"""Rows of the table of differences."""


@dataclass(frozen=True)
class Side:
    """One of the two that are compared."""

    history: MetricHistory
    version: str = ""
    """Only periods that this version scored; empty for all."""

    @property
    def title(self) -> str:
        """Return what it is, in words."""
        named = f"version {self.version}, " if self.version else ""
        return f"{named}{self.history.first} to {self.history.period}"

    @cached_property
    def measures(self) -> MetricTable:
        """Return the metrics of its periods, of its version."""
        table = self.history.measures
        if not self.version:
            return table
        chosen = pc.fill_null(pc.equal(table.rows["model_version"], self.version), False)
        return MetricTable(table.rows.filter(chosen), table.calendar)


@dataclass(frozen=True)
class Difference:
    """The mean of a metric on both sides."""

    metric: str
    subject: str
    category: str
    one: float | None
    other: float | None
    periods: tuple[int, int]
    """Measured periods of each side."""

    @property
    def change(self) -> float | None:
        return None if self.one is None or self.other is None else self.other - self.one

    @property
    def relative(self) -> float | None:
        """Return the change as a share of the first value; None if that is 0."""
        return None if self.change is None or not self.one else self.change / abs(self.one)


def compare_sides(one: Side, other: Side) -> list[Difference]:
    """Return the metrics of either side, by category.

    The largest relative changes of a category are first. A metric that is a mean over rows is weighted by the
    rows of each period; any other is the mean of the periods.
    """
    means = [_means(side.measures) for side in (one, other)]
    nothing: tuple[float | None, int] = None, 0
    differences = []
    for metric, subject in dict.fromkeys((*means[0], *means[1])):
        defined = find_metric(metric)
        (first, n), (second, m) = (side.get((metric, subject), nothing) for side in means)
        category = defined.category if defined is not None else CATEGORIES[-1]
        differences.append(Difference(metric, subject, category, first, second, (n, m)))
    order: list[str] = [*CATEGORIES]
    differences.sort(key=lambda each: (order.index(each.category), -_size(each), each.metric, each.subject))
    return differences


def aligned_chart(one: Side, other: Side, metric: str, subject: str) -> Figure | None:
    """Draw a metric of both sides from the first period of each on.

    None if neither has a value.
    """
    traces = []
    for side, colour in ((one, PALETTE[1]), (other, PALETTE[0])):
        rows = [row for row in side.measures.rows_of(metric, subject) if row.value is not None]
        if rows:
            traces.append(_trace(side, rows, colour))
    if not traces:
        return None
    axis: Figure = {"gridcolor": "var(--grid)", "zeroline": False, "automargin": True, "nticks": 6}
    return {
        "data": traces,
        "layout": {
            "height": 200, "margin": {"l": 8, "r": 8, "t": 4, "b": 4}, "dragmode": False, "hovermode": "closest",
            "paper_bgcolor": "var(--clear)", "plot_bgcolor": "var(--clear)",
            "font": {"family": "system-ui, sans-serif", "size": 11, "color": "var(--text)"},
            "xaxis": axis, "yaxis": axis,
            "hoverlabel": {"bgcolor": "var(--hover)", "bordercolor": "var(--line)", "font": {"color": "var(--text)"}},
            "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"color": "var(--muted)"}},
        },
    }  # fmt: skip


def _trace(side: Side, rows: Sequence[MetricValue], colour: str) -> Figure:
    first = rows[0].period if side.version else side.history.first
    return {
        "type": "scatter", "mode": "lines+markers", "name": side.title,
        "x": [row.period - first + 1 for row in rows],
        "y": [row.value for row in rows],
        "text": [str(row.period) for row in rows],
        "line": {"color": colour, "width": 1.8}, "marker": {"size": 4, "color": colour},
        "hovertemplate": "%{text}: %{y:.4~g}<extra>%{fullData.name}</extra>",
    }  # fmt: skip


def _means(measures: MetricTable) -> dict[tuple[str, str], tuple[float | None, int]]:
    """Return the mean of every metric and subject, and its number of periods."""
    rows, names = measures.rows.filter(pc.is_valid(measures.rows["value"])), ["metric", "subject"]
    averaged = rows.group_by(names).aggregate([("value", "mean"), ("value", "count")]).to_pylist()
    means: dict[tuple[str, str], tuple[float | None, int]] = {
        (row["metric"], row["subject"]): (row["value_mean"], row["value_count"])
        for row in averaged
        if not _is_left_out(find_metric(row["metric"]))
    }
    losses = [name for name, metric in METRICS.items() if metric.additive]
    labelled = {row.period.start: row.value or 0.0 for row in measures.rows_of("labelled_rows", MODEL)}
    weighted = rows.filter(pc.is_in(rows["metric"], pa.array(losses)))
    for row in weighted.group_by(names).aggregate([("value", "list"), ("period", "list")]).to_pylist():
        weights = [labelled.get(period, 0.0) for period in row["period_list"]]
        means[row["metric"], row["subject"]] = _mean(row["value_list"], weights), len(weights)
    return means


def _mean(values: Sequence[float], weights: Sequence[float]) -> float | None:
    total = math.fsum(weights)
    return math.fsum(value * weight for value, weight in zip(values, weights, strict=True)) / total if total else None


def _is_left_out(defined: MonitoringMetric | None) -> bool:
    """Return whether a metric is itself of several periods, or not defined."""
    return defined is None or (defined.is_pattern and bool(defined.prefix) and defined.prefix != "slice/")


def _size(difference: Difference) -> float:
    if difference.change is None:
        return math.inf
    return abs(difference.relative) if difference.relative is not None else abs(difference.change)
