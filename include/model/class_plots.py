"""Plot the results of a training that predicts classes, as PNG bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from include.model import plotting
from include.model.arrays import Numbers
from include.model.metrics import binary
from include.model.period_arrays import end_of
from include.model.plots import SHADES, finish_axes

if TYPE_CHECKING:
    from include.model.trainer import TrainingRows

PALETTE = ("#0b5fa5", "#d1781d", "#6b8e23", "#a3307f", "#c62828", "#8a8a8a")
CLASSES_SHOWN = 20
"""Most classes of a confusion matrix with their counts as text."""


def plot_class_confusion(title: str, labels: Numbers, probabilities: Numbers, classes: Sequence[str]) -> bytes:
    """Plot the rows by label and predicted class."""
    size, predicted = len(classes), np.argmax(probabilities, axis=1)
    cells = np.bincount(labels.astype(np.int64) * size + predicted, minlength=size * size).reshape(size, size)
    reach = min(4 + 0.7 * size, 14)
    figure = plotting.new_figure(f"{title}: confusion, test periods", width=reach + 1, height=reach)
    axes = figure.subplots()
    axes.imshow(cells, cmap="Blues", vmin=0, vmax=max(cells.max() * 1.4, 1))
    for (row, column), count in np.ndenumerate(cells if size <= CLASSES_SHOWN else np.empty((0, 0))):
        axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=9)
    names = [plotting.plain_axes(name) for name in classes]
    axes.set_xticks(range(size), names, rotation=45, ha="right")
    axes.set_yticks(range(size), names)
    axes.set_xlabel("Predicted")
    axes.set_ylabel("Happened")
    return plotting.png_of(figure)


def plot_class_calibration(title: str, labels: Numbers, probabilities: Numbers, classes: Sequence[str]) -> bytes:
    """Plot, for each class, its share among rows by their probability of it."""
    figure = plotting.new_figure(f"{title}: calibration of each class, test periods")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#bbbbbb", lw=1, ls="--", label="perfect")
    for code, name in enumerate(classes):
        bins = binary.calibration((labels == code).astype(np.float64), probabilities[:, code])
        colour = PALETTE[code % len(PALETTE)]
        axes.plot(bins.predicted, bins.happened, marker="o", ms=4, color=colour, label=plotting.plain_axes(name))
    finish_axes(axes, "Predicted probability", "Share of the class")
    return plotting.png_of(figure)


def plot_shares_by_period(
    title: str,
    label: str,
    parts: Mapping[str, TrainingRows],
    predicted: Mapping[str, Mapping[str, Numbers]],
    classes: Sequence[str],
) -> bytes:
    """Plot mean probability and share of each class by day, with shaded splits."""
    figure = plotting.new_figure(f"{title}: {label} by period, predicted (solid) and actual (dotted)", width=11)
    axes = figure.subplots()
    for split, part in parts.items():
        periods, place = np.unique(part.periods, return_inverse=True)
        rows, first = np.bincount(place), split == "train"
        axes.axvspan(periods[0], end_of(periods), color=SHADES[split], label=split, lw=0)
        for code, name in enumerate(classes):
            colour = PALETTE[code % len(PALETTE)]
            actual = np.bincount(place, weights=part.labels == code) / rows
            expected = np.bincount(place, weights=predicted[split]["model"][:, code]) / rows
            axes.plot(periods, actual, color=colour, lw=1, ls=":")
            axes.plot(periods, expected, color=colour, lw=1.6, label=plotting.plain_axes(name) if first else None)
    figure.autofmt_xdate()
    finish_axes(axes, "", "Share of rows", legend=False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=5, fontsize=9, frameon=False)
    return plotting.png_of(figure)
