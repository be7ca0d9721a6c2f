"""Compute confidence intervals of metrics, with days as the sampling unit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from include.declaration.task import Task
from include.model import autocorrelation, jackknife, metrics
from include.model.arrays import Numbers
from include.model.metrics import METRICS
from include.model.tasks import task_model

MIN_PERIODS = jackknife.MIN_PERIODS


def metric_intervals(
    periods: npt.NDArray[np.datetime64],
    labels: Numbers,
    predictions: Numbers,
    task: Task,
    confidence: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """Return metric to its two-sided interval, from each row's day, label and prediction.

    Student's t around the metric of all rows, with the standard error of the mean of the days' pseudo-values under
    autocorrelation (model/autocorrelation.py), clipped to the metric's range. A metric that is undefined with any one
    day left out has no interval; with fewer than 3 days no metric has one. `mean_error` has a corner at 0, so its
    interval is only approximate if the mean prediction is right.
    """
    found = {}
    for metric, pseudo_values in rates_by_period(periods, labels, predictions, task).items():
        whole = metrics.compute_metric(metric, labels, predictions, task)
        assert whole is not None  # a metric that is defined without any one day is defined with all
        found[metric] = around(metric, whole, pseudo_values, confidence)
    return found


def around(metric: str, whole: float, pseudo_values: Numbers, confidence: float = 0.95) -> tuple[float, float]:
    """Return the two-sided interval around a metric's value, from its days' pseudo-values."""
    reach = autocorrelation.reach(autocorrelation.precision_of_mean(pseudo_values), (1 + confidence) / 2)
    defined = METRICS[metric]
    return max(whole - reach, defined.lower_bound), min(whole + reach, defined.upper_bound)


def rates_by_period(
    periods: npt.NDArray[np.datetime64], labels: Numbers, predictions: Numbers, task: Task
) -> dict[str, Numbers]:
    """Return metric to the pseudo-value of each day, if it is defined with any one day left out.

    The delete-one-day jackknife (Tukey 1958; Efron, Stein 1981): n times the metric of all rows minus n - 1 times the
    metric without the day. The mean of the pseudo-values estimates the metric, also for metrics that are not means;
    pseudo-values of two models on the same rows can be subtracted. Values are in order of days.
    """
    found = {}
    for metric, left_out in _left_out(periods, labels, predictions, task).items():
        whole = metrics.compute_metric(metric, labels, predictions, task)
        assert whole is not None
        found[metric] = jackknife.pseudo_values(whole, left_out)
    return found


def _left_out(
    periods: npt.NDArray[np.datetime64], labels: Numbers, predictions: Numbers, task: Task
) -> dict[str, Numbers]:
    """Return metric to its values with each day left out.

    Only metrics that are defined without any one day; none for fewer than 3 days.
    """
    distinct, day_index = np.unique(periods, return_inverse=True)
    if len(distinct) < MIN_PERIODS:
        return {}
    found = _means(day_index, labels, predictions, task) | task_model(task).left_out(day_index, labels, predictions)
    for metric in task.metrics:
        if metric not in found:
            found[metric] = jackknife.recompute_without(metric, day_index, labels, predictions, task)
    return {metric: found[metric] for metric in task.metrics if np.all(np.isfinite(found[metric]))}


def _without(day_index: npt.NDArray[np.int64], values: Numbers) -> Numbers:
    """Return the sum of the values without each day in turn."""
    sums: Numbers = np.sum(values) - np.bincount(day_index, weights=values)
    return sums


def _means(day_index: npt.NDArray[np.int64], labels: Numbers, predictions: Numbers, task: Task) -> dict[str, Numbers]:
    """Compute the metrics that are means over rows, with each day left out."""
    rows = len(day_index) - np.bincount(day_index)
    means = [name for name in task.metrics if METRICS[name].additive and _is_defined(name, labels, predictions, task)]
    return {name: _without(day_index, metrics.losses(name, labels, predictions, task)) / rows for name in means}


def _is_defined(metric: str, labels: Numbers, predictions: Numbers, task: Task) -> bool:
    """Return whether a mean is defined: that of intervals needs intervals."""
    return metrics.compute_metric(metric, labels, predictions, task) is not None
