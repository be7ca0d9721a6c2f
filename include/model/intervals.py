"""Compute confidence intervals of metrics, with days as the sampling unit."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from include.declaration.costs import DecisionCosts
from include.model import autocorrelation, metrics
from include.model.arrays import Numbers
from include.model.metrics import ADDITIVE, BINS, METRICS

MIN_PERIODS = autocorrelation.MIN_PERIODS


def metric_intervals(
    periods: npt.NDArray[np.datetime64],
    labels: Numbers,
    probabilities: Numbers,
    costs: DecisionCosts,
    confidence: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """Return metric to its two-sided interval, from each row's day, label and probability.

    Student's t around the metric of all rows, with the standard error of the mean of the days' pseudo-values under
    autocorrelation (model/autocorrelation.py), clipped to the metric's range. A metric that is undefined with any one
    day left out has no interval; with fewer than 3 days no metric has one. `mean_error` has a corner at 0, so its
    interval is only approximate if the mean prediction is right.
    """
    found = {}
    for metric, pseudo_values in rates_by_period(periods, labels, probabilities, costs).items():
        whole = metrics.compute_metric(metric, labels, probabilities, costs)
        assert whole is not None  # a metric that is defined without any one day is defined with all
        found[metric] = around(metric, whole, pseudo_values, confidence)
    return found


def around(metric: str, whole: float, pseudo_values: Numbers, confidence: float = 0.95) -> tuple[float, float]:
    """Return the two-sided interval around a metric's value, from its days' pseudo-values."""
    reach = autocorrelation.reach(autocorrelation.precision_of_mean(pseudo_values), (1 + confidence) / 2)
    return max(whole - reach, 0.0), min(whole + reach, METRICS[metric].upper_bound)


def rates_by_period(
    periods: npt.NDArray[np.datetime64], labels: Numbers, probabilities: Numbers, costs: DecisionCosts
) -> dict[str, Numbers]:
    """Return metric to the pseudo-value of each day, if it is defined with any one day left out.

    The delete-one-day jackknife (Tukey 1958; Efron, Stein 1981): n times the metric of all rows minus n - 1 times the
    metric without the day. The mean of the pseudo-values estimates the metric, also for metrics that are not means;
    pseudo-values of two models on the same rows can be subtracted. Values are in order of days.
    """
    found = {}
    for metric, left_out in _left_out(periods, labels, probabilities, costs).items():
        whole, number = metrics.compute_metric(metric, labels, probabilities, costs), len(left_out)
        assert whole is not None
        found[metric] = number * whole - (number - 1) * left_out
    return found


def _left_out(
    periods: npt.NDArray[np.datetime64], labels: Numbers, probabilities: Numbers, costs: DecisionCosts
) -> dict[str, Numbers]:
    """Return metric to its values with each day left out.

    Only metrics that are defined without any one day; none for fewer than 3 days.
    """
    distinct, day_index = np.unique(periods, return_inverse=True)
    if len(distinct) < MIN_PERIODS:
        return {}
    found = _additive_metrics(day_index, labels, probabilities, costs) | _rank_metrics(day_index, labels, probabilities)
    for metric in METRICS.keys() - found.keys():
        found[metric] = _recompute(metric, day_index, labels, probabilities, costs)
    return {metric: found[metric] for metric in METRICS if np.all(np.isfinite(found[metric]))}


def _recompute(
    metric: str, day_index: npt.NDArray[np.int64], labels: Numbers, probabilities: Numbers, costs: DecisionCosts
) -> Numbers:
    """Compute a metric again without each day; NaN where it is undefined."""
    kept = (day_index != period for period in range(day_index.max() + 1))
    values = [metrics.compute_metric(metric, labels[rows], probabilities[rows], costs) for rows in kept]
    return np.array([math.nan if value is None else value for value in values])


def _without(day_index: npt.NDArray[np.int64], values: Numbers) -> Numbers:
    """Return the sum of the values without each day in turn."""
    sums: Numbers = np.sum(values) - np.bincount(day_index, weights=values)
    return sums


def _additive_metrics(
    day_index: npt.NDArray[np.int64], labels: Numbers, probabilities: Numbers, costs: DecisionCosts
) -> dict[str, Numbers]:
    """Compute the metrics that are sums over rows, with each day left out."""
    rows = len(day_index) - np.bincount(day_index)
    found = {name: _without(day_index, metrics.losses(name, labels, probabilities, costs)) / rows for name in ADDITIVE}
    gap = probabilities - labels
    found["mean_error"] = np.abs(_without(day_index, gap)) / rows
    bins = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    by_day = np.bincount(day_index * BINS + bins, weights=gap, minlength=len(rows) * BINS).reshape(-1, BINS)
    # |share - mean prediction| of a bin, weighted by its rows, is the absolute sum of its gaps.
    found["ece"] = np.sum(np.abs(by_day.sum(axis=0) - by_day), axis=1) / rows
    return found


def _rank_metrics(day_index: npt.NDArray[np.int64], labels: Numbers, probabilities: Numbers) -> dict[str, Numbers]:
    """Compute AUC and average precision with each day left out, from one sort.

    Values are NaN where a metric is undefined.
    """
    distinct, rank = np.unique(-probabilities, return_inverse=True)
    order = np.argsort(day_index, kind="stable")
    ends = np.cumsum(np.bincount(day_index))
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
    """Return AUC and average precision, from counts per distinct probability.

    The highest probability comes first.
    """
    above = np.cumsum(positives)
    all_positives, all_negatives = float(above[-1]), float(np.sum(rows) - above[-1])
    if not (all_positives and all_negatives):
        return math.nan, math.nan
    precision = float(positives @ (above / np.cumsum(rows))) / all_positives
    return float((rows - positives) @ (above - positives / 2)) / (all_positives * all_negatives), precision
