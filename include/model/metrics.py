"""How good probabilities are: numbers from labels (0 or 1) and predicted probabilities, both one-dimensional."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sklearn.metrics

from include.declaration.costs import DecisionCosts
from include.declaration.gates import ADDITIVE, METRICS

Numbers = npt.NDArray[np.float64]
BINS = 10
_LEAST = np.finfo(np.float64).eps
"""Probabilities are kept so far from 0 in the log loss, as scikit-learn does."""


def losses(metric: str, labels: Numbers, probabilities: Numbers, costs: DecisionCosts) -> Numbers:
    """What each row adds to a metric that is a mean over rows (`ADDITIVE` of the gates); KeyError for another.

    `log_loss`: -log p(what happened), natural logarithm (Good 1952); a sure mistake costs 36, not infinity.
    `brier`: squared difference of probability and label (Brier 1950, for two classes: from 0 to 1).
    `expected_cost`: in the costs' unit, when we warn from their threshold on (Elkan 2001).
    """
    if metric == "log_loss":
        happened = np.where(labels > 0, probabilities, 1 - probabilities)
        return np.asarray(-np.log(np.clip(happened, _LEAST, 1 - _LEAST)))
    if metric == "brier":
        return np.square(probabilities - labels)
    if metric == "expected_cost":
        warned = probabilities >= costs.threshold
        return np.where(labels > 0, np.where(warned, 0.0, costs.missed), np.where(warned, costs.false_warning, 0.0))
    raise KeyError(f"{metric} is no mean over rows; those are {list(ADDITIVE)}.")


def mean_error(labels: Numbers, probabilities: Numbers) -> float:
    """How far the mean prediction is from the share of positives: calibration in the large (Cox 1958), from 0 to 1."""
    return float(abs(np.mean(probabilities) - np.mean(labels)))


def auc(labels: Numbers, probabilities: Numbers) -> float | None:
    """Chance that a positive is ranked above a negative, ties counting half (Hanley, McNeil 1982).

    None where only one class is there: it is not defined.
    """
    return float(sklearn.metrics.roc_auc_score(labels, probabilities)) if _both(labels) else None


def average_precision(labels: Numbers, probabilities: Numbers) -> float | None:
    """Sum over thresholds of precision times step in recall, not interpolated (Zhu 2004).

    None where only one class is there: without positives there is no recall, and without negatives every ranking,
    also a wrong one, has the value 1.
    """
    return float(sklearn.metrics.average_precision_score(labels, probabilities)) if _both(labels) else None


@dataclass(frozen=True)
class Curves:
    """What each threshold gives: the ROC and the precision-recall curve, each from one end to the other."""

    false_positive_rate: Numbers
    true_positive_rate: Numbers
    recall: Numbers
    precision: Numbers


def curves(labels: Numbers, probabilities: Numbers) -> Curves | None:
    """Both curves; None where only one class is there."""
    if not _both(labels):
        return None
    false_positive_rate, true_positive_rate, _ = sklearn.metrics.roc_curve(labels, probabilities)
    precision, recall, _ = sklearn.metrics.precision_recall_curve(labels, probabilities)
    return Curves(false_positive_rate, true_positive_rate, recall, precision)


def _both(labels: Numbers) -> bool:
    return len(np.unique(labels)) == 2


@dataclass(frozen=True)
class Calibration:
    """Of each bin of predicted probability that has rows: rows, mean prediction and share of positives."""

    rows: Numbers
    predicted: Numbers
    happened: Numbers


def calibration(labels: Numbers, probabilities: Numbers, bins: int = BINS) -> Calibration:
    """Rows grouped into equally wide bins of probability; 1.0 falls into the last. Empty bins are left out.

    scikit-learn's `calibration_curve` does not say how many rows a bin has, which `ece` needs.
    """
    place = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    rows = np.bincount(place, minlength=bins).astype(np.float64)
    there = rows > 0
    predicted = np.bincount(place, weights=probabilities, minlength=bins)[there] / rows[there]
    happened = np.bincount(place, weights=labels, minlength=bins)[there] / rows[there]
    return Calibration(rows[there], predicted, happened)


def ece(labels: Numbers, probabilities: Numbers, bins: int = BINS) -> float:
    """Expected calibration error: |share of positives - mean prediction| per bin, weighted by rows (Naeini 2015)."""
    found = calibration(labels, probabilities, bins)
    return float(np.sum(found.rows * np.abs(found.happened - found.predicted)) / np.sum(found.rows))


@dataclass(frozen=True)
class Confusion:
    """Rows by what was warned of (probability at or above the threshold) and what happened."""

    warned_rightly: int
    warned_falsely: int
    missed: int
    rightly_quiet: int


def confusion(labels: Numbers, probabilities: Numbers, threshold: float) -> Confusion:
    """Count the four cases at a threshold."""
    cells = sklearn.metrics.confusion_matrix(labels > 0, probabilities >= threshold, labels=[False, True])
    (rightly_quiet, warned_falsely), (missed, warned_rightly) = cells.tolist()
    return Confusion(warned_rightly, warned_falsely, missed, rightly_quiet)


def compute_metric(metric: str, labels: Numbers, probabilities: Numbers, costs: DecisionCosts) -> float | None:
    """One metric of one row or more, by its name in `include.declaration.gates.METRICS` (KeyError for another).

    None where it is not defined for these rows.
    """
    if metric in ADDITIVE:
        return float(np.mean(losses(metric, labels, probabilities, costs)))
    return _OTHERS[metric](labels, probabilities)


_OTHERS: dict[str, Callable[[Numbers, Numbers], float | None]] = {
    "auc": auc,
    "average_precision": average_precision,
    "ece": ece,
    "mean_error": mean_error,
}


def compute_metrics(labels: Numbers, probabilities: Numbers, costs: DecisionCosts) -> dict[str, float]:
    """Every metric that is defined for these rows; ValueError for no rows at all or unequal lengths."""
    if len(labels) != len(probabilities) or not len(labels):
        raise ValueError(
            f"Metrics need as many labels as probabilities, at least one: {len(labels)} and"
            f" {len(probabilities)} were given."
        )
    rows = {
        "rows": float(len(labels)),
        "base_rate": float(np.mean(labels)),
        "mean_prediction": float(np.mean(probabilities)),
    }
    found = {metric: compute_metric(metric, labels, probabilities, costs) for metric in METRICS}
    return rows | {name: value for name, value in found.items() if value is not None}


def metric_name(split: str, metric: str, subject: str) -> str:
    """How a training run calls a metric: MLflow's page groups by what stands before the slash."""
    return f"{split}/{metric}.{subject}"


def split_metrics(recorded: Mapping[str, float], split: str) -> dict[str, dict[str, float]]:
    """Of a run's metrics those of a split: subject (model or a baseline) to metric to value."""
    found: dict[str, dict[str, float]] = {}
    for called, value in sorted(recorded.items()):
        where, _, rest = called.partition("/")
        metric, _, subject = rest.partition(".")
        if where == split and subject:
            found.setdefault(subject, {})[metric] = value
    return found
