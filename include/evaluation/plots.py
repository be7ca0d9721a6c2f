"""Plot the gates, the slices and the comparison with the champion, as PNG bytes."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from include.evaluation.gates.result import GateResult
from include.model import plotting
from include.model.arrays import Numbers
from include.model.period_arrays import Starts, end_of


class Style(NamedTuple):
    """Hold the colour and marker of an outcome.

    The colours are distinguishable when colour-blind (Okabe, Ito 2008).
    """

    colour: str
    marker: str


STYLES = {
    "passed": Style("#00795a", "o"),
    "failed": Style("#c43e00", "X"),
    "inconclusive": Style("#8a6d00", "D"),
    "informational": Style("#6b6b6b", "s"),
}
BETTER, WORSE = STYLES["passed"].colour, STYLES["failed"].colour
TICKS = (-1, -0.25, -0.05, 0, 0.05, 0.25, 1)
"""Distances from the limit that are marked on the axis."""
WIDTH, NAMES, DRAWN, ABOVE, BELOW = 12.0, 3.75, 5.0, 0.75, 0.65
"""Sizes of the plot of all gates in inches: total width, names, axes, and the margins above and below the axes."""
COLUMNS = (1.03, 1.35, 1.5)
"""Positions of outcome, value and limit right of the axes, as shares of their width."""
NAME_WIDTH = 44
"""Characters of a gate's name on a line."""
GROUPS_SHOWN = 8
"""Worst groups per sliced column."""


class PlotGroup(NamedTuple):
    """Hold one group of rows of a sliced column."""

    column: str
    group: str
    rows: int
    worse: float | None
    """Degradation compared with its reference, in the metric's unit; None if it was not judged."""
    limit: float


def plot_gate_results(title: str, judged: Sequence[GateResult]) -> bytes:
    """Plot one row per result: the distance of its value from its limit.

    Both numbers are written. The distance is |value - limit| / max(|value|, |limit|), from 0 to 1, on a square-root
    scale, so that narrow and wide margins are both readable. Failed results are left of the line; a hollow mark on the
    line has no distance.
    """
    lines = [_wrapped(gate_result.gate) for gate_result in judged]
    heights = [0.30 + 0.16 * text.count("\n") for text in lines]
    # Names of two lines get more room; rows are counted from the top.
    places = [-(sum(heights[:row]) + heights[row] / 2) for row in range(len(heights))]
    height = sum(heights) + ABOVE + BELOW
    figure = plotting.new_figure(title, WIDTH, height, layout=None)
    # Placed by hand: an automatic layout ignores the columns of text on the right.
    axes = figure.add_axes((NAMES / WIDTH, BELOW / height, DRAWN / WIDTH, sum(heights) / height))
    for gate_result, y in zip(judged, places, strict=True):
        _plot_gate_result(axes, gate_result, y)
    axes.axvline(0, color="#222222", lw=1.4, zorder=1)
    axes.set_xlim(-1.08, 1.08)
    axes.set_ylim(-sum(heights), 0)
    axes.set_yticks(places, lines, fontsize=9)
    axes.set_xticks([_scaled(tick) for tick in TICKS], [f"{abs(tick):.0%}" if tick else "limit" for tick in TICKS])
    axes.set_xlabel("← fails        distance from the limit, as a share of the larger number        passes →")
    axes.grid(axis="x", alpha=0.25)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    for x, heading in zip(COLUMNS, ("outcome", "value", "limit"), strict=True):
        axes.text(x, 0.05, heading, transform=axes.get_yaxis_transform(), fontsize=9, color="#555555", va="bottom")
    return plotting.png_of(figure)


def _plot_gate_result(axes: Axes, gate_result: GateResult, y: float) -> None:
    style, distance = STYLES[gate_result.outcome], _distance(gate_result)
    x = _scaled(distance or 0.0)
    axes.axhline(y, color="#eeeeee", lw=1, zorder=0)
    axes.plot([0, x], [y, y], color=style.colour, lw=3, alpha=0.35, solid_capstyle="butt", zorder=2)
    face = "white" if distance is None else style.colour
    axes.plot([x], [y], style.marker, ms=8, mfc=face, mec=style.colour, mew=1.4, zorder=3)
    allowed = " (allowed)" if gate_result.outcome in ("failed", "inconclusive") and not gate_result.blocks else ""
    aligned: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 9}
    weight = "bold" if gate_result.outcome == "failed" else "normal"
    axes.text(COLUMNS[0], y, gate_result.outcome + allowed, color=style.colour, weight=weight, **aligned)
    axes.text(COLUMNS[1], y, _number(gate_result.value), **aligned)
    axes.text(COLUMNS[2], y, _number(gate_result.limit), **aligned)


def _distance(gate_result: GateResult) -> float | None:
    """Return the distance from -1 (failed by far) to 1 (passed by far), or None."""
    value, limit = gate_result.value, gate_result.limit
    side = {"passed": 1, "failed": -1}.get(gate_result.outcome)
    if side is None or value is None or limit is None or not math.isfinite(value) or not math.isfinite(limit):
        return None
    largest = max(abs(value), abs(limit))
    return side * min(abs(value - limit) / largest, 1.0) if largest else 0.0


