"""Compute metrics from predictions alone, before their labels are known.

Probabilities: confidence-based performance estimation (CBPE; NannyML, https://nannyml.readthedocs.io, "Estimation of
performance of the monitored model"; Guillory et al. 2021). If the probabilities are calibrated, a row with the
probability p is positive with the chance p, so its expected loss is p loss(1, p) + (1 - p) loss(0, p), and a sum of
such rows has the expected confusion matrix, from which AUC and the metrics of classes are computed.

Numbers: the mean loss of validation and test rows with a similar prediction (`LossCurve`). Direct loss estimation
(NannyML, DLE) fits a model of the loss on all features instead; decision 0072 says why this reads the prediction alone.

Neither sees a change of concept: labels that change although features and predictions stay the same. The values are
those of labels that follow the predictions as before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from include.declaration.task import Binary, Multiclass, Regression, Task
from include.model.arrays import Numbers
from include.model.metrics import METRICS, losses
from include.model.metrics.regression import point_of

CELLS = ("true positives", "false positives", "false negatives", "true negatives")
"""Cells of the expected confusion matrix of a binary task, in order."""
_GRID, _REACH = 1 << 15, 36.0
"""Bins of the log-odds for the expected AUC, from -36 to 36: probabilities within 0.1 % of their odds are ties."""
_CURVE_BINS = 20
_KNOWN = ("interval_width",)
"""Metrics that do not depend on labels, so that there is nothing to estimate."""
_DIGITS = 12
"""Significant digits of an estimate: sums over batches in another order differ in later ones."""


class Totals(Protocol):
    """Sum batches of predictions, and return the metrics that they are expected to have."""

    rows: int

    def add(self, predictions: Numbers) -> None:
        """Add a batch of predictions, of the shape of the task."""

    def values(self) -> dict[str, float]:
        """Return metric to its expected value, for at least one row."""

    def confusion(self) -> dict[str, float]:
        """Return cell of the confusion matrix to its expected rows; empty if the task has none."""


def totals_for(task: Task, curve: LossCurve | None = None) -> Totals | None:
    """Return empty totals for predictions of the task; None for numbers without a curve of losses."""
    if isinstance(task, Binary):
        return _BinaryTotals(task)
    if isinstance(task, Multiclass):
        return _ClassTotals(task)
    return _NumberTotals(curve) if curve is not None else None


def needs_curve(task: Task) -> bool:
    """Return whether the estimate of a task's metrics needs a curve of losses."""
    return isinstance(task, Regression)


def expected_metrics_of(task: Task, predictions: Numbers, curve: LossCurve | None = None) -> dict[str, float]:
    """Return metric to its expected value for predictions that fit into memory; empty without rows."""
    totals = totals_for(task, curve)
    if totals is None or not len(predictions):
        return {}
    totals.add(predictions)
    return totals.values()


class _Sums:
    """Add up numbers so that the order of batches does not change the first digits."""

    def __init__(self) -> None:
        self._parts: dict[str, list[float]] = {}

    def add(self, name: str, values: Numbers) -> None:
        self._parts.setdefault(name, []).append(float(np.sum(values)))

    def total(self, name: str) -> float:
        return math.fsum(self._parts[name])


