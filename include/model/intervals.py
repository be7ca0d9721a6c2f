"""How sure a metric is: its confidence interval when other days might have been drawn."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from include.declaration.costs import DecisionCosts
from include.model import autocorrelation, metrics
from include.model.arrays import Numbers
from include.model.metrics import ADDITIVE, BINS, METRICS

MIN_DAYS = autocorrelation.MIN_DAYS


def metric_intervals(
    days: npt.NDArray[np.datetime64],
    labels: Numbers,
    probabilities: Numbers,
    costs: DecisionCosts,
    confidence: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """Metric to its two-sided interval, from each row's day, label and probability; all of one length.

    Student's t around the metric of all rows, with the standard error of the mean of the days' pseudo-values under
    autocorrelation (model/autocorrelation.py), kept within the metric's range.
    A metric that is not defined with one of the days left out has no interval, and with fewer than 3 days none has.
    Where the mean prediction is right, `mean_error` has a corner at 0 and its interval is only a rough one.
    """
    found = {}
    for metric, each in rates_by_day(days, labels, probabilities, costs).items():
        whole = metrics.compute_metric(metric, labels, probabilities, costs)
        assert whole is not None  # what is defined without any one day is defined with all
        found[metric] = around(metric, whole, each, confidence)
    return found


def around(metric: str, whole: float, pseudo_values: Numbers, confidence: float = 0.95) -> tuple[float, float]:
    """The two-sided interval around a metric's value from its days' pseudo-values."""
    reach = autocorrelation.reach(autocorrelation.precision_of_mean(pseudo_values), (1 + confidence) / 2)
    return max(whole - reach, 0.0), min(whole + reach, METRICS[metric].upper_bound)


def rates_by_day(
    days: npt.NDArray[np.datetime64], labels: Numbers, probabilities: Numbers, costs: DecisionCosts
) -> dict[str, Numbers]:
    """Metric to the pseudo-value of each day, in order of days, where it is defined with any one day left out.

    The delete-one-day jackknife (Tukey 1958; Efron, Stein 1981): n times the metric of all rows less n - 1 times that
    without the day. What a day contributes, so that their mean estimates the metric, for metrics that are no means too;
    pseudo-values of two models on the same rows may be subtracted.
    """
    found = {}
    for metric, left_out in _left_out(days, labels, probabilities, costs).items():
        whole, number = metrics.compute_metric(metric, labels, probabilities, costs), len(left_out)
        assert whole is not None
        found[metric] = number * whole - (number - 1) * left_out
    return found


def _left_out(
    days: npt.NDArray[np.datetime64], labels: Numbers, probabilities: Numbers, costs: DecisionCosts
) -> dict[str, Numbers]:
    """Metric to its value with each day left out; only those that are defined without any one of 3 days or more."""
    named, place = np.unique(days, return_inverse=True)
    if len(named) < MIN_DAYS:
        return {}
    found = _sums(place, labels, probabilities, costs) | _ranked(place, labels, probabilities)
    for metric in METRICS.keys() - found.keys():
        found[metric] = _recomputed(metric, place, labels, probabilities, costs)
    return {metric: found[metric] for metric in METRICS if np.all(np.isfinite(found[metric]))}


def _recomputed(
    metric: str, place: npt.NDArray[np.int64], labels: Numbers, probabilities: Numbers, costs: DecisionCosts
) -> Numbers:
    """A metric that has no formula here, computed again without each day (NaN: not defined)."""
    kept = (place != day for day in range(place.max() + 1))
    values = [metrics.compute_metric(metric, labels[rows], probabilities[rows], costs) for rows in kept]
    return np.array([math.nan if value is None else value for value in values])


def _without(place: npt.NDArray[np.int64], values: Numbers) -> Numbers:
    """The sum of the values without each day in turn."""
    found: Numbers = np.sum(values) - np.bincount(place, weights=values)
    return found


def _sums(
    place: npt.NDArray[np.int64], labels: Numbers, probabilities: Numbers, costs: DecisionCosts
) -> dict[str, Numbers]:
    """Metrics made of sums over rows, with each day left out."""
    rows = len(place) - np.bincount(place)
    found = {name: _without(place, metrics.losses(name, labels, probabilities, costs)) / rows for name in ADDITIVE}
    gap = probabilities - labels
    found["mean_error"] = np.abs(_without(place, gap)) / rows
    bins = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    by_day = np.bincount(place * BINS + bins, weights=gap, minlength=len(rows) * BINS).reshape(-1, BINS)
    # |share - mean prediction| of a bin, weighted by its rows, is the absolute sum of the gaps in it.
    found["ece"] = np.sum(np.abs(by_day.sum(axis=0) - by_day), axis=1) / rows
    return found


def _ranked(place: npt.NDArray[np.int64], labels: Numbers, probabilities: Numbers) -> dict[str, Numbers]:
    """AUC and average precision with each day left out (NaN: not defined), from one sort of all rows."""
    distinct, rank = np.unique(-probabilities, return_inverse=True)
    order = np.argsort(place, kind="stable")
    ends = np.cumsum(np.bincount(place))
    every, positive = np.bincount(rank), np.bincount(rank, weights=labels)
    found: dict[str, list[float]] = {"auc": [], "average_precision": []}
    for own in np.split(order, ends[:-1]):
        rows = every - np.bincount(rank[own], minlength=len(distinct))
        positives = positive - np.bincount(rank[own], weights=labels[own], minlength=len(distinct))
        area, precision = _areas(rows[rows > 0].astype(np.float64), positives[rows > 0].astype(np.float64))
        found["auc"].append(area)
        found["average_precision"].append(precision)
    return {metric: np.array(values) for metric, values in found.items()}


def _areas(rows: Numbers, positives: Numbers) -> tuple[float, float]:
    """AUC and average precision from rows and positives of each distinct probability, highest first."""
    above = np.cumsum(positives)
    all_positives, all_negatives = float(above[-1]), float(np.sum(rows) - above[-1])
    if not (all_positives and all_negatives):
        return math.nan, math.nan
    precision = float(positives @ (above / np.cumsum(rows))) / all_positives
    return float((rows - positives) @ (above - positives / 2)) / (all_positives * all_negatives), precision
