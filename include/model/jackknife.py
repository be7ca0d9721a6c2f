"""Leave out one day at a time: the pseudo-values of any metric (Tukey 1958; Efron, Stein 1981)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from include.declaration.task import Task
from include.model import autocorrelation, metrics
from include.model.arrays import Numbers

MIN_PERIODS = autocorrelation.MIN_PERIODS


def pseudo_values(whole: float, left_out: Numbers) -> Numbers:
    """Return n times the metric of all rows minus n - 1 times the metric without each day."""
    number = len(left_out)
    return number * whole - (number - 1) * left_out


def recompute_without(
    metric: str, day_index: npt.NDArray[np.int64], labels: Numbers, predictions: Numbers, task: Task
) -> Numbers:
    """Compute a metric again without each day; NaN where it is undefined.

    `day_index` is the number of each row's day, from 0.
    """
    kept = (day_index != period for period in range(day_index.max() + 1))
    values = [metrics.compute_metric(metric, labels[rows], predictions[rows], task) for rows in kept]
    return np.array([math.nan if value is None else value for value in values])


def values_by_day(
    metric: str, periods: npt.NDArray[np.datetime64], labels: Numbers, predictions: Numbers, task: Task
) -> Numbers | None:
    """Return the pseudo-value of each day, in order of days.

    Returns None if the metric is not defined for all rows, or with any one day left out, or for fewer than 3 days.
    """
    distinct, day_index = np.unique(periods, return_inverse=True)
    whole = metrics.compute_metric(metric, labels, predictions, task)
    if len(distinct) < MIN_PERIODS or whole is None:
        return None
    found = pseudo_values(whole, recompute_without(metric, day_index, labels, predictions, task))
    return found if np.all(np.isfinite(found)) else None
