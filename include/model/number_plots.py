"""Plot the results of a training that predicts numbers, as PNG bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from include.model import plotting
from include.model.arrays import Numbers
from include.model.metrics.regression import point_of
from include.model.period_arrays import end_of
from include.model.plots import COLOURS, SHADES, finish_axes

if TYPE_CHECKING:
    from include.model.trainer import TrainingRows

POINTS = 5_000
"""Most points of a scatter plot, evenly spaced among the rows."""
_OTHERS = ("#d1781d", "#8a8a8a", "#6b8e23")


def plot_predicted_and_actual(title: str, label: str, labels: Numbers, predicted: Numbers) -> bytes:
    """Plot the label of test rows against their prediction."""
    figure = plotting.new_figure(f"{title}: predicted and actual, test periods", width=6.5, height=6)
    axes = figure.subplots()
    chosen = np.linspace(0, len(labels) - 1, min(len(labels), POINTS)).astype(np.int64)
    point = point_of(predicted)
    axes.scatter(point[chosen], labels[chosen], s=6, alpha=0.3, color=COLOURS["model"], lw=0)
    ends = [float(min(point.min(), labels.min())), float(max(point.max(), labels.max()))]
    axes.plot(ends, ends, color="#bbbbbb", lw=1, ls="--", label="perfect")
    finish_axes(axes, "Predicted", plotting.plain_axes(label))
    return plotting.png_of(figure)


def plot_errors(title: str, label: str, labels: Numbers, predicted: Mapping[str, Numbers]) -> bytes:
    """Plot the distribution of the errors between their 0.5 and 99.5 percentiles."""
    figure = plotting.new_figure(f"{title}: prediction minus {label}, test periods")
    axes = figure.subplots()
    errors = {subject: point_of(values) - labels for subject, values in predicted.items()}
    low, high = np.quantile(np.concatenate([*errors.values()]), [0.005, 0.995]).tolist()
    others = iter(_OTHERS)
    for subject, values in errors.items():
        colour = COLOURS["model"] if subject == "model" else next(others, "#8a8a8a")
        axes.hist(values, bins=60, range=(low, max(high, low + 1e-9)), histtype="step", color=colour, label=subject)
    axes.axvline(0, color="#222222", lw=0.8)
    finish_axes(axes, "Prediction minus label", "Rows")
    return plotting.png_of(figure)


def plot_level_by_period(
    title: str, label: str, parts: Mapping[str, TrainingRows], predicted: Mapping[str, Mapping[str, Numbers]]
) -> bytes:
    """Plot mean prediction, interval and label of each day, with shaded splits."""
    figure = plotting.new_figure(f"{title}: {label} by period, predicted and actual", width=11)
    axes = figure.subplots()
    for split, part in parts.items():
        periods, place = np.unique(part.periods, return_inverse=True)
        rows, values, first = np.bincount(place), predicted[split]["model"], split == "train"
        axes.axvspan(periods[0], end_of(periods), color=SHADES[split], label=split, lw=0)
        if values.ndim == 2:
            low, high = (np.bincount(place, weights=values[:, column]) / rows for column in (1, 2))
            named = "mean interval" if first else None
            axes.fill_between(periods, low, high, color=COLOURS["model"], alpha=0.15, lw=0, label=named)
        actual = np.bincount(place, weights=part.labels) / rows
        expected = np.bincount(place, weights=point_of(values)) / rows
        axes.plot(periods, actual, color="#222222", lw=1.2, marker=".", ms=4, label="actual" if first else None)
        axes.plot(periods, expected, color=COLOURS["model"], lw=1.6, label="predicted" if first else None)
    figure.autofmt_xdate()
    finish_axes(axes, "", plotting.plain_axes(f"Mean {label}"), legend=False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=6, fontsize=9, frameon=False)
    return plotting.png_of(figure)
