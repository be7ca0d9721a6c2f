"""Draw stored metrics over time, and the distribution of a feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from include.declaration.task import Task
from include.model.metrics import METRICS
from include.monitoring.definitions import MONITORING_METRICS, Unit, find_metric
from include.monitoring.metric_table import MetricValue, measuring_gaps
from include.web.feature_view import Distribution
from include.web.history import MetricHistory
from include.web.plotly import GREY, PALETTE, add_band, add_line, add_marks, add_vertical, new_chart, to_x

Figure = dict[str, Any]
COLOURS = (*PALETTE, GREY)
DASHES = ("solid", "dash", "dot")
MOST_LINES = len(COLOURS)
"""Subjects that one chart draws."""
_UNITS: Mapping[Unit, tuple[str, str]] = {
    "share": ("%{y:.2%}", ".0%"),
    "bytes": ("%{y:.3~s}B", "~s"),
    "rows": ("%{y:,}", ",~"),
}
"""Unit to the format of a value, and of the numbers of its axis."""
FEATURE_METRICS = ("psi", "null_share", "unseen_share", "feature_mean", "importance")
"""Metrics of a feature, in the order of their charts."""


def metric_chart(history: MetricHistory, metric: str, subjects: Sequence[str], *, height: int = 180) -> Figure | None:
    """Draw a metric of these subjects.

    A single one has its interval and its limit. None if no period has a value.
    """
    rows_of = {subject: history.measures.rows_of(metric, subject) for subject in subjects[:MOST_LINES]}
    rows_of = {subject: rows for subject, rows in rows_of.items() if any(row.value is not None for row in rows)}
    if not rows_of:
        return None
    lines: list[Figure] = []
    if len(rows_of) == 1:
        (rows,) = rows_of.values()
        lines = [add_band(history, rows), add_line(history, rows, "limit", "var(--bad)", dash="dash", of="limit")]
    shown, axis = _formats(metric)
    for number, (subject, rows) in enumerate(rows_of.items()):
        line = add_line(history, rows, subject, COLOURS[number % len(COLOURS)], width=1.8)
        if line:
            lines.append(line | {"hovertemplate": f"{shown}<extra>%{{fullData.name}}</extra>"})
    broken = [row for rows in rows_of.values() for row in rows if row.breached]
    defined = find_metric(metric)
    floor = defined is not None and defined.unit in ("share", "rows", "psi")
    drawn = new_chart(history, [*lines, add_marks(broken, "above the limit")], height=height, floor=floor)
    if axis:
        drawn["layout"]["yaxis"]["tickformat"] = axis
    return with_champions(history, drawn)


def line_chart(
    history: MetricHistory, lines: Mapping[str, Sequence[MetricValue]], *, share: bool = False
) -> Figure | None:
    """Draw rows of several metrics as lines; None if no period has a value."""
    looks = [(colour, dash) for dash in DASHES for colour in COLOURS]
    drawn_lines = [
        add_line(history, rows, name, colour, dash=dash, width=1.8)
        for (name, rows), (colour, dash) in zip(lines.items(), looks, strict=False)
    ]
    if not any(drawn_lines):
        return None
    drawn = new_chart(history, drawn_lines, floor=share)
    if share:
        drawn["layout"]["yaxis"]["tickformat"] = ".0%"
    return with_champions(history, drawn)


def with_champions(history: MetricHistory, drawn: Figure) -> Figure:
    """Mark the periods of new champions, and shade those without metrics."""
    promotions = [entry for entry in history.entries if entry.makes_champion and entry.effective_from >= history.first]
    drawn["layout"]["shapes"] += [add_vertical(entry.effective_from, f"v{entry.version}") for entry in promotions]
    drawn["layout"]["shapes"] += [
        {
            "type": "rect", "yref": "paper", "y0": 0, "y1": 1, "layer": "below", "line": {"width": 0},
            "x0": to_x(first), "x1": to_x(last + 1), "fillcolor": "var(--gap)",
        }
        for first, last in measuring_gaps(history.measures.periods)
    ]  # fmt: skip
    return drawn


def distribution_chart(distribution: Distribution, period: str, version: str) -> Figure:
    """Draw the shares of rows by bin, of the training next to those of the period."""
    traces = [
        {
            "type": "bar", "name": name, "x": list(range(len(distribution.labels))), "y": shares,
            "text": list(distribution.labels), "textposition": "none",
            "marker": {"color": colour, "line": {"width": 0}},
            "hovertemplate": "%{text}: %{y:.2%}<extra>%{fullData.name}</extra>",
        }
        for name, shares, colour in (
            (f"training of version {version}", distribution.reference, GREY),
            (period, distribution.current, "var(--first)"),
        )
        if shares is not None
    ]  # fmt: skip
    axis: Figure = {"gridcolor": "var(--grid)", "zeroline": False, "automargin": True}
    return {
        "data": traces,
        "layout": {
            "height": 260,
            "margin": {"l": 8, "r": 8, "t": 4, "b": 4},
            "paper_bgcolor": "var(--clear)",
            "plot_bgcolor": "var(--clear)",
            "font": {"family": "system-ui, sans-serif", "size": 11, "color": "var(--text)"},
            "barmode": "group",
            "bargap": 0.25,
            "xaxis": axis | {
                "showgrid": False, "tickvals": list(range(len(distribution.labels))),
                "ticktext": [label[:24] for label in distribution.labels],
            },
            "yaxis": axis | {"rangemode": "tozero", "tickformat": ".0%", "nticks": 5},
            "hoverlabel": {"bgcolor": "var(--hover)", "bordercolor": "var(--line)", "font": {"color": "var(--text)"}},
            "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"color": "var(--muted)"}},
            "dragmode": False,
        },
    }  # fmt: skip


def value_text(metric: str, value: float | None, task: Task) -> str:
    """Return a value of a monitored metric with its unit, for a table."""
    if value is None:
        return "–"
    defined = find_metric(metric)
    unit = defined.unit if defined is not None else ""
    if unit == "share":
        return f"{value:.2%}"
    if unit in ("rows", "periods"):
        return f"{value:,.0f}"
    evaluated = METRICS.get(metric.rpartition("/")[2]) if unit == "metric" else None
    text = f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return f"{text} {evaluated.unit_of(task) if evaluated else ''}".strip()


def feature_titles() -> dict[str, str]:
    """Return the metrics of a feature with the titles of their charts."""
    return {name: MONITORING_METRICS[name].label for name in FEATURE_METRICS}


def _formats(metric: str) -> tuple[str, str]:
    defined = find_metric(metric)
    return _UNITS.get(defined.unit, ("%{y:.4~g}", "")) if defined is not None else ("%{y:.4~g}", "")
