"""Measure a day's data, predictions and model into `metrics`.

They are measured as of the day's decision time.
"""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from include.declaration.gates import MODEL
from include.declaration.monitoring import Monitoring
from include.declaration.period import Period, period_range
from include.declaration.use_case import UseCase
from include.errors import AirworthyError, InvalidRequestError
from include.features import metric_inputs
from include.features.labels import LabelsOutdatedError
from include.grammar import sentence
from include.lake import schemas
from include.lake.snapshot import AsOfSnapshot
from include.model import metrics
from include.monitoring import (
    data_metrics,
    estimates,
    labelled_predictions,
    limits,
    metric_row,
    performance,
    performance_detail,
    reference_profile,
    status,
    trial_metrics,
)
from include.monitoring.data_metrics import ScoringVersion
from include.monitoring.labelled_predictions import NotMeasurableError, PeriodPredictions
from include.monitoring.metric_row import MetricRow, missing_row
from include.monitoring.metric_table import MetricValue
from include.monitoring.performance import LabelledPredictions
from include.monitoring.reference_profile import ProfileUnreadableError, ReferenceProfile
from include.project import Project
from include.registry import sync
from include.registry.model_copies import ArtifactMissingError
from include.scoring import score
from include.scoring.champion import champion_by_ledger

ROUNDS = 5
"""How often a day is measured at most if its inputs change meanwhile."""


@dataclass(frozen=True)
class MonitorResult:
    """Describe what was measured on a day; plain values."""

    period: str
    version: str | None
    """The version that scored the day."""
    figures: int
    breaches: tuple[str, ...]
    """The values beyond their limits, as `metric of subject: value (limit …)`."""
    missing_reasons: tuple[str, ...]
    """The reasons why values are missing, without repetition."""
    changed: bool


@dataclass(frozen=True)
class RealisedPerformance:
    """Hold metrics over the pooled rows of several scored days; plain values."""

    first: str
    last: str
    periods: tuple[str, ...]
    """The days that are scored and whose labels are known."""
    waiting: dict[str, str]
    """The other days, and why they are left out."""
    rows: int
    metrics: dict[str, dict[str, float]]


def monitor_period(project: Project, period: Period) -> MonitorResult:
    """Measure `period` as of itself and replace its partition of `metrics`.

    Measured are the day's data and predictions, and the performance on the days whose labels are complete. What cannot
    be measured becomes a row with a missing reason. The measurement is repeated if its inputs were replaced meanwhile.

    Raises:
        InvalidRequestError: the day is before the first.
        MlflowUnreachableError: MLflow does not answer.
    """
    project.use_case.require(period)
    lake, changed, began = project.lake, False, time.process_time()
    for _ in range(ROUNDS):
        measured = _PeriodMonitor(project, lake.as_of(period))
        inputs = measured.inputs()
        table = measured.table()
        commit = lake.replace("metrics", period, table, inputs=inputs, stage="measure", cpu_since=began)
        changed |= commit.changed
        if _PeriodMonitor(project, lake.as_of(period)).inputs() == inputs:
            break
    rows = table.to_pylist()
    return MonitorResult(
        period=period.key,
        version=measured.version,
        figures=len(rows),
        breaches=tuple(
            status.in_words(MetricValue.from_row(row), project.use_case.task, period.unit)
            for row in rows
            if row["breached"]
        ),
        missing_reasons=tuple(dict.fromkeys(row["missing_reason"] for row in rows if row["missing_reason"])),
        changed=changed,
    )


def remeasure_period(project: Project, period: Period) -> list[MonitorResult]:
    """Measure again what was measured before `period` was scored.

    That is the day itself and the day on which its labels are complete; a day that was not measured is skipped. So the
    table does not depend on the order of scoring and measuring.
    """
    measured = project.lake.as_of(period).partitions("metrics", period)
    own = [monitor_period(project, period)] if measured else []
    judging = remeasure_label_period(project, period)
    return [*own, judging] if judging else own


def remeasure_label_period(project: Project, period: Period) -> MonitorResult | None:
    """Measure again the day on which the labels of `period` are complete.

    In a backfill it may have been measured before `period` was scored. Returns None if it was not measured.
    """
    judged_on = period + project.use_case.label.label_delay_periods
    measured = project.lake.as_of(judged_on).partitions("metrics", judged_on)
    return monitor_period(project, judged_on) if measured else None


def remeasure_trial(project: Project, period: Period, *, changed: bool) -> list[MonitorResult]:
    """Measure again what was measured before a tried version scored `period`.

    That is the day on which its labels are complete and, if its predictions changed, each later one: the comparison of
    a trial reaches back to its start.
    """
    first = period + project.use_case.label.label_delay_periods
    newest = project.use_case.newest_period()
    measured = project.lake.as_of(newest).partitions("metrics", first, newest if changed else first)
    return [monitor_period(project, each) for each in measured]


