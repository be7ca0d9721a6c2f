"""Draw what each step cost over time, one chart for each kind of cost."""

from __future__ import annotations

from typing import Any

from include.monitoring.definitions import MONITORING_METRICS, MonitoringMetric
from include.monitoring.durations import PEAK_MEMORY, STEPS
from include.web.overview import Overview
from include.web.plotly import GREY, PALETTE, add_line, add_marks, new_chart

Figure = dict[str, Any]
COSTS = tuple(metric for metric in MONITORING_METRICS.values() if metric.chart == "costs")
"""The measured costs, each with a chart of its own."""
COLOURS = (*PALETTE, GREY)
DASHES = ("solid", "dash", "dot")
"""Looks of the lines: those of the steps of a period are solid, those of a training dashed."""
HEIGHT = 230
_FORMATS = {"seconds": ("%{y:.3~f} s", "~g", " s"), "bytes": ("%{y:.3~s}B", "~s", "B")}
"""Unit to the formats of a value, of the numbers of its axis, and their unit."""


def cost_charts(overview: Overview) -> dict[str, Figure]:
    """Return the chart of each cost by its name, with a line for each step.

    A cost without values is left out.
    """
    return {metric.name: drawn for metric in COSTS if (drawn := _chart(overview, metric)) is not None}


def _chart(overview: Overview, metric: MonitoringMetric) -> Figure | None:
    of_step = {step: overview.cost_metrics.rows_of(metric.name, step) for step in STEPS}
    lines, broken = list[Figure](), [row for rows in of_step.values() for row in rows if row.breached]
    value, axis, unit = _FORMATS[metric.unit]
    for number, (step, rows) in enumerate(of_step.items()):
        dash = DASHES[number // len(COLOURS)]
        if line := add_line(overview, rows, step, COLOURS[number % len(COLOURS)], dash=dash):
            look: Figure = {
                "mode": "lines+markers",
                "connectgaps": True,
                "hovertemplate": f"{value}<extra>{step}</extra>",
            }
            lines.append(line | look | {"marker": line["marker"] | {"size": 4}})
    if not lines:
        return None
    drawn = new_chart(overview, [*lines, add_marks(broken, "more than usual")], height=HEIGHT, floor=True)
    drawn["layout"]["yaxis"] |= {"tickformat": axis, "ticksuffix": unit}
    if metric.name != PEAK_MEMORY:  # what steps take differs by powers of ten, and much memory is the libraries'
        drawn["layout"]["yaxis"] |= {"type": "log", "dtick": 1}
    return drawn
