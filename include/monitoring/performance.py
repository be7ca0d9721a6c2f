"""Performance: how good predictions turned out to be, against the test days and against baselines.

Rows of one day are not independent of each other, so days are left out one by one (logic/intervals.py), never rows; and
days resemble the days before them, so the standard errors are those of model/autocorrelation.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from include.declaration.costs import DecisionCosts
from include.declaration.gates import MODEL
from include.declaration.monitoring import BaselineLimit, Limit, Monitoring, PerformanceLimit
from include.model import autocorrelation, expected, intervals, metrics
from include.model.arrays import Numbers
from include.model.autocorrelation import MeanPrecision
from include.model.expected import ExpectedMetric
from include.model.metrics import METRICS
from include.monitoring.definitions import EXPECTED, WINDOW
from include.monitoring.metric_row import MetricRow, missing_row
from include.wording import counted

CONFIDENCE = 0.95
"""Of the bounds of metrics that have no limit."""
_NOT_SURE = "The metric is not defined without each single day, so nobody can say how sure the difference is."


@dataclass(frozen=True)
class LabelledPredictions:
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


def day_performance(
    outcomes: LabelledPredictions, rows: int, labelled_rows: int, costs: DecisionCosts
) -> list[MetricRow]:
    """Every metric of every subject over one day's labelled rows; of a day without any, the numbers of rows alone."""
    found: list[MetricRow] = []
    for subject, probabilities in outcomes.predicted.items():
        values = metrics.compute_metrics(outcomes.labels, probabilities, costs) if len(outcomes.labels) else {}
        values |= {"rows": float(rows), "labelled_rows": float(labelled_rows)}
        found += [MetricRow(metric, subject, value) for metric, value in values.items()]
        found += [
            missing_row(metric, subject, _undefined(metric, outcomes.labels))
            for metric in METRICS
            if metric not in values
        ]
    return found


def window_performance(outcomes: LabelledPredictions, costs: DecisionCosts) -> list[MetricRow]:
    """`window/<metric>` of every subject over all rows, with its two-sided 95 % interval where there is one."""
    found: list[MetricRow] = []
    for subject, probabilities in outcomes.predicted.items():
        sure = intervals.metric_intervals(outcomes.days, outcomes.labels, probabilities, costs)
        for metric, value in metrics.compute_metrics(outcomes.labels, probabilities, costs).items():
            lower, upper = sure.get(metric) or (None, None)
            name, days = f"{WINDOW}{metric}", outcomes.number_of_days
            found.append(MetricRow(name, subject, value, lower, upper, days=days))
    return found


def expected_rows(promise: Mapping[str, ExpectedMetric]) -> list[MetricRow]:
    """`promise/<metric>`: what the model showed on its test days, with its interval."""
    return [
        MetricRow(f"{EXPECTED}{metric}", MODEL, each.value, each.lower, each.upper, days=each.days)
        for metric, each in promise.items()
    ]


def judge_window(
    outcomes: LabelledPredictions,
    promised: Mapping[str, Mapping[str, ExpectedMetric]],
    monitoring: Monitoring,
    costs: DecisionCosts,
) -> list[MetricRow]:
    """Every comparison of the window with the test days and with the baselines; above 0 is worse.

    `promised` is by subject and metric what the test days showed. The limits of `monitoring` are numbers: a declared
    rate has been replaced (`FalseAlarms.applied`). Breached where the lower bound, with the limit's confidence, is
    above the limit; not judged with fewer days than `min_periods`, or where a metric is not defined.

    * `worse/<metric>` of the model: how much worse than on the test days; of every metric, also without a limit.
    * `skill_loss/<metric>` of a baseline: how much of the lead over it is lost since the test days.
    * `worse_than_baseline/<metric>` of a baseline: how much worse than it the model is on the same rows.
    """
    window = _Window(outcomes, promised, monitoring, costs)
    plain = {limit.metric: limit for limit in monitoring.performance if limit.reference is None}
    return [
        *(window.against_test(metric, None, plain.get(metric)) for metric in METRICS),
        *(
            window.against_test(limit.metric, limit.reference, limit)
            for limit in monitoring.performance
            if limit.reference
        ),
        *(window.against_baseline(limit) for limit in monitoring.baselines),
    ]


def unknown_rows(state: str, monitoring: Monitoring, days: int = 0) -> list[MetricRow]:
    """Every comparison that has a limit, where nothing could be measured; the state says why."""
    return [MetricRow(each.name, each.subject, limit=each.limit, days=days, state=state) for each in monitoring.limits]


def difference_row(now: Numbers, then: Numbers) -> tuple[Numbers, MeanPrecision]:
    """How much the mean of the first span of days is above that of the second, and how sure that is."""
    value = np.mean(now, axis=-1) - np.mean(then, axis=-1)
    return np.asarray(value), autocorrelation.precision_of_difference(now, then)


