"""How good probabilities are: numbers from labels (0 or 1) and predicted probabilities, both one-dimensional."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.use_case import Costs

Numbers = npt.NDArray[np.float64]
CLIP = 1e-15
"""Log loss treats probabilities nearer than this to 0 or 1 as if they were this near: a sure mistake costs 34.5."""
BINS = 10
HIGHER_IS_BETTER = {
    "log_loss": False,
    "auc": True,
    "average_precision": True,
    "brier": False,
    "ece": False,
    "expected_cost": False,
}


def log_loss(labels: Numbers, probabilities: Numbers) -> float:
    """Mean of -log p(what happened), natural logarithm (Good 1952), with p clipped to [CLIP, 1 - CLIP]."""
    p = np.clip(probabilities, CLIP, 1 - CLIP)
    return float(-np.mean(np.where(labels > 0, np.log(p), np.log1p(-p))))


def brier(labels: Numbers, probabilities: Numbers) -> float:
    """Mean squared difference of probability and label (Brier 1950, for two classes: from 0 to 1)."""
    return float(np.mean((probabilities - labels) ** 2))


def auc(labels: Numbers, probabilities: Numbers) -> float | None:
    """Chance that a positive is ranked above a negative, ties counting half (Mann-Whitney U; Hanley, McNeil 1982).

    None where only one class is there: it is not defined.
    """
    positives = int(np.sum(labels > 0))
    negatives = len(labels) - positives
    if not positives or not negatives:
        return None
    _, place, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    middle_ranks = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = float(np.sum(middle_ranks[place][labels > 0]))
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


@dataclass(frozen=True)
class Curve:
    """What each threshold gives, from the highest down: true and false positives counted up to and with it."""

    thresholds: Numbers
    true_positives: Numbers
    false_positives: Numbers


def curve(labels: Numbers, probabilities: Numbers) -> Curve:
    """Counts at every distinct probability, the base of the ROC and the precision-recall curve."""
    order = np.argsort(-probabilities, kind="stable")
    ordered, hits = probabilities[order], np.cumsum(labels[order] > 0)
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))[: len(ordered)]
    true = hits[last].astype(np.float64)
    return Curve(ordered[last], true, (last + 1) - true)


def average_precision(labels: Numbers, probabilities: Numbers) -> float | None:
    """Sum over thresholds of precision times step in recall, not interpolated (Zhu 2004). None without positives."""
    found = curve(labels, probabilities)
    if not len(labels) or not found.true_positives[-1]:
        return None
    recall = found.true_positives / found.true_positives[-1]
    precision = found.true_positives / (found.true_positives + found.false_positives)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


@dataclass(frozen=True)
class Calibration:
    """Of each bin of predicted probability that has rows: rows, mean prediction and share of positives."""

    rows: Numbers
    predicted: Numbers
    happened: Numbers


def calibration(labels: Numbers, probabilities: Numbers, bins: int = BINS) -> Calibration:
    """Rows grouped into equally wide bins of probability; 1.0 falls into the last. Empty bins are left out."""
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
    warned, happened = probabilities >= threshold, labels > 0
    return Confusion(
        warned_rightly=int(np.sum(warned & happened)),
        warned_falsely=int(np.sum(warned & ~happened)),
        missed=int(np.sum(~warned & happened)),
        rightly_quiet=int(np.sum(~warned & ~happened)),
    )


def expected_cost(labels: Numbers, probabilities: Numbers, costs: Costs) -> float:
    """Mean cost of a row when we warn from the costs' threshold on, in the costs' unit (Elkan 2001)."""
    found = confusion(labels, probabilities, costs.threshold)
    return (found.missed * costs.missed + found.warned_falsely * costs.false_warning) / len(labels)


def of(labels: Numbers, probabilities: Numbers, costs: Costs) -> dict[str, float]:
    """Every metric that is defined for these rows; ValueError for no rows at all or unequal lengths."""
    if len(labels) != len(probabilities) or not len(labels):
        raise ValueError(
            f"Metrics need as many labels as probabilities, at least one: {len(labels)} and"
            f" {len(probabilities)} were given."
        )
    found = {
        "rows": float(len(labels)),
        "base_rate": float(np.mean(labels)),
        "mean_prediction": float(np.mean(probabilities)),
        "log_loss": log_loss(labels, probabilities),
        "brier": brier(labels, probabilities),
        "ece": ece(labels, probabilities),
        "expected_cost": expected_cost(labels, probabilities, costs),
        "auc": auc(labels, probabilities),
        "average_precision": average_precision(labels, probabilities),
    }
    return {name: value for name, value in found.items() if value is not None}


def name(split: str, metric: str, subject: str) -> str:
    """How a training run calls a metric: MLflow's page groups by what stands before the slash."""
    return f"{split}/{metric}.{subject}"


def of_split(recorded: Mapping[str, float], split: str) -> dict[str, dict[str, float]]:
    """Of a run's metrics those of a split: subject (model or a baseline) to metric to value."""
    found: dict[str, dict[str, float]] = {}
    for called, value in sorted(recorded.items()):
        where, _, rest = called.partition("/")
        metric, _, subject = rest.partition(".")
        if where == split and subject:
            found.setdefault(subject, {})[metric] = value
    return found
