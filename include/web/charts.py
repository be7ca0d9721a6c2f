"""Draw the metrics as Plotly JSON.

Colours are names of the style sheet's properties. Dates are days of the use case. A day without metrics is a gap in a
line, and shaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from include.declaration.period import Period
from include.model.tasks import task_model
from include.monitoring.definitions import EXPECTED, MONITORING_METRICS, PERFORMANCE, WINDOW, MonitoringMetric
from include.monitoring.metric_table import MetricValue, measuring_gaps
from include.web import heat_map
from include.web.overview import Overview
from include.web.plotly import (
    GREY,
    PALETTE,
    MeasuredPeriods,
    add_band,
    add_line,
    add_marks,
    add_vertical,
    new_chart,
    step_width,
    to_x,
)

Figure = dict[str, Any]
LIMITED = tuple(metric for metric in MONITORING_METRICS.values() if metric.chart == "limited")
"""Metrics that are drawn against their limit, each in a chart of its own."""
BASELINE_COLOURS = (GREY, "var(--second)", "var(--first-soft)")
BAND_GAP = 0.24
"""Share of a feed's band that its name takes."""
REASONS = 5
"""Number of quarantine reasons with their own colour."""


def all_charts(overview: Overview) -> dict[str, Figure]:
    """Return the page's charts by the name of their place.

    A chart without data is left out.
    """
    drawn_charts = {
        **{metric: performance_chart(overview, metric) for metric in overview.use_case.task.charted},
        "heat": heat_map.drift_heatmap(overview),
        **{metric.name: limited_chart(overview, metric) for metric in LIMITED},
        "rates": rates_chart(overview),
        "volumes": volumes_chart(overview),
        "quarantine": quarantine_chart(overview),
    }
    return {name: drawn for name, drawn in drawn_charts.items() if drawn is not None}


def performance_chart(overview: MeasuredPeriods, metric: str) -> Figure | None:
    """Draw a metric on labelled days: model, baselines, expected value.

    The days are the newest; the model has its interval.
    """
    measures, name = overview.measures, f"{WINDOW}{metric}"
    model = measures.rows_of(name, "model")
    if not any(row.value is not None for row in model):
        return None
    traces = [add_band(overview, model)]
    traces += [
        add_line(overview, measures.rows_of(name, subject), subject, colour, dash="dot")
        for subject, colour in zip(overview.use_case.task.baselines, BASELINE_COLOURS, strict=False)
    ]
    traces.append(
        add_line(overview, measures.rows_of(f"{EXPECTED}{metric}", "model"), "expected", "var(--expected)", dash="dash")
    )
    of_model = add_line(overview, model, "model", "var(--first)", width=2.2, detail=_detail)
    traces.append(of_model | {"legendrank": 1})  # it is drawn above the others, and named before them
    compared = [row for first in PERFORMANCE for row in measures.rows_of(f"{first}{metric}")]
    broken = {row.period for row in compared if row.breached}
    traces.append(add_marks([row for row in model if row.period in broken], "broken"))
    return _marked(overview, new_chart(overview, traces))


def _detail(row: MetricValue) -> str:
    reach = "" if row.lower is None or row.upper is None else f", {row.lower:.4f} to {row.upper:.4f}"
    return f"{row.period.unit.counted(row.periods)} up to {row.measured_period}, version {row.model_version}{reach}"


def limited_chart(overview: MeasuredPeriods, metric: MonitoringMetric) -> Figure | None:
    """Draw a metric with its limit, and mark the breaches."""
    rows = overview.measures.rows_of(metric.name, metric.subject)
    if not any(row.value is not None for row in rows):
        return None
    limits = add_line(overview, rows, "limit", "var(--bad)", dash="dash", of="limit")
    value = add_line(overview, rows, metric.label, "var(--first)", width=2)
    return _marked(
        overview,
        new_chart(overview, [limits, value, add_marks([row for row in rows if row.breached], "broken")], floor=True),
    )


def rates_chart(overview: Overview) -> Figure | None:
    """Draw the mean prediction and the mean label, on the day that they are about."""
    words = task_model(overview.use_case)
    first, *others = [*overview.use_case.task.mean_columns] or [""]
    predicted, came = (
        overview.measures.rows_of(first, "prediction"),
        overview.measures.rows_of(words.level, "model"),
    )
    if not predicted and not came:
        return None
    traces = [
        add_line(overview, came, "actual", "var(--expected)", width=1.6, by="measured_period"),
        *(
            add_line(
                overview,
                overview.measures.rows_of(name, "prediction"),
                MONITORING_METRICS[name].label.removesuffix(" rate"),
                GREY,
                dash="dot",
                by="measured_period",
            )
            for name in others
        ),
        add_line(overview, predicted, "predicted", "var(--first)", width=2, by="measured_period"),
    ]
    drawn = new_chart(overview, traces, floor=True)
    if words.level_is_share:
        drawn["layout"]["yaxis"]["tickformat"] = ".0%"
    return _marked(overview, drawn)


