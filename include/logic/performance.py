"""Performance: how good predictions turned out to be, and how much worse than the test days promised.

Rows of one day are not independent of each other, so days are left out one by one (see logic/intervals.py), never rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import scipy.stats

from include.declaration.monitoring import Monitoring, PerformanceLimit
from include.gate import HIGHER_IS_BETTER, METRICS
from include.logic import intervals, metrics
from include.logic.figures import Figure, missing
from include.logic.finding import MODEL, counted
from include.logic.metrics import Numbers
from include.logic.profile import Promised
from include.use_case import Costs

CONFIDENCE = 0.95
"""Of the bounds of metrics that have no limit."""


@dataclass(frozen=True)
class Outcomes:
    """What was predicted of labelled rows, by subject (model, prior, logistic), and what happened; of one length."""

    days: npt.NDArray[np.datetime64]
    labels: Numbers
    predicted: Mapping[str, Numbers]

    @property
    def number_of_days(self) -> int:
        return len(np.unique(self.days))

    @property
    def last(self) -> date:
        newest: date = self.days.max().item()
        return newest


def of_day(outcomes: Outcomes, rows: int, labelled_rows: int, costs: Costs) -> list[Figure]:
    """Every metric of every subject over one day's labelled rows; of a day without any, the numbers of rows alone."""
    found: list[Figure] = []
    for subject, probabilities in outcomes.predicted.items():
        values = metrics.of(outcomes.labels, probabilities, costs) if len(outcomes.labels) else {}
        values |= {"rows": float(rows), "labelled_rows": float(labelled_rows)}
        found += [Figure(metric, subject, value) for metric, value in values.items()]
        found += [
            missing(metric, subject, _undefined(metric, outcomes.labels)) for metric in METRICS if metric not in values
        ]
    return found


def of_window(outcomes: Outcomes, costs: Costs) -> list[Figure]:
    """`window/<metric>` of every subject over all rows, with its two-sided 95 % interval where there is one."""
    found: list[Figure] = []
    for subject, probabilities in outcomes.predicted.items():
        sure = intervals.of(outcomes.days, outcomes.labels, probabilities, costs)
        for metric, value in metrics.of(outcomes.labels, probabilities, costs).items():
            lower, upper = sure.get(metric) or (None, None)
            name, days = f"window/{metric}", outcomes.number_of_days
            found.append(Figure(name, subject, value, lower, upper, days=days))
    return found


def promised(promise: Mapping[str, Promised]) -> list[Figure]:
    """`promise/<metric>`: what the model showed on its test days, with its interval."""
    return [
        Figure(f"promise/{metric}", MODEL, each.value, each.lower, each.upper, days=each.days)
        for metric, each in promise.items()
    ]


def worse(outcomes: Outcomes, promise: Mapping[str, Promised], monitoring: Monitoring, costs: Costs) -> list[Figure]:
    """`worse/<metric>`: how much worse the model is than promised, above 0 being worse, with one-sided bounds.

    The difference of two means over different days: Welch's t (1947) with both jackknife standard errors, each bound
    with the limit's confidence. Breached where the lower bound is above the declared limit; not judged with fewer days
    than `min_days`, or where the metric is not defined.
    """
    probabilities = outcomes.predicted[MODEL]
    values = metrics.of(outcomes.labels, probabilities, costs)
    errors = intervals.standard_errors(outcomes.days, outcomes.labels, probabilities, costs)
    limits = {limit.metric: limit for limit in monitoring.performance}
    days, found = outcomes.number_of_days, []
    for metric in METRICS:
        limit = limits.get(metric)
        if metric not in values or metric not in promise:
            where = "in the window" if metric not in values else "on the version's test days"
            found.append(not_judged(metric, f"{metric} is not defined {where}.", limit, days))
            continue
        now = Promised(values[metric], days, standard_error=errors.get(metric))
        figure = _difference(metric, now, promise[metric], limit, days)
        found.append(_judged(figure, limit, monitoring, promise[metric].days))
    return found


def unknown(state: str, monitoring: Monitoring, days: int = 0) -> list[Figure]:
    """`worse/<metric>` of every metric that has a limit, where nothing could be measured; the state says why."""
    return [not_judged(limit.metric, state, limit, days) for limit in monitoring.performance]


def not_judged(metric: str, state: str, limit: PerformanceLimit | None, days: int) -> Figure:
    """A difference without a value."""
    return Figure(f"worse/{metric}", MODEL, limit=limit.at_most_worse if limit else None, days=days, state=state)


def _difference(metric: str, now: Promised, then: Promised, limit: PerformanceLimit | None, days: int) -> Figure:
    sign = -1.0 if metric in HIGHER_IS_BETTER else 1.0
    value, name = sign * (now.value - then.value), f"worse/{metric}"
    if now.standard_error is None or then.standard_error is None:
        return Figure(name, MODEL, value, days=days)
    parts = np.array([now.standard_error**2, then.standard_error**2])
    error = math.sqrt(parts.sum())
    if error == 0:
        return Figure(name, MODEL, value, value, value, days=days)
    freedom = parts.sum() ** 2 / np.sum(parts**2 / (np.array([now.days, then.days]) - 1))
    reach = float(scipy.stats.t.ppf(limit.confidence if limit else CONFIDENCE, freedom)) * error
    return Figure(name, MODEL, value, value - reach, value + reach, days=days)


def _judged(figure: Figure, limit: PerformanceLimit | None, monitoring: Monitoring, test_days: int) -> Figure:
    """The difference with its limit, and whether it breaks it; or in its state why that cannot be said."""
    if limit is None:
        return figure
    state = ""
    least = max(monitoring.min_days, intervals.MIN_DAYS)
    if figure.days < least:
        state = (
            f"Only {counted(figure.days, 'day')} with labels in the window since the version was trained;"
            f" {least} are needed to judge."
        )
    elif test_days < intervals.MIN_DAYS:
        state = (
            f"Only {counted(test_days, 'test day')} of the version have labels; {intervals.MIN_DAYS} are needed to say"
            " how sure a difference is. Train with more test days."
        )
    elif figure.lower is None:
        state = "The metric is not defined without each single day, so nobody can say how sure the difference is."
    breached = None if state or figure.lower is None else bool(figure.lower > limit.at_most_worse)
    return Figure(
        figure.metric, figure.subject, figure.value, figure.lower, figure.upper, limit.at_most_worse, breached,
        days=figure.days, state=state,
    )  # fmt: skip


def _undefined(metric: str, labels: Numbers) -> str:
    if not len(labels):
        return "No row of the day has a label."
    return f"{metric} is not defined: all labels of the day are {labels[0]:g}."
