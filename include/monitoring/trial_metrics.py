"""Compare a tried version with the champion, on the same labelled rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import ibis

from include.declaration.gates import CHAMPION, MODEL
from include.declaration.names import SHADOW
from include.declaration.period import Period
from include.declaration.task import Task
from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.features.labels import encoded_labels, join_labels, known_labels
from include.features.metric_inputs import TRIAL_REACH
from include.features.staleness import table_exists
from include.grammar import sentence
from include.lake.compiled_queries import read_rows
from include.lake.snapshot import AsOfSnapshot
from include.model import metrics
from include.model.bootstrap import PairedDifference
from include.model.metrics import METRICS
from include.model.paired_losses import paired_interval
from include.model.period_arrays import to_start
from include.model.tasks import task_model
from include.monitoring import labelled_predictions, split_metrics
from include.monitoring.definitions import TRIAL_DIFFERENCE, TRIAL_WINDOW
from include.monitoring.labelled_predictions import NotMeasurableError
from include.monitoring.metric_row import MetricRow, missing_row
from include.monitoring.performance import LabelledPredictions
from include.project import Project
from include.registry import trials
from include.registry.trials import Trial
from include.scoring import score

CONFIDENCE = 0.95
"""Confidence of the two-sided interval of a difference."""
_OWN, _PUBLISHED = "__airworthy_own_", "__airworthy_published_"


@dataclass(frozen=True)
class TrialComparison:
    """Rows of labelled periods that the tried version and the champion both predicted."""

    trial: Trial
    champion: str
    """The version whose published predictions are compared."""
    outcomes: LabelledPredictions
    """The predictions of `model`, which is the tried version, and of `champion`."""

    @property
    def subject(self) -> str:
        """Return the subject of its metrics."""
        return f"version {self.champion}"

    def difference(self, metric: str, task: Task, confidence: float = CONFIDENCE) -> PairedDifference | None:
        """Return by how much the tried version is worse, with a two-sided interval.

        Returns None if there are no rows, or the metric is not defined with a period left out.
        """
        rows = self.outcomes
        own, other = (rows.predicted[name] for name in (MODEL, CHAMPION))
        return paired_interval(metric, rows.periods, rows.labels, own, other, task, confidence)

    def on(self, period: Period) -> TrialComparison:
        """Return the rows of one period."""
        rows = self.outcomes
        chosen = rows.periods == to_start(period)
        predicted = {name: values[chosen] for name, values in rows.predicted.items()}
        return TrialComparison(
            self.trial, self.champion, LabelledPredictions(rows.periods[chosen], rows.labels[chosen], predicted)
        )


def compared_metrics(use_case: UseCase) -> list[str]:
    """Return the compared metrics: the main one, and those of gates on trials."""
    asked = [metric for gate in use_case.gates if (metric := gate.trial_metric(use_case.task))]
    return list(dict.fromkeys([use_case.task.main_metric, *asked]))


def measure_trial(project: Project, view: AsOfSnapshot, judged: Period) -> tuple[str | None, list[MetricRow]]:
    """Compare the version that was tried in `judged`, whose labels are complete now.

    Returns the version and its rows: of the period, and over the trial up to it. There are none without a trial.
    """
    use_case = project.use_case
    trial = tried_in(project, judged)
    if trial is None:
        return None, []
    main = f"{TRIAL_DIFFERENCE}{use_case.task.main_metric}"
    try:
        found = load_comparison(project, view, trial, judged)
    except AirworthyError as error:
        if error.retryable:
            raise
        return trial.version, [missing_row(main, "champion", sentence(str(error)))]
    of_period = found.on(judged)
    rows = [MetricRow("trial_rows", found.subject, float(len(of_period.outcomes.labels)))]
    for metric in compared_metrics(use_case):
        rows += _metric_rows(metric, found, of_period, use_case.task)
    compared = labelled_predictions.is_complete(use_case, view, max(trial.first, judged - (TRIAL_REACH - 1)), judged)
    rows += split_metrics.arm_rows(use_case, view, trial, found.champion, compared, CONFIDENCE)
    return trial.version, rows


def tried_in(project: Project, period: Period) -> Trial | None:
    """Return the trial of a period; None if there is none.

    If no version was ever tried, the ledger is not read.
    """
    if not table_exists(project.lake, SHADOW):
        return None
    return trials.trial_of(period, project.ledger.entries())


def _metric_rows(metric: str, found: TrialComparison, of_period: TrialComparison, task: Task) -> list[MetricRow]:
    subject, rows, name = found.subject, of_period.outcomes, f"{TRIAL_DIFFERENCE}{metric}"
    values = [metrics.compute_metric(metric, rows.labels, rows.predicted[who], task) for who in (MODEL, CHAMPION)]
    if len(rows.labels) and None not in values:
        own, other = (value for value in values if value is not None)
        once = MetricRow(name, subject, other - own if METRICS[metric].higher_is_better else own - other)
    else:
        once = missing_row(name, subject, f"{METRICS[metric].title} is not defined for the period.")
    whole, periods = found.difference(metric, task), found.outcomes.number_of_periods
    if whole is None:
        reason = f"{METRICS[metric].title} is not defined in the trial, or without one of its periods."
        return [once, missing_row(f"{TRIAL_WINDOW}{metric}", subject, reason)]
    lower, upper = (bound if math.isfinite(bound) else None for bound in (whole.lower, whole.upper))
    return [once, MetricRow(f"{TRIAL_WINDOW}{metric}", subject, whole.mean, lower, upper, periods=periods)]


def load_comparison(project: Project, view: AsOfSnapshot, trial: Trial, judged: Period) -> TrialComparison:
    """Return the labelled rows of a trial up to `judged`, as known as of `view`.

    Only periods are compared that the same version published as `judged`: that is the champion to be replaced.

    Raises:
        NotMeasurableError: there are none.
        LabelsOutdatedError: labels are impossible for the declared task.
    """
    use_case = project.use_case
    champion = _published_by(use_case, view, trial, judged)
    first = max(trial.first, judged - (TRIAL_REACH - 1))
    periods = _compared_periods(use_case, view, first, judged)
    if judged not in periods:
        raise NotMeasurableError(_why_not(use_case, view, trial, judged))
    rows = read_rows(_joined(use_case, view, trial, champion, periods).order_by(["period", *use_case.keys]))
    task = task_model(use_case)
    predicted = {
        name: task.stack([rows[f"{prefix}{column}"].to_numpy() for column in task.number_columns])
        for name, prefix in ((MODEL, _OWN), (CHAMPION, _PUBLISHED))
    }
    labels = encoded_labels(use_case, rows[use_case.label.name])
    return TrialComparison(trial, champion, LabelledPredictions(rows["period"].to_numpy(), labels, predicted))


def newest_compared(project: Project, view: AsOfSnapshot, trial: Trial, judged: Period) -> Period:
    """Return the newest period up to `judged` that can be compared.

    Raises:
        NotMeasurableError: there is none.
    """
    first = max(trial.first, judged - (TRIAL_REACH - 1))
    found = _compared_periods(project.use_case, view, first, judged)
    if not found:
        raise NotMeasurableError(f"no period of the trial, which began on {trial.first}, has complete labels yet")
    return found[-1]


def _compared_periods(use_case: UseCase, view: AsOfSnapshot, first: Period, last: Period) -> list[Period]:
    """Return the labelled periods that both versions have scored, oldest first."""
    stored = [view.partitions(table, first, last) for table in (score.PREDICTIONS, SHADOW)]
    complete = labelled_predictions.is_complete(use_case, view, first, last) if first <= last else []
    return [period for period in complete if all(period in each and each[period].rows for each in stored)]


def _joined(use_case: UseCase, view: AsOfSnapshot, trial: Trial, champion: str, periods: list[Period]) -> ibis.Table:
    """Return the rows that both versions predicted, with their labels."""
    order, first, last = ["period", *use_case.keys], periods[0], periods[-1]

    def of(table: str, version: str, prefix: str) -> ibis.Table:
        found = view.table(table, first, last)
        found = found.filter(found.model_version == version, found.period.isin([each.start for each in periods]))
        columns = task_model(use_case).number_columns
        return found.select(*order, *(found[column].name(f"{prefix}{column}") for column in columns))

    published = of(score.PREDICTIONS, champion, _PUBLISHED)
    parts = labelled_predictions.sampling_parts(view, periods)
    sampled = labelled_predictions.sample_rows(use_case, published, parts)
    both = sampled.join(of(SHADOW, trial.version, _OWN), order)
    return join_labels(use_case, both, known_labels(use_case, view, first))


def _published_by(use_case: UseCase, view: AsOfSnapshot, trial: Trial, period: Period) -> str:
    """Return the version that published a period, apart from the one that is tried.

    Raises:
        NotMeasurableError: there is none, or several.
    """
    versions = [each for each in score.prediction_versions(view, period) if each != trial.version]
    if len(versions) == 1:
        return versions[0]
    if versions:
        raise NotMeasurableError(labelled_predictions.mixed_reason(use_case, period, versions))
    raise NotMeasurableError(
        labelled_predictions.waiting_rows(use_case, view, period) or f"{period} was not scored by another version"
    )


def _why_not(use_case: UseCase, view: AsOfSnapshot, trial: Trial, period: Period) -> str:
    """Return why a period of a trial cannot be compared."""
    if reason := labelled_predictions.incomplete_reason(use_case, view, period):
        return reason
    stored = view.partitions(SHADOW, period, period).get(period)
    if stored is None:
        return (
            f"version {trial.version}, which is tried, has not scored {period}: run {use_case.name}__score for it, and"
            " look at its task score_shadow"
        )
    return f"{period} has no rows: no prediction was made"
