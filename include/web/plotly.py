"""Make the parts of charts as Plotly JSON: frame, lines, bands and marks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

from include.declaration.period import HOUR, Period
from include.declaration.use_case import UseCase
from include.monitoring.metric_table import MetricTable, MetricValue
from include.registry.ledger_entry import LedgerEntry

Figure = dict[str, Any]
GREY = "var(--quiet)"
PALETTE = ("var(--first)", "var(--second)", "var(--expected)", "var(--hot)", "var(--third)")


class DrawnPeriods(Protocol):
    """The periods of the horizontal axis, such as those of an overview."""

    @property
    def first(self) -> Period: ...

    @property
    def period(self) -> Period:
        """Return the last one."""
        ...

    @property
    def calendar(self) -> list[Period]:
        """Return all, measured or not."""
        ...


class MeasuredPeriods(DrawnPeriods, Protocol):
    """Drawn periods with their metrics and the ledger, such as those of an overview."""

    @property
    def use_case(self) -> UseCase: ...

    @property
    def measures(self) -> MetricTable: ...

    @property
    def entries(self) -> Sequence[LedgerEntry]: ...


FEW = 8
"""With fewer days than this, the axis names each day."""


def to_x(period: Period) -> str:
    """Return the start of a period as Plotly reads it; of an hour, in UTC."""
    return f"{period.start:%Y-%m-%d %H:%M}" if period.unit is HOUR else period.naive_start


def step_width(period: Period) -> float:
    """Return the length of a period on the axis, in Plotly's milliseconds."""
    return period.unit.step.total_seconds() * 1000


def new_chart(drawn: DrawnPeriods, traces: Sequence[Figure], *, floor: bool = False, height: int = 180) -> Figure:
    """Return a chart of the traces over the drawn days; `floor` starts the axis at 0."""
    step = drawn.period.unit.step
    first, last = (datetime.fromisoformat(to_x(period)) for period in (drawn.first, drawn.period))
    # With few days Plotly adds ticks within a day and repeats its date.
    own_ticks = drawn.period.unit is not HOUR and drawn.period - drawn.first < FEW
    ticks: Figure = {"dtick": step_width(drawn.period)} if own_ticks else {}
    hour = "%H:%M " if drawn.period.unit is HOUR else ""
    axis: Figure = {"gridcolor": "var(--grid)", "zeroline": False, "automargin": True, "nticks": 5}
    layout: Figure = {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 4, "b": 4},
        "paper_bgcolor": "var(--clear)",
        "plot_bgcolor": "var(--clear)",
        "font": {"family": "system-ui, sans-serif", "size": 11, "color": "var(--text)"},
        "xaxis": {
            "type": "date", "gridcolor": "var(--grid)", "automargin": True, "nticks": 8,
            "tickformat": f"{hour}%-d %b\n%Y", "hoverformat": f"%a {hour}%-d %b %Y",
            "range": [(first - step / 2).isoformat(), (last + step / 2).isoformat()],
        } | ticks,
        "yaxis": axis | ({"rangemode": "tozero"} if floor else {}),
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "var(--hover)", "bordercolor": "var(--line)", "font": {"color": "var(--text)"}},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"color": "var(--muted)"}},
        "shapes": [],
        "dragmode": False,
    }  # fmt: skip
    return {"data": [trace for trace in traces if trace], "layout": layout}


def add_line(
    drawn: DrawnPeriods,
    rows: Sequence[MetricValue],
    name: str,
    colour: str,
    *,
    dash: str = "solid",
    width: float = 1.3,
    of: Literal["value", "limit"] = "value",
    by: Literal["period", "measured_period"] = "period",
    detail: Callable[[MetricValue], str] | None = None,
) -> Figure:
    """Return a line with a gap for each day without a value; empty if no day has one."""
    at = {getattr(row, by): row for row in rows}
    if all(getattr(row, of) is None for row in rows):
        return {}
    periods = drawn.calendar
    row_of_period = [at.get(period) for period in periods]
    trace: Figure = {
        "type": "scatter",
        "mode": "lines+markers" if len(rows) < 8 else "lines",
        "name": name,
        "x": [to_x(period) for period in periods],
        "y": [None if row is None else getattr(row, of) for row in row_of_period],
        "line": {"color": colour, "dash": dash, "width": width},
        "marker": {"size": 5, "color": colour},
        "connectgaps": False,
        "hovertemplate": "%{y:.4f}<extra>" + name + "</extra>",
    }
    if detail:
        trace["text"] = ["" if row is None else detail(row) for row in row_of_period]
        trace["hovertemplate"] = "%{y:.4f}  (%{text})<extra>" + name + "</extra>"
    return trace


def add_band(drawn: DrawnPeriods, rows: Sequence[MetricValue]) -> Figure:
    """Return the area between the interval bounds, one closed piece per run of days."""
    at = {row.period: row for row in rows if row.lower is not None and row.upper is not None}
    xs: list[str | None] = []
    ys: list[float | None] = []
    piece: list[MetricValue] = []
    for period in [*drawn.calendar, None]:
        if period in at:
            piece.append(at[period])
        elif piece:
            around = [
                *((row.period, row.upper) for row in piece),
                *((row.period, row.lower) for row in reversed(piece)),
            ]
            xs += [*(to_x(each) for each, _ in around), None]
            ys += [*(value for _, value in around), None]
            piece = []
    return {
        "type": "scatter", "mode": "lines", "name": "95% interval", "x": xs, "y": ys, "fill": "toself",
        "fillcolor": "var(--first-faint)", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": bool(xs),
    }  # fmt: skip


def add_marks(rows: Sequence[MetricValue], name: str) -> Figure:
    """Return a mark for each breach."""
    if not rows:
        return {}
    return {
        "type": "scatter", "mode": "markers", "name": name, "x": [to_x(row.period) for row in rows],
        "y": [row.value for row in rows], "marker": {"color": "var(--bad)", "size": 6, "symbol": "circle"},
        "hoverinfo": "skip",
    }  # fmt: skip


def add_vertical(period: Period, text: str) -> Figure:
    """Return a vertical line on the day from which another version is champion."""
    return {
        "type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": to_x(period), "x1": to_x(period),
        "line": {"color": "var(--quiet)", "width": 1, "dash": "dot"},
        "label": {"text": text, "textposition": "start", "textangle": 0, "xanchor": "left",
                  "font": {"size": 10, "color": "var(--muted)"}},
    }  # fmt: skip