def realised_performance(project: Project, first: Period, last: Period) -> RealisedPerformance:
    """Compute metrics over the scored days with complete labels.

    The days are from `first` to `last`.
    """
    use_case = project.use_case
    done: dict[str, PeriodPredictions] = {}
    waiting: dict[str, str] = {}
    for period in period_range(first, last):
        view = labelled_predictions.matured_periods(project, period)
        if reason := labelled_predictions.waiting_rows(use_case, view, period):
            if use_case.is_scored(period) or period in view.partitions("predictions", period, period):
                waiting[period.key] = reason
        else:
            done[period.key] = labelled_predictions.load_period(project, view, period)
    outcomes = [predictions.outcomes for predictions in done.values()]
    labels = np.concatenate([of_period.labels for of_period in outcomes]) if outcomes else np.empty(0)
    subjects = [
        name
        for name in (outcomes[0].predicted if outcomes else ())
        if all(name in of_period.predicted for of_period in outcomes)
    ]
    pooled = {subject: np.concatenate([of_period.predicted[subject] for of_period in outcomes]) for subject in subjects}
    values = (
        {name: metrics.compute_metrics(labels, predicted, use_case.task) for name, predicted in pooled.items()}
        if len(labels)
        else {}
    )
    empty = {name: {"rows": 0.0} for name in pooled}
    return RealisedPerformance(first.key, last.key, tuple(done), waiting, len(labels), values or empty)


