"""The drawing of replayed policies: how good each was along the way, and when it trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from include.backtest.result import ROLLING_DAYS, PolicyOutcome
from include.model import plotting

COLOURS = ("#333333", "#d1781d", "#0b5fa5", "#a3307f", "#6b8e23", "#c62828")
"""Told apart by those who do not see red and green alike: by line style too."""
STYLES = ("-", "--", "-", ":", "-.", "-")


def plot_backtest(title: str, outcomes: Sequence[PolicyOutcome]) -> bytes:
    """A PNG: log loss, what each policy gained over the first one, AUC, and the trainings."""
    figure = plotting.new_figure(title, width=11, height=12)
    loss, gain, auc, marks = figure.subplots(4, 1, sharex=True, height_ratios=[3, 3, 3, 2])
    base = _series(outcomes[0], "log_loss")
    for outcome, colour, style in zip(outcomes, COLOURS, STYLES, strict=False):
        drawn = {"color": colour, "ls": style, "label": outcome.policy, "lw": 1.6}
        days = np.array([*outcome.rolling], dtype="datetime64[D]")
        found = _series(outcome, "log_loss")
        loss.plot(days, found, **drawn)
        gain.plot(days, base - found, **drawn)
        auc.plot(days, _series(outcome, "auc"), **drawn)
    _marks(marks, outcomes)
    _finish(loss, f"Log loss, {ROLLING_DAYS} days")
    _finish(gain, f"Log loss gained over “{outcomes[0].policy}”")
    _finish(auc, f"AUC, {ROLLING_DAYS} days")
    loss.legend(fontsize=9, frameon=False, ncols=3)
    marks.grid(axis="x", alpha=0.25)
    marks.spines[["top", "right"]].set_visible(False)
    return plotting.png_of(figure)


def _marks(axes: Axes, outcomes: Sequence[PolicyOutcome]) -> None:
    """A mark per training: full where it was promoted, hollow where not, crossed where it was a false alarm."""
    for place, (outcome, colour) in enumerate(zip(outcomes, COLOURS, strict=False)):
        for each in outcome.trainings:
            day, face = np.datetime64(each["day"]), colour if each["result"] == "promoted" else "none"
            axes.plot(np.array([day]), [place], marker="o", ms=8, mec=colour, mfc=face, ls="")
            if each["false_alarm"]:
                axes.plot(np.array([day]), [place], marker="x", ms=11, color="#111111", ls="")
    axes.set_yticks(range(len(outcomes)), [outcome.policy for outcome in outcomes])
    axes.set_ylim(len(outcomes) - 0.5, -0.5)
    axes.set_xlabel("Trainings: full = promoted, hollow = not promoted, × = not better on the 28 days after")


def _series(outcome: PolicyOutcome, metric: str) -> np.ndarray:
    values = [each[metric] for each in outcome.rolling.values()]
    return np.array([np.nan if value is None else value for value in values])


def _finish(axes: Axes, y: str) -> None:
    axes.set_ylabel(y)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