class _Window:
    """The newest labelled days of one version."""

    def __init__(
        self,
        outcomes: LabelledPredictions,
        promised: Mapping[str, Mapping[str, ExpectedMetric]],
        monitoring: Monitoring,
        costs: DecisionCosts,
    ) -> None:
        self.promised, self.monitoring, self.days = promised, monitoring, outcomes.number_of_days
        each = outcomes.predicted.items()
        self.values = {name: metrics.compute_metrics(outcomes.labels, said, costs) for name, said in each}
        self.by_day = {name: intervals.rates_by_day(outcomes.days, outcomes.labels, said, costs) for name, said in each}

    def against_test(self, metric: str, reference: str | None, limit: PerformanceLimit | None) -> MetricRow:
        """The difference to the test days, of the metric or of its difference to the reference."""
        shown = limit or PerformanceLimit(metric, 0.0, reference=reference, confidence=CONFIDENCE)
        now = self._value(self.values, metric, reference)
        then = self._value(
            {name: {m: each.value for m, each in found.items()} for name, found in self.promised.items()},
            metric, reference,
        )  # fmt: skip
        if now is None or then is None:
            where = "in the window" if now is None else "on the version's test days"
            return self._not_judged(shown, f"{metric} is not defined {where}.", None, limit)
        spans = [
            self._by_day(metric, reference),
            expected.compare_with_expected(
                metric, {name: each[metric].by_day for name, each in self.promised.items() if metric in each}, reference
            ),
        ]
        test_periods = self.promised[MODEL][metric].days
        few = self._too_few() or (
            f"Only {counted(test_periods, 'test day')} of the version have labels; {intervals.MIN_DAYS} are needed to"
            f" say"
            " how sure a difference is. Train with more test days."
            if test_periods < intervals.MIN_DAYS
            else ""
        )
        if spans[0] is None or spans[1] is None:
            return self._not_judged(shown, few or _NOT_SURE, now - then, limit)
        return self._judged(shown, now - then, difference_row(spans[0], spans[1])[1], few, limit)

    def against_baseline(self, limit: BaselineLimit) -> MetricRow:
        """The difference to a baseline on the same rows."""
        value = self._value(self.values, limit.metric, limit.baseline)
        if value is None:
            return self._not_judged(limit, f"{limit.metric} is not defined in the window.", None, limit)
        by_day = self._by_day(limit.metric, limit.baseline)
        if by_day is None:
            return self._not_judged(limit, self._too_few() or _NOT_SURE, value, limit)
        return self._judged(limit, value, autocorrelation.precision_of_mean(by_day), self._too_few(), limit)

    def _value(self, values: Mapping[str, Mapping[str, float]], metric: str, reference: str | None) -> float | None:
        """The model's metric, less the reference's; above 0 is worse."""
        model = values.get(MODEL, {}).get(metric)
        other = values.get(reference, {}).get(metric) if reference else 0.0
        if model is None or other is None:
            return None
        return (other - model) if METRICS[metric].higher_is_better else (model - other)

    def _by_day(self, metric: str, reference: str | None) -> Numbers | None:
        there = {name: each[metric] for name, each in self.by_day.items() if metric in each}
        return expected.compare_with_expected(metric, {name: each.tolist() for name, each in there.items()}, reference)

    def _too_few(self) -> str:
        least = max(self.monitoring.min_periods, intervals.MIN_DAYS)
        if self.days >= least:
            return ""
        return (
            f"Only {counted(self.days, 'day')} with labels in the window since the version was trained; {least} are"
            " needed to judge."
        )

    def _not_judged(self, shown: Limit, state: str, value: float | None, limit: Limit | None) -> MetricRow:
        return MetricRow(
            shown.name, shown.subject, value, limit=limit.limit if limit else None, days=self.days,
            state=state if limit or value is None else "",
        )  # fmt: skip

    def _judged(self, shown: Limit, value: float, sureness: MeanPrecision, few: str, limit: Limit | None) -> MetricRow:
        """With both bounds; the verdict only where there is a limit and there are days enough."""
        reach = autocorrelation.reach(sureness, shown.confidence)
        breached = None
        if limit and not few:
            doubt = autocorrelation.tail(np.asarray(value - limit.limit), sureness)
            breached = bool(doubt < 1 - limit.confidence)
        return MetricRow(
            shown.name, shown.subject, value, value - reach, value + reach, limit.limit if limit else None, breached,
            days=self.days, state=few if limit else "",
        )  # fmt: skip


def _undefined(metric: str, labels: Numbers) -> str:
    if not len(labels):
        return "No row of the day has a label."
    return f"{metric} is not defined: all labels of the day are {labels[0]:g}."
