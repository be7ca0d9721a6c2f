"""Compare the performance of predictions with the test days and with baselines.

Rows of one day are not independent, so the jackknife leaves out days (model/intervals.py), never rows. Consecutive days
are correlated, so the standard errors are those of model/autocorrelation.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.declaration.calendars import Calendar
from include.declaration.gates import MODEL
from include.declaration.monitoring import BaselineLimit, Limit, Monitoring, PerformanceLimit
from include.declaration.period import DAY, Period, Unit
from include.declaration.task import Task
from include.model import autocorrelation, expected_performance, intervals, metrics
from include.model.arrays import Numbers
from include.model.autocorrelation import MeanPrecision
from include.model.expected_performance import ExpectedMetric
from include.model.metrics import METRICS
from include.model.tasks import task_model
from include.monitoring.definitions import EXPECTED, WINDOW
from include.monitoring.metric_row import MetricRow, missing_row

CONFIDENCE = 0.95
"""Confidence of the bounds of metrics without a limit."""
_NO_PRECISION = "The metric is not defined when a single period is left out, so the difference has no standard error."


@dataclass(frozen=True)
class LabelledPredictions:
    """Hold labels with predictions by subject (model or baseline), of one length."""

    periods: npt.NDArray[np.datetime64]
    labels: Numbers
    predicted: Mapping[str, Numbers]

    @property
    def number_of_periods(self) -> int:
        return len(np.unique(self.periods))

    def last(self, calendar: Calendar) -> Period:
        """Return the newest period with a label."""
        return calendar.period_of(self.periods.max().item())


def period_performance(outcomes: LabelledPredictions, rows: int, labelled_rows: int, task: Task) -> list[MetricRow]:
    """Compute every metric of every subject over a day's labelled rows.

    For a day without labelled rows only the numbers of rows have values.
    """
    metric_rows: list[MetricRow] = []
    for subject, predictions in outcomes.predicted.items():
        values = metrics.compute_metrics(outcomes.labels, predictions, task) if len(outcomes.labels) else {}
        values |= {"rows": float(rows), "labelled_rows": float(labelled_rows)}
        metric_rows += [MetricRow(metric, subject, value) for metric, value in values.items()]
        metric_rows += [
            missing_row(metric, subject, _undefined(metric, outcomes.labels, task))
            for metric in task.metrics
            if metric not in values and not (METRICS[metric].needs_interval and predictions.ndim == 1)
        ]
    return metric_rows


def window_performance(outcomes: LabelledPredictions, task: Task) -> list[MetricRow]:
    """Compute `window/<metric>` of every subject, with its interval if defined.

    The interval is two-sided, of 95 %.
    """
    metric_rows: list[MetricRow] = []
    for subject, predictions in outcomes.predicted.items():
        bounds = intervals.metric_intervals(outcomes.periods, outcomes.labels, predictions, task)
        for metric, value in metrics.compute_metrics(outcomes.labels, predictions, task).items():
            lower, upper = bounds.get(metric) or (None, None)
            name, periods = f"{WINDOW}{metric}", outcomes.number_of_periods
            metric_rows.append(MetricRow(name, subject, value, lower, upper, periods=periods))
    return metric_rows


def expected_rows(expected_values: Mapping[str, ExpectedMetric]) -> list[MetricRow]:
    """Return `expected/<metric>`: test-day metrics of the model, with intervals."""
    return [
        MetricRow(f"{EXPECTED}{metric}", MODEL, on_test.value, on_test.lower, on_test.upper, periods=on_test.periods)
        for metric, on_test in expected_values.items()
    ]


def judge_window(
    outcomes: LabelledPredictions,
    expected_by_subject: Mapping[str, Mapping[str, ExpectedMetric]],
    monitoring: Monitoring,
    task: Task,
    unit: Unit = DAY,
) -> list[MetricRow]:
    """Compare the window with the test days and with the baselines; above 0 is worse.

    `expected_by_subject` holds the metrics of the test days by subject and metric. The limits of `monitoring` are
    numbers: each declared rate has been replaced (`FalseAlarms.applied`). It is a breach if the lower bound, with the
    limit's confidence, is above the limit; not judged with fewer days than `min_periods`, or if a metric is not
    defined.

    * `degradation/<metric>` of the model: the loss since the test days; for every metric, also without a limit.
    * `skill_loss/<metric>` of a baseline: the loss of the lead over it since the test days.
    * `worse_than_baseline/<metric>` of a baseline: the loss against it on the same rows.
    """
    window = _Window(outcomes, expected_by_subject, monitoring, task, unit)
    plain = {limit.metric: limit for limit in monitoring.performance if limit.reference is None}
    return [
        *(window.against_test(metric, None, plain.get(metric)) for metric in task.metrics),
        *(
            window.against_test(limit.metric, limit.reference, limit)
            for limit in monitoring.performance
            if limit.reference
        ),
        *(window.against_baseline(limit) for limit in monitoring.baselines),
    ]


def unknown_rows(missing_reason: str, monitoring: Monitoring, periods: int = 0) -> list[MetricRow]:
    """Return a row without a value for every comparison with a limit, and the reason."""
    return [
        MetricRow(limit.name, limit.subject, limit=limit.limit, periods=periods, missing_reason=missing_reason)
        for limit in monitoring.limits
    ]


def difference_row(now: Numbers, on_test_periods: Numbers) -> tuple[Numbers, MeanPrecision]:
    """Return the mean of `now` minus the mean of `on_test_days`, with its precision."""
    value = np.mean(now, axis=-1) - np.mean(on_test_periods, axis=-1)
    return np.asarray(value), autocorrelation.precision_of_difference(now, on_test_periods)


class _Window:
    """Compare the newest labelled days of one version."""

    def __init__(
        self,
        outcomes: LabelledPredictions,
        expected_by_subject: Mapping[str, Mapping[str, ExpectedMetric]],
        monitoring: Monitoring,
        task: Task,
        unit: Unit,
    ) -> None:
        self.unit = unit
        self.expected_by_subject, self.monitoring, self.periods = (
            expected_by_subject,
            monitoring,
            outcomes.number_of_periods,
        )
        predicted, labels = outcomes.predicted.items(), outcomes.labels
        self.values = {name: metrics.compute_metrics(labels, values, task) for name, values in predicted}
        self.by_day = {
            name: intervals.rates_by_period(outcomes.periods, labels, values, task) for name, values in predicted
        }

    def against_test(self, metric: str, reference: str | None, limit: PerformanceLimit | None) -> MetricRow:
        """Compare the metric, or its difference to the reference, with the test days."""
        shown = limit or PerformanceLimit(metric, 0.0, reference=reference, confidence=CONFIDENCE)
        now = self._value(self.values, metric, reference)
        on_test_periods = {
            name: {key: on_test.value for key, on_test in values.items()}
            for name, values in self.expected_by_subject.items()
        }
        then = self._value(on_test_periods, metric, reference)
        if now is None or then is None:
            where = "in the window" if now is None else "on the version's test periods"
            return self._not_judged(shown, f"{metric} is not defined {where}.", None, limit)
        spans = [
            self._by_period(metric, reference),
            expected_performance.compare_with_expected(
                metric,
                {name: values[metric].by_day for name, values in self.expected_by_subject.items() if metric in values},
                reference,
            ),
        ]
        test_periods = self.expected_by_subject[MODEL][metric].periods
        few = self._too_few() or (
            f"Only {self.unit.counted(test_periods, 'test')} of the version have labels; {intervals.MIN_PERIODS} are"
            f" needed"
            " for the standard error of a difference. Train with more test periods."
            if test_periods < intervals.MIN_PERIODS
            else ""
        )
        if spans[0] is None or spans[1] is None:
            return self._not_judged(shown, few or _NO_PRECISION, now - then, limit)
        return self._judged(shown, now - then, difference_row(spans[0], spans[1])[1], few, limit)

    def against_baseline(self, limit: BaselineLimit) -> MetricRow:
        """Compare the model with a baseline on the same rows."""
        value = self._value(self.values, limit.metric, limit.baseline)
        if value is None:
            return self._not_judged(limit, f"{limit.metric} is not defined in the window.", None, limit)
        by_day = self._by_period(limit.metric, limit.baseline)
        if by_day is None:
            return self._not_judged(limit, self._too_few() or _NO_PRECISION, value, limit)
        return self._judged(limit, value, autocorrelation.precision_of_mean(by_day), self._too_few(), limit)

    def _value(self, values: Mapping[str, Mapping[str, float]], metric: str, reference: str | None) -> float | None:
        """Return the model's metric minus the reference's; above 0 is worse.

        The sign is chosen so.
        """
        model = values.get(MODEL, {}).get(metric)
        other = values.get(reference, {}).get(metric) if reference else 0.0
        if model is None or other is None:
            return None
        return (other - model) if METRICS[metric].higher_is_better else (model - other)

    def _by_period(self, metric: str, reference: str | None) -> Numbers | None:
        by_day = {name: values[metric].tolist() for name, values in self.by_day.items() if metric in values}
        return expected_performance.compare_with_expected(metric, by_day, reference)

    def _too_few(self) -> str:
        least = max(self.monitoring.min_periods, intervals.MIN_PERIODS)
        if self.periods >= least:
            return ""
        return (
            f"Only {self.unit.counted(self.periods)} with labels in the window since the version was trained; {least}"
            f" are"
            " needed to judge."
        )

    def _not_judged(self, shown: Limit, missing_reason: str, value: float | None, limit: Limit | None) -> MetricRow:
        return MetricRow(
            shown.name, shown.subject, value, limit=limit.limit if limit else None, periods=self.periods,
            missing_reason=missing_reason if limit or value is None else "",
        )  # fmt: skip

    def _judged(self, shown: Limit, value: float, sureness: MeanPrecision, few: str, limit: Limit | None) -> MetricRow:
        """Return the row with both bounds; judged only with a limit and enough days."""
        reach = autocorrelation.reach(sureness, shown.confidence)
        breached = None
        if limit and not few:
            doubt = autocorrelation.tail(np.asarray(value - limit.limit), sureness)
            breached = bool(doubt < 1 - limit.confidence)
        return MetricRow(
            shown.name, shown.subject, value, value - reach, value + reach, limit.limit if limit else None, breached,
            periods=self.periods, missing_reason=few if limit else "",
        )  # fmt: skip


def _undefined(metric: str, labels: Numbers, task: Task) -> str:
    if not len(labels):
        return "No row of the period has a label."
    if len(np.unique(labels)) == 1:
        return f"{metric} is not defined: all labels of the period are {task_model(task).label_text(labels[0])}."
    return f"{metric} is not defined{f': {METRICS[metric].undefined_if}' if METRICS[metric].undefined_if else ''}."
