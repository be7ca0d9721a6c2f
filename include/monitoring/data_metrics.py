"""Measure a day without its labels: row counts, nulls, drift and ages."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.feeds import Feed
from include.declaration.period import period_range
from include.declaration.use_case import UseCase
from include.lake import batch_reader
from include.lake.snapshot import AsOfSnapshot
from include.model.prediction_intervals import CROSSED
from include.monitoring import drift, drift_metrics, freshness, labelled_predictions
from include.monitoring.definitions import STALENESS
from include.monitoring.drift_metrics import FEATURES, PREDICTION
from include.monitoring.metric_row import MetricRow, missing_row, row_with_limit
from include.monitoring.reference_profile import ReferenceProfile
from include.registry.model_record import Version
from include.scoring.split import champion_batches

PREDICTIONS = "predictions"


@dataclass(frozen=True)
class ScoringVersion:
    """Describe the version that scored a day, as far as it is known."""

    version: Version | None
    profile: ReferenceProfile | None
    missing_reason: str
    """Why the version or the profile is missing; empty if neither is."""


def measure_data(use_case: UseCase, view: AsOfSnapshot, scorer: ScoringVersion) -> list[MetricRow]:
    """Measure rows, nulls, ages and drift from the scorer's profile on the view's day.

    Features and predictions are counted batch by batch, so memory does not grow with the number of rows.
    """
    return [
        *_volumes(use_case, view),
        *_drift(use_case, view, scorer),
        *_predictions(use_case, view, scorer),
        *_ages(use_case, view, scorer),
    ]


def _volumes(use_case: UseCase, view: AsOfSnapshot) -> list[MetricRow]:
    metric_rows: list[MetricRow] = []
    rows: list[int] = []
    landed = view.period in view.partitions(FEATURES, view.period)
    for feed in use_case.feeds:
        metric_rows += _feed_metrics(use_case, view, feed, landed)
    for table in (FEATURES, PREDICTIONS):
        partition = view.partitions(table, view.period).get(view.period)
        if partition is not None:
            metric_rows.append(MetricRow("rows", table, float(partition.rows)))
            rows.append(partition.rows)
        else:
            metric_rows.append(missing_row("rows", table, f"{view.period} has no {table}."))
    return [*metric_rows, freshness.unscored_periods(*rows)] if len(rows) == 2 else metric_rows


def _feed_metrics(use_case: UseCase, view: AsOfSnapshot, feed: Feed, built: bool) -> list[MetricRow]:
    """Measure the row counts of one feed.

    If the day's features are built, the day and its look-back days have landed: a day without a partition had no rows.
    """
    period, raw = view.period, f"raw/{feed.name}"
    limit = use_case.monitoring.volume_change
    first = max(use_case.first_period, period - use_case.look_back_periods)
    partitions = view.partitions(raw, first)
    if period not in partitions and not built:
        missing_reason = f"{feed.name} of {period} has not landed; run {use_case.name}__data for it."
        return [
            missing_row("rows", feed.name, missing_reason),
            missing_row(freshness.VOLUME, feed.name, missing_reason, limit),
        ]
    rows = partitions[period].rows if period in partitions else 0
    checked = view.partitions(f"checked/{feed.name}", period).get(period)
    reasons, quarantined = _reasons(view, feed)
    metric_rows = freshness.feed_freshness(feed.name, rows, checked.rows if checked else None, reasons, quarantined)
    if period in feed.missing_periods:
        return [
            *metric_rows,
            missing_row(
                freshness.VOLUME, feed.name, f"The use case declares that this {period.unit.name} never comes.", limit
            ),
        ]
    landed = partitions.keys() | view.partitions(FEATURES, first).keys()
    before = [
        partitions[earlier].rows if earlier in partitions else 0
        for earlier in period_range(first, period - 1)
        if earlier not in feed.missing_periods and (built or earlier in landed)
    ]
    return [*metric_rows, freshness.volume_change(feed.name, rows, before, limit)]


def _reasons(view: AsOfSnapshot, feed: Feed) -> tuple[Counter[str], int]:
    """Return the number of quarantined rows by reason, and in total."""
    by_reason: Counter[str] = Counter()
    quarantined = 0
    for batch in batch_reader.row_batches(view, f"checked/{feed.name}", view.period, ["reasons"]):
        reasons = batch["reasons"]
        quarantined += pc.sum(pc.greater(pc.list_value_length(reasons), 0)).as_py() or 0
        by_reason.update(pc.list_flatten(reasons).to_pylist())
    return by_reason, quarantined


def _drift(use_case: UseCase, view: AsOfSnapshot, scorer: ScoringVersion) -> list[MetricRow]:
    if scorer.profile is None:
        return [missing_row("weighted_drift", FEATURES, scorer.missing_reason)]
    partition = view.partitions(FEATURES, view.period).get(view.period)
    if partition is None or not partition.rows:
        missing = "features" if partition is None else "rows"
        return [missing_row("weighted_drift", FEATURES, f"{view.period} has no {missing}.")]
    bins = drift_metrics.drift_bins(scorer.profile, use_case.features)
    totals, numbers = _Totals(), [name for name, own in bins.items() if own.values is None]
    batches = batch_reader.row_batches(view, FEATURES, view.period, bins)
    counts = drift.count_bins(bins, totals.add_batches(batches, numbers))
    means = [row for name in numbers if (row := totals.feature_mean(name)) is not None]
    return [*drift_metrics.feature_drift(scorer.profile, counts, use_case.features, use_case.monitoring), *means]


def _predictions(use_case: UseCase, view: AsOfSnapshot, scorer: ScoringVersion) -> list[MetricRow]:
    """Measure the mean, the rates and the drift of the day's predictions."""
    partition = view.partitions(PREDICTIONS, view.period).get(view.period)
    if partition is None:
        return [
            missing_row("missing_predictions", PREDICTIONS, scorer.missing_reason),
            missing_row("prediction_drift", PREDICTION, scorer.missing_reason),
        ]
    if not partition.rows:
        missing_reason = f"{view.period} has no rows."
        return [
            missing_row("missing_predictions", PREDICTIONS, missing_reason),
            missing_row("prediction_drift", PREDICTION, missing_reason),
        ]
    main, means = use_case.task.main_column, use_case.task.mean_columns
    bins = {main: scorer.profile.predictions.bins} if scorer.profile else {}
    columns = list(dict.fromkeys((main, *means.values())))
    totals = _Totals()
    counts = drift.count_bins(
        bins,
        totals.add_batches(champion_batches(view, view.period, columns), [*means.values()]),
    )
    metric_rows = [totals.mean(metric, column) for metric, column in means.items()]
    metric_rows += _crossed(use_case, view, partition.rows)
    if scorer.profile is None:
        return [*metric_rows, missing_row("prediction_drift", PREDICTION, scorer.missing_reason)]
    return [*metric_rows, drift_metrics.prediction_drift(scorer.profile, counts[main], use_case.monitoring)]