def _scaled(distance: float) -> float:
    return math.copysign(math.sqrt(abs(distance)), distance)


def plot_slices(title: str, groups: Sequence[PlotGroup]) -> bytes:
    """Plot the worst groups' degradation of each sliced column, with its limit."""
    parts: dict[tuple[str, float], list[PlotGroup]] = {}
    for group in groups:
        if group.worse is not None and math.isfinite(group.worse):
            parts.setdefault((group.column, group.limit), []).append(group)
    shown = {key: sorted(part, key=lambda each: -(each.worse or 0))[:GROUPS_SHOWN] for key, part in parts.items()}
    rows = [len(part) for part in shown.values()] or [1]
    figure = plotting.new_figure(title, width=8.5, height=0.9 + 0.75 * len(rows) + 0.27 * sum(rows))
    panels = figure.subplots(len(rows), 1, height_ratios=[count + 1 for count in rows], squeeze=False)[:, 0]
    if not shown:
        panels[0].text(0.5, 0.5, "No group had enough rows to be judged.", ha="center", va="center", color="#555555")
        panels[0].set_axis_off()
    for axes, ((column, limit), part) in zip(panels, shown.items(), strict=False):
        _panel(axes, column, limit, part, judged=len(parts[column, limit]))
    return plotting.png_of(figure)


def _panel(axes: Axes, column: str, limit: float, part: Sequence[PlotGroup], *, judged: int) -> None:
    for place, group in enumerate(part):
        worse = group.worse or 0.0
        colour, hatch = (WORSE, "///") if worse > limit else (BETTER, "")
        axes.barh(place, worse, height=0.7, color=colour, hatch=hatch, edgecolor="white", lw=0)
        axes.annotate(
            f"{worse:+.3g}", (max(worse, 0), place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8
        )
    axes.axvline(limit, color="#222222", lw=1.4, ls="--", label=f"limit {_number(limit)}")
    axes.axvline(0, color="#888888", lw=0.8)
    names = [f"{_shortened(group.group)}  ({group.rows:,} rows)" for group in part]
    axes.set_yticks(range(len(part)), names, fontsize=9)
    axes.set_ylim(len(part) - 0.4, -0.6)
    axes.margins(x=0.16)
    more = f", the worst {len(part)} of {judged} groups" if judged > len(part) else ""
    axes.set_title(f"{_shortened(column)}{more}", fontsize=10, loc="left")
    axes.legend(fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.1)
    axes.set_xlabel("worse by →", fontsize=9, loc="right")
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def plot_champion(
    title: str,
    periods: Starts,
    differences: Numbers,
    *,
    mean: float,
    interval: tuple[float, float],
    margin: float = 0.0,
    metric: str = "log_loss",
) -> bytes:
    """Plot challenger minus champion on each test day; below 0 is better.

    Also drawn are the mean, its interval and the margin. `differences` are the means of the days; `mean` is over all
    rows, so it may differ from their mean. An infinite end of the interval (a one-sided bound) is drawn to the edge.
    """
    figure = plotting.new_figure(title, width=11, height=4.6)
    axes = figure.subplots()
    colours = [BETTER if difference <= 0 else WORSE for difference in differences]
    axes.bar(periods, differences, width=0.75 * _width(periods), color=colours, alpha=0.75)
    reach = np.concatenate([differences, [mean, margin, 0.0], [end for end in interval if math.isfinite(end)]])
    span = float(np.ptp(reach)) or 1.0
    bottom, top = float(reach.min()) - 0.08 * span, float(reach.max()) + 0.08 * span
    low, high = max(interval[0], bottom), min(interval[1], top)
    axes.axhspan(low, high, color="#0b5fa5", alpha=0.15, lw=0, label=f"its interval {_bounds(interval)}")
    axes.axhline(mean, color="#0b5fa5", lw=2, label=f"mean over all rows {mean:+.3g}")
    axes.axhline(0, color="#888888", lw=0.8)
    axes.axhline(margin, color="#222222", lw=1.4, ls="--", label=f"margin {margin:g}")
    axes.set_ylim(bottom, top)
    axes.set_ylabel(f"{metric.replace('_', ' ')}: challenger - champion\n← better        worse →", fontsize=9)
    axes.grid(axis="y", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.autofmt_xdate()
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, fontsize=9, frameon=False)
    return plotting.png_of(figure)


def _width(periods: Starts) -> float:
    """Return the length of a period in days, the unit of the axis."""
    return float((end_of(periods) - periods.max()) / np.timedelta64(1, "D"))


def _bounds(interval: tuple[float, float]) -> str:
    low, high = interval
    if math.isinf(low):
        return f"up to {high:+.3g}"
    return f"from {low:+.3g} on" if math.isinf(high) else f"{low:+.3g} to {high:+.3g}"


def _wrapped(name: str) -> str:
    lines = textwrap.wrap(plotting.plain_axes(name), NAME_WIDTH, max_lines=2, placeholder=" …")
    return "\n".join(lines) or "–"


def _shortened(name: str) -> str:
    name = plotting.plain_axes(name)
    return name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 1] + "…"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