def volumes_chart(overview: Overview) -> Figure | None:
    """Draw each feed's published and quarantined rows, on an axis from 0.

    Each feed has its own axis.
    """
    counted = {feed: overview.measures.rows_of("published", feed) for feed in overview.measures.subjects("published")}
    feeds = [feed for feed, rows in counted.items() if any(row.value is not None for row in rows)]
    if not feeds:
        return None
    traces: list[Figure] = []
    axes: Figure = {}
    names: list[Figure] = []
    height = 1 / len(feeds)
    for number, feed in enumerate(reversed(feeds)):
        axis = "" if number == 0 else str(number + 1)
        for metric, colour in (("published", "var(--first-soft)"), ("quarantined", "var(--bad)")):
            rows = overview.measures.rows_of(metric, feed)
            traces.append(_bars(rows, f"{feed}, {metric}", colour) | {"yaxis": f"y{axis}", "showlegend": False})
        top = (number + 1 - BAND_GAP) * height
        axes[f"yaxis{axis}"] = {"domain": [number * height, top], "nticks": 3}
        # Above its band: next to a narrow band, the title of its axis would run into those of the others.
        names.append(
            {
                "text": feed, "x": 0, "y": top, "xref": "paper", "yref": "paper", "xanchor": "left",
                "yanchor": "bottom", "showarrow": False, "font": {"color": "var(--muted)"},
            }
        )  # fmt: skip
    drawn = new_chart(overview, traces, floor=True, height=max(190, 78 * len(feeds)))
    drawn["layout"]["annotations"] = names
    for name, axis in axes.items():
        drawn["layout"][name] = drawn["layout"]["yaxis"] | axis
    return _stacked(overview, drawn)


def quarantine_chart(overview: Overview) -> Figure | None:
    """Quarantined rows by reason: the most frequent reasons, and all others together."""
    by_reason = {subject: overview.measures.rows_of("quarantined_by_reason", subject)
                 for subject in overview.measures.subjects("quarantined_by_reason")}  # fmt: skip
    total = {subject: sum(row.value or 0 for row in rows) for subject, rows in by_reason.items()}
    ranked = sorted((name for name in total if total[name]), key=lambda name: -total[name])
    if not ranked:
        return None
    traces = [_bars(by_reason[name], name, colour) for name, colour in zip(ranked[:REASONS], PALETTE, strict=False)]
    if rest := ranked[REASONS:]:
        traces.append(_bars([row for name in rest for row in by_reason[name]], f"{len(rest)} other reasons", GREY))
    return _stacked(overview, new_chart(overview, traces, floor=True))


def _stacked(overview: Overview, drawn: Figure) -> Figure:
    """Stack the bars, and shade the days without a known number of published rows."""
    unknown = {row.period for row in overview.measures.rows_of("quarantined") if row.value is None}
    drawn["layout"]["shapes"] += [_shade(period, period) for period in sorted(unknown)]
    drawn["layout"]["shapes"] += [_shade(*gap) for gap in measuring_gaps(overview.measures.periods)]
    drawn["layout"] |= {"barmode": "stack"}
    return drawn


def _bars(rows: Sequence[MetricValue], name: str, colour: str) -> Figure:
    return {
        "type": "bar",
        "name": name,
        "x": [to_x(row.period) for row in rows],
        "y": [row.value for row in rows],
        # Plotly takes the width from the distance of two bars, and a single one would have none.
        "width": 0.85 * step_width(rows[0].period) if rows else None,
        "marker": {"color": colour, "line": {"width": 0}},
        "hovertemplate": "%{y:,}<extra>%{fullData.name}</extra>",
    }


def _marked(overview: MeasuredPeriods, drawn: Figure) -> Figure:
    """Mark the days of new champions, and shade the days without metrics."""
    shown = overview.calendar
    first, last = shown[0], shown[-1]
    promotions = [entry for entry in overview.entries if entry.makes_champion and first <= entry.effective_from <= last]
    drawn["layout"]["shapes"] += [add_vertical(entry.effective_from, f"v{entry.version}") for entry in promotions]
    drawn["layout"]["shapes"] += [_shade(*gap) for gap in measuring_gaps(overview.measures.periods)]
    return drawn


def _shade(first: Period, last: Period) -> Figure:
    return {
        "type": "rect", "yref": "paper", "y0": 0, "y1": 1, "layer": "below", "line": {"width": 0},
        "x0": f"{first} 00:00", "x1": f"{last} 23:59", "fillcolor": "var(--gap)",
    }  # fmt: skip
