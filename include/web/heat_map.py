"""Draw the drift of every feature and period, each in relation to its own limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from include.declaration.period import Period
from include.monitoring.metric_table import MetricTable
from include.web.plotly import MeasuredPeriods, new_chart, step_width, to_x

Figure = dict[str, Any]
Values = npt.NDArray[np.float64]
ROW_HEIGHT, MARGIN = 17, 44
"""Pixels of a feature's row, and of the axis."""
MOST_ROWS = 250
"""Number of features that are drawn; the table of features has all."""
TOP = 3.0
"""Multiple of the limit from which on the colour stays the same."""
MOST_COLUMNS = 120
"""Columns that are wide enough for a mark; of a longer range, each is the worst of several periods."""
NAME_LENGTH = 30
"""Longest part of a feature's name next to its row."""


@dataclass(frozen=True)
class DriftGrid:
    """PSI of features by period, in relation to its limits.

    Features with most breaches are first.
    """

    features: tuple[str, ...]
    periods: tuple[Period, ...]
    psi: Values
    """Shape (features, periods); NaN if it was not measured."""
    ratio: Values
    """PSI divided by its limit."""
    broken: npt.NDArray[np.bool_]
    importance: tuple[float | None, ...]
    """The newest share of the model's gain of each feature."""


def drift_grid(measures: MetricTable, periods: list[Period], default_limit: float) -> DriftGrid:
    """Return the drift of all features.

    They are ordered by number of breaches, newest ratio and importance. `default_limit` is that of cells without
    a stored limit.
    """
    psi = measures.grid("psi", periods)
    limits, broken = (measures.grid("psi", periods, column).values for column in ("limit", "breached"))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = psi.values / np.where(limits > 0, limits, default_limit)
    is_broken = broken == 1
    shares = measures.grid("importance", periods)
    share_of = dict(zip(shares.subjects, map(_last, shares.values), strict=True))
    importance = [share_of.get(name) for name in psi.subjects]
    newest = np.array([_last(row) or 0.0 for row in ratio])
    order = np.lexsort((-np.array([each or 0.0 for each in importance]), -newest, -is_broken.sum(axis=1)))
    return DriftGrid(
        tuple(psi.subjects[row] for row in order), tuple(periods), psi.values[order], ratio[order], is_broken[order],
        tuple(importance[row] for row in order),
    )  # fmt: skip


def drift_heatmap(overview: MeasuredPeriods) -> Figure | None:
    """Draw PSI divided by its limit for each feature and period; breaches are marked.

    The features with most breaches are on top.
    """
    grid = drift_grid(overview.measures, overview.calendar, overview.use_case.monitoring.feature_psi)
    if not np.isfinite(grid.psi).any():
        return None
    names, step = list(grid.features[:MOST_ROWS]), 1 / TOP
    size = math.ceil(len(grid.periods) / MOST_COLUMNS)
    ratio, broken = _worst(grid.ratio[:MOST_ROWS], size), _worst(grid.broken[:MOST_ROWS].astype(float), size) == 1
    firsts = grid.periods[::size]
    unit = overview.period.unit.name
    where = "%{x|%-d %b %Y}" if size == 1 else f"the largest of {size} {unit}s around %{{x|%-d %b %Y}}"
    x0, dx = datetime.fromisoformat(to_x(overview.first)), step_width(overview.period)
    trace: Figure = {
        "type": "heatmap",
        # With a list of dates, a single period would have no width. These are the middles of columns.
        "x0": _middle(x0, dx, 0, size),
        "dx": dx * size,
        "meta": {"dates": list(map(str, firsts))},
        "y": names,
        "z": cells(ratio),
        "colorscale": [
            [0, "var(--calm)"], [step - 1e-6, "var(--warm)"], [step, "var(--hot)"], [1, "var(--bad)"],
        ],
        "zmin": 0,
        "zmax": TOP,
        "xgap": 1,
        "ygap": 1,
        "hoverongaps": False,
        "hovertemplate": f"%{{y}}<br>{where}<br>%{{z:.3~g}} × its own limit<extra></extra>",
        "showscale": False,
    }  # fmt: skip
    middles = [_middle(x0, dx, n * size, size) for n in range(len(firsts))]
    drawn = new_chart(overview, [trace, _marks(broken, names, middles)], height=MARGIN + ROW_HEIGHT * len(names))
    drawn["layout"]["yaxis"] |= {
        "type": "category", "showgrid": False, "ticks": "", "tickvals": names,
        "range": [len(names) - 0.5, -0.5],  # the first on top; marks would else add a margin
        "ticktext": list(map(_row_name, names, grid.importance)),
    }  # fmt: skip
    drawn["layout"]["xaxis"] |= {"side": "top", "showgrid": False}
    return drawn | {"layout": drawn["layout"] | {"showlegend": False, "hovermode": "closest"}}


def cells(values: Values, digits: int = 3) -> list[list[float | None]]:
    """Return the values with None for NaN, which JSON does not have."""
    rounded = np.round(values, digits).astype(object)
    rounded[~np.isfinite(values)] = None
    listed: list[list[float | None]] = rounded.tolist()
    return listed


def _middle(start: datetime, width: float, first: int, size: int) -> str:
    """Return the middle of a column of `size` periods, as Plotly reads it."""
    return f"{start + timedelta(milliseconds=width * (first + (size - 1) / 2)):%Y-%m-%d %H:%M}"


def _worst(values: Values, size: int) -> Values:
    """Return the greatest value of each group of `size` columns; NaN without one."""
    missing = -values.shape[1] % size
    filled = np.pad(values, ((0, 0), (0, missing)), constant_values=np.nan)
    worst: Values = np.fmax.reduce(filled.reshape(len(values), -1, size), axis=2)
    return worst


def _marks(broken: npt.NDArray[np.bool_], names: list[str], middles: list[str]) -> Figure:
    """Return a cross in each broken cell, so that not only its colour tells it.

    Empty if there is none.
    """
    if not broken.any():
        return {}
    rows, columns = np.nonzero(broken)
    return {
        "type": "scatter", "mode": "markers", "name": "above its limit", "hoverinfo": "skip",
        "x": [middles[column] for column in columns], "y": [names[row] for row in rows],
        "marker": {"symbol": "x-thin", "size": 5, "line": {"width": 1, "color": "var(--text)"}},
    }  # fmt: skip


def _row_name(name: str, importance: float | None) -> str:
    short = name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}…"
    return short if importance is None else f"{short}  {importance:.0%}"


def _last(values: Values) -> float | None:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else None
