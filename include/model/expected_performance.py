"""Compute the expected performance of a model from its test days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from include.declaration.gates import MODEL
from include.declaration.task import Task
from include.model import intervals, metrics
from include.model.arrays import Numbers
from include.model.metrics import METRICS
from include.model.trainer import TrainingRows


@dataclass(frozen=True)
class ExpectedMetric:
    """A metric on the test days, with its two-sided 95 % interval.

    Returns None if there are too few days.
    """

    value: float
    periods: int
    lower: float | None = None
    upper: float | None = None
    by_day: tuple[float, ...] = ()
    """The pseudo-value of each day (`intervals.by_day`), in order of days; empty if the metric has none."""


def expected_metrics(test: TrainingRows, probabilities: Numbers, task: Task) -> dict[str, ExpectedMetric]:
    """Return the expected value of each metric, from a model's test rows."""
    periods = len(np.unique(test.periods))
    by_day = intervals.rates_by_period(test.periods, test.labels, probabilities, task)
    expected = {}
    for metric, value in metrics.compute_metrics(test.labels, probabilities, task).items():
        if metric in by_day:
            lower, upper = intervals.around(metric, value, by_day[metric])
            expected[metric] = ExpectedMetric(value, periods, lower, upper, tuple(by_day[metric].tolist()))
        elif metric != "rows":
            expected[metric] = ExpectedMetric(value, periods)
    return expected


def from_json(values: Mapping[str, Any]) -> dict[str, ExpectedMetric]:
    """Return metric to expected value, from the results of `asdict`."""
    return {name: ExpectedMetric(**{**fields, "by_day": tuple(fields["by_day"])}) for name, fields in values.items()}


def compare_with_expected(metric: str, by_day: Mapping[str, Sequence[float]], reference: str | None) -> Numbers | None:
    """Return the model's pseudo-values minus those of the reference; above 0 is worse.

    `by_day` has them by subject. Without a reference (None), nothing is subtracted. Returns None if the model or the
    reference has none.
    """
    subjects = [MODEL] if reference is None else [MODEL, reference]
    if not all(len(by_day.get(subject, ())) for subject in subjects):
        return None
    model, *other = (np.asarray(by_day[subject], dtype=np.float64) for subject in subjects)
    difference: Numbers = model - other[0] if other else model
    return -difference if METRICS[metric].higher_is_better else difference
