"""Compare the losses of two models on the same rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from include.declaration.task import Task
from include.model import bootstrap, jackknife, metrics
from include.model.arrays import Numbers
from include.model.bootstrap import PairedDifference
from include.model.metrics import METRICS


def paired_losses(
    metric: str, periods: npt.NDArray[np.datetime64], labels: Numbers, own: Numbers, other: Numbers, task: Task
) -> Numbers | None:
    """Return by how much each row of one model is worse than of the other.

    Of a metric that is no mean over rows, there is one difference for each period (pseudo-values of the jackknife).
    Returns None if such a metric is not defined with a period left out.
    """
    if METRICS[metric].additive:
        return metrics.losses(metric, labels, own, task) - metrics.losses(metric, labels, other, task)
    of_own, of_other = (jackknife.values_by_day(metric, periods, labels, each, task) for each in (own, other))
    if of_own is None or of_other is None:
        return None
    return of_other - of_own if METRICS[metric].higher_is_better else of_own - of_other


def paired_interval(
    metric: str,
    periods: npt.NDArray[np.datetime64],
    labels: Numbers,
    own: Numbers,
    other: Numbers,
    task: Task,
    confidence: float,
) -> PairedDifference | None:
    """Return by how much one model is worse than another on the same rows, with a two-sided interval.

    Periods are resampled, and their autocorrelation widens the interval, see `include.model.bootstrap`. Returns None if
    there are no rows, or the metric is not defined with a period left out.
    """
    found = paired_losses(metric, periods, labels, own, other, task) if len(labels) else None
    if found is None:
        return None
    days = periods if len(found) == len(periods) else np.unique(periods)
    return bootstrap.paired_differences(days, found, confidence=(1 + confidence) / 2)
