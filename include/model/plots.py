"""Plot the results of a training, as PNG bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from include.model import plotting
from include.model.arrays import Numbers
from include.model.metrics import METRICS, binary
from include.model.period_arrays import end_of

if TYPE_CHECKING:
    from include.model.trainer import TrainingRows

COLOURS = {"model": "#0b5fa5", "logistic": "#d1781d", "prior": "#8a8a8a"}
SHADES = {"train": "#dfe8f1", "validation": "#f6e7c8", "test": "#dff0df"}
FEATURES_SHOWN = 25


def plot_roc_and_precision_recall(title: str, labels: Numbers, predicted: Mapping[str, Numbers]) -> bytes:
    """Plot ROC and precision-recall curves of model and baselines."""
    figure = plotting.new_figure(f"{title}: ROC and precision–recall, test periods", width=11)
    roc, pr = figure.subplots(1, 2)
    for subject, probabilities in predicted.items():
        curves = binary.curves(labels, probabilities)
        if curves is None:
            continue
        style = {"color": COLOURS.get(subject), "lw": 2 if subject == "model" else 1.3}
        area = binary.auc(labels, probabilities)
        roc.plot(curves.false_positive_rate, curves.true_positive_rate, label=_legend(subject, "auc", area), **style)
        area = binary.average_precision(labels, probabilities)
        label = _legend(subject, "average_precision", area)
        pr.step(curves.recall, curves.precision, where="post", label=label, **style)
    finish_axes(roc, "False positive rate", "True positive rate")
    finish_axes(pr, "Recall", "Precision")
    return plotting.png_of(figure)


def plot_calibration(title: str, labels: Numbers, predicted: Mapping[str, Numbers]) -> bytes:
    """Plot the share of positives by mean prediction, and a histogram of predictions."""
    figure = plotting.new_figure(f"{title}: calibration, test periods", height=6.5)
    points, rows = figure.subplots(2, 1, height_ratios=[3, 1], sharex=True)
    points.plot([0, 1], [0, 1], color="#bbbbbb", lw=1, ls="--", label="perfect")
    for subject, probabilities in predicted.items():
        bins = binary.calibration(labels, probabilities)
        label = _legend(subject, "ece", binary.ece(labels, probabilities))
        points.plot(bins.predicted, bins.happened, marker="o", ms=4, color=COLOURS.get(subject), label=label)
    rows.hist(predicted["model"], bins=40, range=(0, 1), color=COLOURS["model"])
    finish_axes(points, "", "Share of positives")
    finish_axes(rows, "Predicted probability", "Rows", legend=False)
    return plotting.png_of(figure)


def plot_confusion(title: str, labels: Numbers, probabilities: Numbers, threshold: float, label: str) -> bytes:
    """Plot the confusion matrix at the decision threshold."""
    counts = binary.confusion(labels, probabilities, threshold)
    cells = np.array([[counts.true_negatives, counts.false_positives], [counts.false_negatives, counts.true_positives]])
    figure = plotting.new_figure(f"{title}: confusion at threshold {threshold:.3g}, test periods", width=6, height=5)
    axes = figure.subplots()
    axes.imshow(cells, cmap="Blues", vmin=0, vmax=max(cells.max() * 1.4, 1))
    for (row, column), count in np.ndenumerate(cells):
        axes.text(column, row, f"{count:,}\n{count / cells.sum():.1%}", ha="center", va="center", fontsize=13)
    axes.set_xticks([0, 1], ["predicted negative", "predicted positive"])
    axes.set_yticks([0, 1], [plotting.plain_axes(f"not {label}"), plotting.plain_axes(label)])
    axes.set_xlabel("Predicted")
    axes.set_ylabel("Happened")
    return plotting.png_of(figure)


def plot_importance(title: str, gains: Mapping[str, float]) -> bytes:
    """Plot each feature's share of the total gain on the train days."""
    total = sum(gains.values()) or 1
    shown = sorted(gains.items(), key=lambda item: item[1])[-FEATURES_SHOWN:]
    figure = plotting.new_figure(
        f"{title}: feature importance (share of gain, train periods)", height=1.6 + 0.26 * len(shown)
    )
    axes = figure.subplots()
    names = [plotting.plain_axes(name) for name, _ in shown]
    axes.barh(range(len(shown)), [gain / total for _, gain in shown], tick_label=names, color=COLOURS["model"])
    finish_axes(axes, "Share of gain", "", legend=False)
    return plotting.png_of(figure)


def plot_rate_by_period(
    title: str,
    label: str,
    parts: Mapping[str, TrainingRows],
    predicted: Mapping[str, Mapping[str, Numbers]],
) -> bytes:
    """Plot mean prediction and share of positives of each day, with shaded splits."""
    figure = plotting.new_figure(f"{title}: {label} by period, predicted and actual", width=11)
    axes = figure.subplots()
    for split, part in parts.items():
        periods, place = np.unique(part.periods, return_inverse=True)
        rows = np.bincount(place)
        actual = np.bincount(place, weights=part.labels) / rows
        expected = np.bincount(place, weights=predicted[split]["model"]) / rows
        first = split == "train"
        axes.axvspan(periods[0], end_of(periods), color=SHADES[split], label=split, lw=0)
        axes.plot(periods, actual, color="#222222", lw=1.2, marker=".", ms=4, label="actual" if first else None)
        axes.plot(periods, expected, color=COLOURS["model"], lw=1.6, label="predicted" if first else None)
    figure.autofmt_xdate()
    finish_axes(axes, "", plotting.plain_axes(f"Share of {label}"), legend=False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=5, fontsize=9, frameon=False)
    return plotting.png_of(figure)


def _legend(subject: str, metric: str, value: float | None) -> str:
    """Return the legend of a subject with one of its metrics."""
    return f"{subject} ({METRICS[metric].short} {value:.3f})"


def finish_axes(axes: Axes, x: str, y: str, *, legend: bool = True) -> None:
    """Label the axes, and add a grid and, if there is anything in it, a legend."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=9, frameon=False)
