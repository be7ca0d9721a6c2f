"""Plot the performance of backtested policies over time, and their trainings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from include.backtest.result import ROLLING_DAYS, PolicyOutcome
from include.declaration.period import Period
from include.model import plotting
from include.model.metrics import METRICS
from include.model.period_arrays import to_start, to_starts

COLOURS = ("#333333", "#d1781d", "#0b5fa5", "#a3307f", "#6b8e23", "#c62828")
"""Distinguishable with red-green colour blindness, together with the line styles."""
STYLES = ("-", "--", "-", ":", "-.", "-")


def plot_backtest(title: str, outcomes: Sequence[PolicyOutcome], metrics: Sequence[str]) -> bytes:
    """Plot the first metric and its gain, the second metric, and the trainings."""
    first, second = metrics
    loss_label, second_label = (capitalized(METRICS[name].label) for name in (first, second))
    figure = plotting.new_figure(title, width=11, height=12)
    loss, gain, other, marks = figure.subplots(4, 1, sharex=True, height_ratios=[3, 3, 3, 2])
    base = _series(outcomes[0], first)
    for outcome, colour, style in zip(outcomes, COLOURS, STYLES, strict=False):
        drawn = {"color": colour, "ls": style, "label": outcome.policy, "lw": 1.6}
        periods = to_starts(map(Period, outcome.rolling))
        values = _series(outcome, first)
        loss.plot(periods, values, **drawn)
        gain.plot(periods, base - values, **drawn)
        other.plot(periods, _series(outcome, second), **drawn)
    _marks(marks, outcomes)
    _finish(loss, f"{loss_label}, {ROLLING_DAYS} periods")
    _finish(gain, f"{loss_label} gained over “{outcomes[0].policy}”")
    _finish(other, f"{second_label}, {ROLLING_DAYS} periods")
    loss.legend(fontsize=9, frameon=False, ncols=3)
    marks.grid(axis="x", alpha=0.25)
    marks.spines[["top", "right"]].set_visible(False)
    return plotting.png_of(figure)


def capitalized(label: str) -> str:
    """Return a metric's label with a capital, and the rest as it is."""
    return label[:1].upper() + label[1:]


def _marks(axes: Axes, outcomes: Sequence[PolicyOutcome]) -> None:
    """Draw a mark per training: full if promoted, hollow if not.

    A training that was a false alarm is crossed.
    """
    for place, (outcome, colour) in enumerate(zip(outcomes, COLOURS, strict=False)):
        for training in outcome.trainings:
            period, face = to_start(Period(training["period"])), colour if training["result"] == "promoted" else "none"
            axes.plot(np.array([period]), [place], marker="o", ms=8, mec=colour, mfc=face, ls="")
            if training["false_alarm"]:
                axes.plot(np.array([period]), [place], marker="x", ms=11, color="#111111", ls="")
    axes.set_yticks(range(len(outcomes)), [outcome.policy for outcome in outcomes])
    axes.set_ylim(len(outcomes) - 0.5, -0.5)
    axes.set_xlabel("Trainings: full = promoted, hollow = not promoted, × = not better in the 28 periods after")


def _series(outcome: PolicyOutcome, metric: str) -> np.ndarray:
    values = [metrics[metric] for metrics in outcome.rolling.values()]
    return np.array([np.nan if value is None else value for value in values])


def _finish(axes: Axes, y: str) -> None:
    axes.set_ylabel(y)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
