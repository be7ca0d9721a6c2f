"""Measure a scored period before its labels come: estimates and contributions.

Estimates depend on the period's predictions and on the version's profile alone, so they are computed again, and not
read from `metrics`, when the labels are known: the order of runs changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import ibis

from include.declaration.gates import MODEL
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.lake.compiled_queries import read_rows
from include.lake.snapshot import AsOfSnapshot
from include.model import contributions
from include.model.contributions import SAMPLE_ROWS, AttributionReference
from include.model.metrics import METRICS
from include.model.model import Model
from include.model.performance_estimate import Estimate, EstimateReference
from include.model.tasks import label_free, task_model
from include.monitoring import labelled_predictions, reference_profile
from include.monitoring.data_metrics import ScoringVersion
from include.monitoring.definitions import ESTIMATE_ERROR, ESTIMATED, ESTIMATED_DEGRADATION
from include.monitoring.drift_metrics import FEATURES, usual_limit
from include.monitoring.metric_row import MetricRow, missing_row, row_with_limit
from include.monitoring.reference_profile import ProfileUnreadableError, ReferenceProfile
from include.project import Project
from include.registry import sync
from include.registry.mlflow_registry import Registry
from include.registry.model_copies import ArtifactMissingError
from include.scoring.split import champion_batches

PREDICTIONS = "predictions"
_HASHED = 2**31


def rows_before_labels(
    use_case: UseCase, view: AsOfSnapshot, registry: Registry, scorer: ScoringVersion
) -> list[MetricRow]:
    """Estimate the day's performance, and measure what its predictions rest on.

    Returns none if the day has no predictions or the version no profile: other rows give the reason.
    """
    period, profile = view.period, scorer.profile
    if scorer.version is None or profile is None:
        return []
    estimated = _estimate_rows(use_case, view, profile)
    features = view.partitions(FEATURES, period).get(period)
    if features is None or not features.rows:
        return estimated
    try:
        model = registry.load(scorer.version)
    except ArtifactMissingError as error:
        return [*estimated, missing_row("attribution_drift", FEATURES, str(error))]
    if reason := labelled_predictions.unfit_reason(use_case, view, [period], scorer.version, model):
        return [*estimated, missing_row("attribution_drift", FEATURES, reason)]
    return [*estimated, *_attribution_rows(use_case, view, model, profile.attributions)]


def error_rows(
    project: Project, view: AsOfSnapshot, period: Period, number: str, measured: Sequence[MetricRow]
) -> list[MetricRow]:
    """Return what came true of a period minus its estimate, with its bounds.

    `number` is the version that scored it, `measured` what came true. Returns none if the version has no reference.
    """
    version = sync.version_of(project.registry, project.ledger, number)
    try:
        profile = ReferenceProfile.from_json(project.registry.load_companion(version, reference_profile.NAME))
    except (ArtifactMissingError, ProfileUnreadableError):
        return []
    realised = {row.metric: row.value for row in measured if row.subject == MODEL and row.value is not None}
    rows = []
    for name, each in _estimates(project.use_case, view, period, profile.estimates)[0].items():
        if name in realised:
            bounds = (each.lower - each.value, each.upper - each.value)
            rows.append(MetricRow(f"{ESTIMATE_ERROR}{name}", MODEL, realised[name] - each.value, *bounds))
    return rows


def _estimate_rows(use_case: UseCase, view: AsOfSnapshot, profile: ReferenceProfile) -> list[MetricRow]:
    """Return the estimates of a period, and their comparison with the test periods."""
    main, partition = use_case.task.main_metric, view.partitions(PREDICTIONS, view.period).get(view.period)
    if partition is None or not partition.rows:
        return []
    if profile.estimates is None:
        return _unknown(main, "The version was trained before there were estimates; train a new version.")
    found, confusion = _estimates(use_case, view, view.period, profile.estimates)
    if main not in found:
        reason = f"Too few validation and test periods of the version have a {METRICS[main].label} to estimate it."
        return _unknown(main, reason)
    rows = [MetricRow(f"{ESTIMATED}{name}", MODEL, each.value, each.lower, each.upper) for name, each in found.items()]
    rows += [MetricRow("estimated_confusion", cell, value) for cell, value in confusion.items()]
    expected = profile.expected_metrics.get(main)
    return [*rows, _degradation(main, found[main], expected.value)] if expected else rows


def _estimates(
    use_case: UseCase, view: AsOfSnapshot, period: Period, reference: EstimateReference | None
) -> tuple[dict[str, Estimate], dict[str, float]]:
    """Return a period's estimates and expected confusion.

    Its predictions are read batch by batch.
    """
    task, totals = task_model(use_case), label_free.totals_for(use_case.task, reference.curve if reference else None)
    if reference is None or totals is None or period not in view.partitions(PREDICTIONS, period, period):
        return {}, {}
    for batch in champion_batches(view, period, task.number_columns):
        known = batch.drop_null()
        if known.num_rows:
            totals.add(task.stack([known[name].to_numpy(zero_copy_only=False) for name in task.number_columns]))
    return (reference.estimates(totals.values(), totals.rows), totals.confusion()) if totals.rows else ({}, {})


def _attribution_rows(
    use_case: UseCase, view: AsOfSnapshot, model: Model, reference: AttributionReference | None
) -> list[MetricRow]:
    """Return the features' mean contributions, and how far their shares have moved.

    A sample of the rows is read, by a hash of the keys. The limit grows with the root of the ratio of rows if the
    period has fewer than the reference periods.
    """
    if reference is None:
        reason = "The version was trained before contributions were kept; train a new version."
        return [missing_row("attribution_drift", FEATURES, reason)]
    rows = read_rows(_sampled(use_case, view).order_by([*use_case.keys]))
    if not rows.num_rows:
        return []
    means = contributions.compute_contributions(model, rows).mean_absolute()
    value = float(f"{contributions.share_change(contributions.shares(means), reference.shares):.12g}")
    usual_rows = len(reference.rows) / math.fsum(1 / each for each in reference.rows)
    scale = math.sqrt(max(1.0, usual_rows / rows.num_rows))
    limit = float(usual_limit("attribution_drift", reference.drift, use_case.monitoring)) * scale
    return [
        *(MetricRow("mean_contribution", name, mean) for name, mean in means.items()),
        row_with_limit("attribution_drift", FEATURES, value, limit),
    ]


def _unknown(main: str, reason: str) -> list[MetricRow]:
    return [
        missing_row(f"{ESTIMATED}{main}", MODEL, reason),
        missing_row(f"{ESTIMATED_DEGRADATION}{main}", MODEL, reason, limit=0.0),
    ]


def _degradation(main: str, estimate: Estimate, expected: float) -> MetricRow:
    """Return how much worse than in the test periods a metric is estimated.

    It is a breach if even the better end of the interval is worse.
    """
    sign = -1.0 if METRICS[main].higher_is_better else 1.0
    low, high = sorted((sign * (estimate.lower - expected), sign * (estimate.upper - expected)))
    value = sign * (estimate.value - expected)
    return MetricRow(f"{ESTIMATED_DEGRADATION}{main}", MODEL, value, low, high, limit=0.0, breached=low > 0)


def _sampled(use_case: UseCase, view: AsOfSnapshot) -> ibis.Table:
    """Return about `SAMPLE_ROWS` rows of features, chosen by a hash of their keys."""
    features, rows = view.table(FEATURES, view.period, view.period), view.partitions(FEATURES, view.period)
    parts = -(-rows[view.period].rows // SAMPLE_ROWS)
    if parts <= 1:
        return features
    text = ibis.literal("|").join([features[name].cast("string") for name in ("period", *use_case.keys)])
    return features.filter((text.hash() & (_HASHED - 1)) % parts == 0)