class _PeriodMonitor:
    """Measure one day from one view of the lake."""

    def __init__(self, project: Project, view: AsOfSnapshot) -> None:
        self.project, self.use_case, self.view = project, project.use_case, view
        self.registry = project.registry
        self.judged = view.period - project.use_case.label.label_delay_periods

    @functools.cached_property
    def scoring_versions(self) -> list[str]:
        """Return the versions that scored the view's day."""
        return score.prediction_versions(self.view, self.view.period)

    @property
    def version(self) -> str | None:
        """Return the version that scored the view's day; None if none or several did.

        Of a split, it is the champion.
        """
        return score.scoring_version(self.view, self.view.period)

    def inputs(self) -> dict[str, str]:
        """Return the digests of what is read from the lake, and of the limits."""
        view = self.view
        read = metric_inputs.metric_inputs(self.use_case, view.period)
        digests = {one.name: one.digest(view.partitions(one.table, one.first, one.last)) for one in read}
        return {**digests, **self._trial_inputs(), metric_inputs.LIMITS: metric_inputs.limits_digest(self.use_case)}

    def _trial_inputs(self) -> dict[str, str]:
        """Return the digests of what is read of a trial; none if no version is tried."""
        trial = trial_metrics.tried_in(self.project, self.judged)
        if trial is None:
            return {}
        read = metric_inputs.trial_inputs(self.view.period, self.use_case.label.label_delay_periods)
        digests = {one.name: one.digest(self.view.partitions(one.table, one.first, one.last)) for one in read}
        return {**digests, "trial": trial.entry.hash}

    def table(self) -> pa.Table:
        """Return the day's rows of `metrics`."""
        scorer = self._scorer()
        monitoring = self.use_case.monitoring
        rates: list[MetricRow] = []
        if scorer.version is not None and scorer.profile is not None:
            monitoring = limits.apply_limits(self.use_case, scorer.version, scorer.profile)
            rates = limits.limit_rows(self.use_case, scorer.version)
        use_case = replace(self.use_case, monitoring=monitoring)
        of_scorer = [
            *data_metrics.measure_data(use_case, self.view, scorer),
            *estimates.rows_before_labels(use_case, self.view, self.registry, scorer),
            *self._window(scorer, monitoring),
            *rates,
        ]
        schema = schemas.content_schema(self.use_case, "metrics")
        judged_version, realised = self._realised()
        tried, compared = trial_metrics.measure_trial(self.project, self.view, self.judged)
        return pa.concat_tables(
            [
                metric_row.metric_table_rows(compared, tried, self.judged, schema),
                metric_row.metric_table_rows(of_scorer, self.version, self.view.period, schema),
                metric_row.metric_table_rows(realised, judged_version, self.judged, schema),
            ]
        )

    def _scorer(self) -> ScoringVersion:
        """Return the version that scored the day.

        A version that cannot be read becomes a missing reason, not an error, so that the day's data are still measured.
        """
        if self.version is None:
            several = (
                labelled_predictions.mixed_reason(self.use_case, self.view.period, self.scoring_versions)
                if self.scoring_versions
                else ""
            )
            return ScoringVersion(None, None, several or _unscored(self.project, self.view))
        try:
            version = sync.version_of(self.registry, self.project.ledger, self.version)
        except InvalidRequestError as error:
            return ScoringVersion(None, None, str(error))
        try:
            return ScoringVersion(
                version, ReferenceProfile.from_json(self.registry.load_companion(version, reference_profile.NAME)), ""
            )
        except (ArtifactMissingError, ProfileUnreadableError) as error:
            return ScoringVersion(version, None, f"Version {version.number} cannot be compared: {sentence(str(error))}")

    def _window(self, scorer: ScoringVersion, monitoring: Monitoring) -> list[MetricRow]:
        """Measure and judge the version's performance on the newest labelled days."""
        use_case = self.use_case
        if scorer.version is None:
            return performance.unknown_rows(scorer.missing_reason, monitoring)
        expected = performance.expected_rows(scorer.profile.expected_metrics) if scorer.profile else []
        try:
            model = self.registry.load(scorer.version)
            if why := score.task_misfit(use_case, self.registry, scorer.version):
                raise NotMeasurableError(str(score.OtherPredictionsError(use_case.name, scorer.version.number, why)))
            predictions = labelled_predictions.load_window(use_case, self.view, scorer.version, model)
        except (NotMeasurableError, ArtifactMissingError, LabelsOutdatedError) as error:
            return [*expected, *performance.unknown_rows(str(error), monitoring)]
        window = [
            replace(row, measured_period=predictions.last(self.use_case.calendar))
            for row in self._judged(scorer, predictions, monitoring)
        ]
        return [*expected, *window]

    def _judged(
        self, scorer: ScoringVersion, predictions: LabelledPredictions, monitoring: Monitoring
    ) -> list[MetricRow]:
        use_case = self.use_case
        window = performance.window_performance(predictions, use_case.task)
        if scorer.profile is None:
            return [
                *window,
                *performance.unknown_rows(scorer.missing_reason, monitoring, predictions.number_of_periods),
            ]
        return [
            *window,
            *performance.judge_window(
                predictions, scorer.profile.expected_by_subject, monitoring, use_case.task, use_case.calendar.unit
            ),
        ]

    def _realised(self) -> tuple[str | None, list[MetricRow]]:
        """Measure the stored predictions of the day whose labels are complete now.

        Returns the version that made them, and the rows.
        """
        use_case, view, period = self.use_case, self.view, self.judged
        task = use_case.task
        if period < use_case.first_period:
            return None, [missing_row("labelled_rows", MODEL, f"{use_case.name} begins on {use_case.first_period}.")]
        if reason := labelled_predictions.waiting_rows(use_case, view, period):
            return score.scoring_version(view, period), [missing_row("labelled_rows", MODEL, f"{sentence(reason)}")]
        try:
            predictions = labelled_predictions.load_period(self.project, view, period)
        except (InvalidRequestError, ArtifactMissingError, LabelsOutdatedError) as error:
            return score.scoring_version(view, period), [missing_row("labelled_rows", MODEL, str(error))]
        missing = (
            [missing_row(task.main_metric, name, predictions.missing_reason) for name in task.baselines]
            if predictions.missing_reason
            else []
        )
        measured = performance.period_performance(
            predictions.outcomes, predictions.rows, predictions.labelled_rows, use_case.task
        )
        errors = estimates.error_rows(self.project, view, period, predictions.version, measured)
        return predictions.version, [*measured, *missing, *errors, *_details(use_case, predictions)]


def _details(use_case: UseCase, predictions: PeriodPredictions) -> list[MetricRow]:
    """Measure the groups of the slice gates, and the predictions by label."""
    outcomes, task = predictions.outcomes, use_case.task
    asked = [
        (column, getattr(gate, "metric", task.main_metric))
        for gate in use_case.gates
        for column in gate.grouping_columns
    ]
    of_model = outcomes.predicted[MODEL]
    return [
        *performance_detail.slice_rows(predictions.columns, outcomes.labels, of_model, asked, task),
        *performance_detail.confusion_rows(outcomes.labels, outcomes.predicted, task),
    ]


def _unscored(project: Project, view: AsOfSnapshot) -> str:
    """Return why a day has no predictions, and what to do.

    If scoring would fail, this is the text of its error.
    """
    use_case, registry = project.use_case, project.registry
    period = view.period
    if not use_case.is_scored(period):
        return f"{period} was not due for scoring, by score_schedule={use_case.score_schedule}."
    try:
        champion = champion_by_ledger(project, registry, period)
        if period not in view.partitions("features", period):
            return f"{period} has no predictions, since it has no features: run {use_case.name}__data, then score it."
        score.require_fit_to_score(use_case, registry, period, champion)
    except AirworthyError as error:
        if error.retryable:
            raise
        return str(error)
    return f"{period} has no predictions: run {use_case.name}__score for it, then {use_case.name}__monitor again."
