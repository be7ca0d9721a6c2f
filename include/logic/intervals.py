"""How sure a metric is: its confidence interval when other days might have been drawn."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import scipy.stats

from include.gate import ADDITIVE, METRICS, UP_TO_ONE
from include.logic import metrics
from include.logic.metrics import BINS, Numbers
from include.use_case import Costs

MIN_DAYS = 3


def of(
    days: npt.NDArray[np.datetime64], labels: Numbers, probabilities: Numbers, costs: Costs, confidence: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Metric to its two-sided interval, from each row's day, label and probability; all of one length.

    Delete-one-day jackknife (Efron, Stein 1981) with Student's t for as many days, kept within the metric's range.
    A metric that is not defined with one of the days left out has no interval, and with fewer than 3 days none has.
    Where the mean prediction is right, `mean_error` has a corner at 0 and its interval is only a rough one.
    """
    left_out = _left_out(days, labels, probabilities, costs)
    found = {}
    for metric, each in left_out.items():
        whole = metrics.measure(metric, labels, probabilities, costs)
        assert whole is not None  # what is defined without any one day is defined with all
        highest = 1.0 if metric in UP_TO_ONE else math.inf
        reach = float(scipy.stats.t.ppf((1 + confidence) / 2, len(each) - 1)) * _error(each)
        found[metric] = max(whole - reach, 0.0), min(whole + reach, highest)
    return found


def standard_errors(
    days: npt.NDArray[np.datetime64], labels: Numbers, probabilities: Numbers, costs: Costs
) -> dict[str, float]:
    """Metric to its standard error by the same jackknife, where it has one."""
    return {metric: _error(each) for metric, each in _left_out(days, labels, probabilities, costs).items()}


def _left_out(
    days: npt.NDArray[np.datetime64], labels: Numbers, probabilities: Numbers, costs: Costs
) -> dict[str, Numbers]:
    """Metric to its value with each day left out; only those that are defined without any one of 3 days or more."""
    named, place = np.unique(days, return_inverse=True)
    if len(named) < MIN_DAYS:
        return {}
    found = _sums(place, labels, probabilities, costs) | _ranked(place, labels, probabilities)
    return {metric: found[metric] for metric in METRICS if np.all(np.isfinite(found[metric]))}


def _error(left_out: Numbers) -> float:
    days = len(left_out)
    return math.sqrt((days - 1) / days * float(np.sum(np.square(left_out - np.mean(left_out)))))


def _without(place: npt.NDArray[np.int64], values: Numbers) -> Numbers:
    """The sum of the values without each day in turn."""
    found: Numbers = np.sum(values) - np.bincount(place, weights=values)
    return found


def _sums(place: npt.NDArray[np.int64], labels: Numbers, probabilities: Numbers, costs: Costs) -> dict[str, Numbers]:
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
    if not all_positives:
        return math.nan, math.nan
    precision = float(positives @ (above / np.cumsum(rows))) / all_positives
    if not all_negatives:
        return math.nan, precision
    return float((rows - positives) @ (above - positives / 2)) / (all_positives * all_negatives), precision