class _BinaryTotals:
    """Sum the expected losses and the expected confusion of probabilities of an event."""

    def __init__(self, task: Binary) -> None:
        self.task, self.rows, self._sums = task, 0, _Sums()
        self._metrics = [name for name in task.metrics if METRICS[name].additive]
        self._positive, self._all = np.zeros(_GRID), np.zeros(_GRID)

    def add(self, predictions: Numbers) -> None:
        ones, zeros = np.ones(len(predictions)), np.zeros(len(predictions))
        self.rows += len(predictions)
        for name in self._metrics:
            expected = predictions * losses(name, ones, predictions, self.task)
            expected += (1 - predictions) * losses(name, zeros, predictions, self.task)
            self._sums.add(name, expected)
        flagged = predictions >= self.task.threshold
        for cell, chance in zip(
            CELLS,
            (predictions * flagged, (1 - predictions) * flagged, predictions * ~flagged, (1 - predictions) * ~flagged),
            strict=True,
        ):
            self._sums.add(cell, chance)
        with np.errstate(divide="ignore"):
            odds = np.clip(np.log(predictions) - np.log1p(-predictions), -_REACH, _REACH)
        place = np.minimum(((odds + _REACH) * (_GRID / (2 * _REACH))).astype(np.int64), _GRID - 1)
        self._positive += np.bincount(place, weights=predictions, minlength=_GRID)
        self._all += np.bincount(place, minlength=_GRID)

    def values(self) -> dict[str, float]:
        found = {name: _rounded(self._sums.total(name) / self.rows) for name in self._metrics}
        if "auc" in self.task.metrics and (area := self._auc()) is not None:
            found["auc"] = _rounded(area)
        return found

    def confusion(self) -> dict[str, float]:
        return {cell: _rounded(self._sums.total(cell)) for cell in CELLS}

    def _auc(self) -> float | None:
        """Return the expected pairs in the right order over all expected pairs; ties count half.

        Each row counts as p of a positive and 1 - p of a negative.
        """
        negative = self._all - self._positive
        pairs = self._positive.sum() * negative.sum()
        if pairs <= 0:
            return None
        below = np.cumsum(negative) - negative
        return float(np.sum(self._positive * (below + negative / 2)) / pairs)


class _ClassTotals:
    """Sum the expected losses and the expected confusion matrix of probabilities of classes."""

    def __init__(self, task: Multiclass) -> None:
        self.task, self.rows, self._sums = task, 0, _Sums()
        self._metrics = [name for name in task.metrics if METRICS[name].additive]
        self._classes = len(task.classes)
        weights = task.class_weights
        self._weights = np.asarray(weights or (1.0,) * self._classes, dtype=np.float64)

    def add(self, predictions: Numbers) -> None:
        self.rows += len(predictions)
        # With weights, the probabilities are those of a population in which classes are as frequent as weighted.
        chances = predictions / self._weights
        chances /= chances.sum(axis=1, keepdims=True)
        for name in self._metrics:
            self._sums.add(name, self._expected(name, chances, predictions))
        chosen = np.argmax(predictions, axis=1)
        for actual in range(self._classes):
            for predicted in range(self._classes):
                self._sums.add(f"{actual} {predicted}", chances[chosen == predicted, actual])

    def _expected(self, name: str, chances: Numbers, predictions: Numbers) -> Numbers:
        expected = np.zeros(len(predictions))
        for place in range(self._classes):
            expected += chances[:, place] * losses(
                name, np.full(len(predictions), float(place)), predictions, self.task
            )
        return expected

    def values(self) -> dict[str, float]:
        found = {name: _rounded(self._sums.total(name) / self.rows) for name in self._metrics}
        classes = range(self._classes)
        cells = np.array([[self._sums.total(f"{a} {p}") for p in classes] for a in classes])
        correct, labelled, named = np.diag(cells), cells.sum(axis=1), cells.sum(axis=0)
        recalls = correct[labelled > 0] / labelled[labelled > 0]
        total = labelled + named
        by_class = {
            "macro_f1": np.mean(2 * correct[total > 0] / total[total > 0]),
            "balanced_accuracy": np.mean(recalls),
            "least_recall": np.min(recalls),
        }
        return found | {name: _rounded(float(by_class[name])) for name in by_class if name in self.task.metrics}

    def confusion(self) -> dict[str, float]:
        return {}


