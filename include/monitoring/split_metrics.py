"""Compare the two arms of a split, each by the rows that it published."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.features.labels import encoded_labels, join_labels, known_labels
from include.lake.compiled_queries import read_rows
from include.lake.snapshot import AsOfSnapshot
from include.model import bootstrap, metrics
from include.model.arrays import Numbers
from include.model.bootstrap import PairedDifference
from include.model.metrics import METRICS
from include.model.tasks import task_model
from include.monitoring import labelled_predictions
from include.monitoring.definitions import TRIAL_ARMS
from include.monitoring.metric_row import MetricRow, missing_row
from include.registry.trials import Trial
from include.scoring.score import PREDICTIONS


def arm_rows(
    use_case: UseCase, view: AsOfSnapshot, trial: Trial, champion: str, periods: Sequence[Period], confidence: float
) -> list[MetricRow]:
    """Return the difference of the arms in the main metric, with a two-sided interval.

    The rows of the arms differ, so their mean losses are compared period by period, each weighted by the rows of the
    tried version; periods are resampled. There is no row for a metric that is no mean over rows.
    """
    metric = use_case.task.main_metric
    if trial.is_shadow or not METRICS[metric].additive or not periods:
        return []
    name, subject = f"{TRIAL_ARMS}{metric}", f"version {champion}"
    found = difference_of_arms(*_losses(use_case, view, trial, champion, periods, metric), confidence)
    if found is None:
        return [missing_row(name, subject, "No period of the split has labelled rows of both versions.")]
    lower, upper = (bound if math.isfinite(bound) else None for bound in (found.lower, found.upper))
    return [MetricRow(name, subject, found.mean, lower, upper, periods=found.periods)]


def _losses(
    use_case: UseCase, view: AsOfSnapshot, trial: Trial, champion: str, periods: Sequence[Period], metric: str
) -> tuple[Numbers, Numbers, Numbers]:
    """Return period, arm (1 for the trial) and loss of each labelled row."""
    first, last, task = periods[0], periods[-1], task_model(use_case)
    published = view.table(PREDICTIONS, first, last)
    starts = [each.start for each in periods]
    chosen = published.filter(published.period.isin(starts), published.model_version.isin([champion, trial.version]))
    parts = labelled_predictions.sampling_parts(view, periods)
    sampled = labelled_predictions.sample_rows(use_case, chosen, parts)
    rows = read_rows(
        join_labels(use_case, sampled, known_labels(use_case, view, first)).order_by(["period", *use_case.keys])
    )
    labels = encoded_labels(use_case, rows[use_case.label.name])
    predicted = task.stack([rows[column].to_numpy() for column in task.number_columns])
    losses = metrics.losses(metric, labels, predicted, use_case.task) if len(labels) else labels
    is_tried = np.array([version == trial.version for version in rows["model_version"].to_pylist()], dtype=np.float64)
    return rows["period"].to_numpy(), is_tried, losses


def difference_of_arms(
    periods: Numbers, is_tried: Numbers, losses: Numbers, confidence: float
) -> PairedDifference | None:
    """Return the mean difference over the periods that have rows of both arms."""
    _, place = np.unique(periods, return_inverse=True)
    count = int(place.max()) + 1 if len(place) else 0
    rows = [np.bincount(place, weights=arm, minlength=count) for arm in (is_tried, 1 - is_tried)]
    sums = [np.bincount(place, weights=losses * arm, minlength=count) for arm in (is_tried, 1 - is_tried)]
    both = (rows[0] > 0) & (rows[1] > 0)
    if not both.any():
        return None
    own, other = (np.asarray(arm[both], dtype=np.float64) for arm in rows)
    differences = sums[0][both] / own - sums[1][both] / other
    return bootstrap.resample_periods(differences * own, own, confidence=(1 + confidence) / 2)