def _crossed(use_case: UseCase, view: AsOfSnapshot, rows: int) -> list[MetricRow]:
    """Return the day's predictions whose quantiles crossed, as scoring counted."""
    if not use_case.task.has_quantiles:
        return []
    note, limit = view.note(PREDICTIONS, view.period), use_case.monitoring.max_crossed_share
    counted = note.counts.get(CROSSED) if note else None
    if counted is None:
        reason = "The predictions were stored without this count: score the day again."
        return [
            missing_row("crossed_intervals", PREDICTION, reason),
            missing_row("crossed_share", PREDICTION, reason, limit),
        ]
    return [
        MetricRow("crossed_intervals", PREDICTION, float(counted)),
        row_with_limit("crossed_share", PREDICTION, counted / rows, limit),
    ]


class _Totals:
    """Sum the columns of batches that are read for another purpose."""

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = {}
        self._rows: Counter[str] = Counter()

    def mean(self, metric: str, column: str) -> MetricRow:
        """Return the mean of a column over the rows that have a value."""
        if not self._rows[column]:
            return missing_row(
                metric, PREDICTION, f"Every {column} of the period's predictions is null: score the period again."
            )
        total = math.fsum(self._sums[column])  # exact, so independent of the order of the files
        return MetricRow(metric, PREDICTION, total / self._rows[column])

    def feature_mean(self, name: str) -> MetricRow | None:
        """Return the mean of a feature; None if no row has a finite value."""
        if not self._rows[name]:
            return None
        return MetricRow("feature_mean", name, math.fsum(self._sums[name]) / self._rows[name])

    def add_batches(self, batches: Iterator[pa.RecordBatch], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the batches unchanged, adding their columns to the sums."""
        for batch in batches:
            for name in columns:
                if name in batch.schema.names:  # a day built by older code may lack a feature
                    values = _finite(batch[name])
                    self._sums.setdefault(name, []).append(pc.sum(values).as_py() or 0)
                    self._rows[name] += len(values) - values.null_count
            yield batch


def _finite(values: pa.Array) -> pa.Array:
    """Return the values that are finite, and nulls."""
    if not pa.types.is_floating(values.type):
        return values
    finite = pc.is_finite(values)
    return values if pc.all(finite).as_py() in (True, None) else values.filter(finite)


def _ages(use_case: UseCase, view: AsOfSnapshot, scorer: ScoringVersion) -> list[MetricRow]:
    limits = use_case.monitoring
    scored = use_case.newest_scored(view.period)
    due = {FEATURES: view.period, PREDICTIONS: scored or view.period}
    metric_rows = [
        freshness.staleness(table, period, max(view.partitions(table), default=None), limits.stale_periods)
        for table, period in due.items()
        if table == FEATURES or scored is not None
    ]
    complete = labelled_predictions.newest_complete(use_case, view)
    labelled = labelled_predictions.newest_due(use_case, view)
    metric_rows.append(freshness.lateness(view.period, complete, labelled, limits.stale_periods))
    if scorer.version is None:
        return [*metric_rows, missing_row(STALENESS, "model", scorer.missing_reason, limits.max_age_periods)]
    return [*metric_rows, freshness.champion_age(view.period, scorer.version.as_of, limits.max_age_periods)]