@dataclass(frozen=True)
class LossCurve:
    """Hold the mean loss of each metric by bins of the predicted number, and of the width of its interval."""

    edges: tuple[float, ...]
    """Bin i holds edges[i-1] <= x < edges[i] of the predicted number."""
    widths: tuple[float, ...]
    """The same of the width of the interval; empty without intervals, or if all have one width."""
    losses: Mapping[str, tuple[float, ...]]
    """Metric to the mean loss of each bin, by number and then width."""

    @property
    def bins(self) -> int:
        """Return the number of bins."""
        return (len(self.edges) + 1) * (len(self.widths) + 1)

    def place(self, predictions: Numbers) -> Any:
        """Return the bin of each prediction."""
        place = np.searchsorted(np.asarray(self.edges), point_of(predictions), side="right")
        if not self.widths:
            return place
        width = np.searchsorted(np.asarray(self.widths), predictions[:, 2] - predictions[:, 1], side="right")
        return place * (len(self.widths) + 1) + width

    def mean(self, counts: Numbers) -> dict[str, float]:
        """Return metric to the mean loss of rows that are so distributed over the bins."""
        total = float(np.sum(counts))
        found = {name: math.fsum((counts * np.asarray(each)).tolist()) / total for name, each in self.losses.items()}
        return {name: _rounded(value) for name, value in found.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> LossCurve:
        """Build the curve from the values of `asdict`."""
        by_metric = {name: tuple(each) for name, each in values["losses"].items()}
        return cls(tuple(values["edges"]), tuple(values["widths"]), by_metric)


@dataclass(frozen=True)
class LossSums:
    """Hold the losses of rows with labels, by period and bin: what curves are made of."""

    curve: LossCurve
    """The bins, without losses."""
    counts: Numbers
    """Rows, of shape (periods, bins)."""
    sums: Mapping[str, Numbers]
    """Metric to the sum of its losses, of the same shape."""

    def without(self, period: int | None) -> LossCurve:
        """Return the curve of all periods, or of all but one.

        A bin without rows has the mean of all bins.
        """
        counts, found = _left(self.counts, period), {}
        for name, sums in self.sums.items():
            left = _left(sums, period)
            overall = float(np.sum(left) / max(float(np.sum(counts)), 1.0))
            found[name] = tuple(np.where(counts > 0, left / np.maximum(counts, 1), overall).tolist())
        return LossCurve(self.curve.edges, self.curve.widths, found)


def loss_sums(task: Task, labels: Numbers, predictions: Numbers, place: Any, periods: int) -> LossSums:
    """Sum the losses of labelled rows by period and bin; `place` is the number of each row's period, from 0."""
    edges = _edges(point_of(predictions), _CURVE_BINS)
    widths = _edges(predictions[:, 2] - predictions[:, 1], 4) if predictions.ndim == 2 else ()
    curve = LossCurve(edges, widths, {})
    cell = place * curve.bins + curve.place(predictions)
    shape, size = (periods, curve.bins), periods * curve.bins
    sums: dict[str, Numbers] = {}
    for name in task.metrics:
        is_loss = METRICS[name].additive and name not in _KNOWN
        if is_loss and METRICS[name].function(labels, predictions, task) is not None:
            row_losses = losses(name, labels, predictions, task)
            sums[name] = np.bincount(cell, weights=row_losses, minlength=size).reshape(shape).astype(np.float64)
    return LossSums(curve, np.bincount(cell, minlength=size).reshape(shape).astype(np.float64), sums)


class _NumberTotals:
    """Count predicted numbers by the bins of a curve of losses."""

    def __init__(self, curve: LossCurve) -> None:
        self.rows, self._curve = 0, curve
        self._counts = np.zeros(curve.bins)

    def add(self, predictions: Numbers) -> None:
        self.rows += len(predictions)
        self._counts += np.bincount(self._curve.place(predictions), minlength=self._curve.bins)

    def values(self) -> dict[str, float]:
        found = self._curve.mean(self._counts)
        return found | ({"rmse": _rounded(math.sqrt(max(found["mse"], 0.0)))} if "mse" in found else {})

    def confusion(self) -> dict[str, float]:
        return {}


def _edges(values: Numbers, bins: int) -> tuple[float, ...]:
    """Return distinct quantiles of the values; empty if all are equal."""
    inner = np.quantile(values, np.arange(1, bins) / bins, method="lower")
    found: Sequence[float] = np.unique(inner[inner > np.min(values)]).tolist()
    return tuple(found)


def _left(values: Numbers, period: int | None) -> Numbers:
    total: Numbers = np.sum(values, axis=0)
    return total if period is None else total - values[period]


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
