"""Watch: what a day itself shows, before any of its labels is known: how much came, how old it is, how it drifted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.use_case import Feed, UseCase
from include.lake import batch_reader
from include.lake.partitions import days_from
from include.lake.snapshot import AsOfSnapshot
from include.monitoring import drift, drift_metrics, freshness, labelled_predictions
from include.monitoring.definitions import STALENESS
from include.monitoring.drift_metrics import FEATURES, PREDICTION
from include.monitoring.metric_row import MetricRow, missing_row
from include.monitoring.reference_profile import ReferenceProfile
from include.registry.model_record import Version

PREDICTIONS = "predictions"


@dataclass(frozen=True)
class ScoringVersion:
    """The version that scored a day, as far as it is known."""

    version: Version | None
    profile: ReferenceProfile | None
    state: str
    """Why there is no version or no profile; empty where both are there."""


def measure_data(use_case: UseCase, view: AsOfSnapshot, scorer: ScoringVersion) -> list[MetricRow]:
    """The figures of the view's own day: rows, nulls, drift against the scorer's profile, and ages.

    Memory stays flat in rows: features and predictions are counted a batch at a time.
    """
    return [
        *_volumes(use_case, view),
        *_drift(use_case, view, scorer),
        *_predictions(use_case, view, scorer),
        *_ages(use_case, view, scorer),
    ]


def _volumes(use_case: UseCase, view: AsOfSnapshot) -> list[MetricRow]:
    found: list[MetricRow] = []
    rows: list[int] = []
    landed = view.day in view.partitions(FEATURES, view.day)
    for feed in use_case.feeds:
        found += _of_feed(use_case, view, feed, landed)
    for table in (FEATURES, PREDICTIONS):
        partition = view.partitions(table, view.day).get(view.day)
        if partition is not None:
            found.append(MetricRow("rows", table, float(partition.rows)))
            rows.append(partition.rows)
        else:
            found.append(missing_row("rows", table, f"{view.day} has no {table}."))
    return [*found, freshness.unscored_periods(*rows)] if len(rows) == 2 else found


def _of_feed(use_case: UseCase, view: AsOfSnapshot, feed: Feed, built: bool) -> list[MetricRow]:
    """A day whose features are built has landed, and so have its look-back days: what is not there then had no rows."""
    day, raw = view.day, f"raw/{feed.name}"
    limit = use_case.monitoring.volume_change
    first = max(use_case.first_period, day - timedelta(days=use_case.look_back_periods))
    there = view.partitions(raw, first)
    if day not in there and not built:
        state = f"{feed.name} of {day} has not landed; run {use_case.name}__data for it."
        return [missing_row("rows", feed.name, state), missing_row(freshness.VOLUME, feed.name, state, limit)]
    rows = there[day].rows if day in there else 0
    checked = view.partitions(f"checked/{feed.name}", day).get(day)
    reasons, quarantined = _reasons(view, feed)
    found = freshness.feed_freshness(feed.name, rows, checked.rows if checked else None, reasons, quarantined)
    if day in feed.missing_periods:
        return [
            *found,
            missing_row(freshness.VOLUME, feed.name, "The use case declares that this day never comes.", limit),
        ]
    landed = there.keys() | view.partitions(FEATURES, first).keys()
    before = [
        there[each].rows if each in there else 0
        for each in days_from(first, day - timedelta(days=1))
        if each not in feed.missing_periods and (built or each in landed)
    ]
    return [*found, freshness.volume_change(feed.name, rows, before, limit)]


def _reasons(view: AsOfSnapshot, feed: Feed) -> tuple[Counter[str], int]:
    """Reason to rows that were quarantined for it, and how many were quarantined at all."""
    found: Counter[str] = Counter()
    quarantined = 0
    for batch in batch_reader.row_batches(view, f"checked/{feed.name}", view.day, ["reasons"]):
        reasons = batch["reasons"]
        quarantined += pc.sum(pc.greater(pc.list_value_length(reasons), 0)).as_py() or 0
        found.update(pc.list_flatten(reasons).to_pylist())
    return found, quarantined


def _drift(use_case: UseCase, view: AsOfSnapshot, scorer: ScoringVersion) -> list[MetricRow]:
    if scorer.profile is None:
        return [missing_row("weighted_drift", FEATURES, scorer.state)]
    there = view.partitions(FEATURES, view.day).get(view.day)
    if there is None or not there.rows:
        what = "has no features" if there is None else "has no rows"
        return [missing_row("weighted_drift", FEATURES, f"{view.day} {what}.")]
    bins = drift_metrics.drift_bins(scorer.profile, use_case.features)
    counts = drift.count_bins(bins, batch_reader.row_batches(view, FEATURES, view.day, bins))
    return drift_metrics.feature_drift(scorer.profile, counts, use_case.features, use_case.monitoring)


def _predictions(use_case: UseCase, view: AsOfSnapshot, scorer: ScoringVersion) -> list[MetricRow]:
    """Mean and rate of warnings of the day's predictions, and how far these are from the reference's."""
    there = view.partitions(PREDICTIONS, view.day).get(view.day)
    if there is None:
        return [
            missing_row("state", PREDICTIONS, scorer.state),
            missing_row("prediction_drift", PREDICTION, scorer.state),
        ]
    if not there.rows:
        state = f"{view.day} has no rows."
        return [missing_row("state", PREDICTIONS, state), missing_row("prediction_drift", PREDICTION, state)]
    bins = {"probability": scorer.profile.probability.bins} if scorer.profile else {}
    totals = _Totals()
    counts = drift.count_bins(
        bins, totals.seen(batch_reader.row_batches(view, PREDICTIONS, view.day, ["probability", "warning"]))
    )
    found = [totals.mean("mean_prediction", "probability"), totals.mean("warning_rate", "warning")]
    if scorer.profile is None:
        return [*found, missing_row("prediction_drift", PREDICTION, scorer.state)]
    return [*found, drift_metrics.prediction_drift(scorer.profile, counts["probability"], use_case.monitoring)]


class _Totals:
    """Adds up what passes by."""

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = {}
        self._rows: Counter[str] = Counter()

    def mean(self, metric: str, column: str) -> MetricRow:
        """Over the rows that have a value."""
        if not self._rows[column]:
            return missing_row(
                metric, PREDICTION, f"Every {column} of the day's predictions is null: score the day again."
            )
        total = math.fsum(self._sums[column])  # whatever the order of the files
        return MetricRow(metric, PREDICTION, total / self._rows[column])

    def seen(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for name in batch.schema.names:
                self._sums.setdefault(name, []).append(pc.sum(batch[name]).as_py() or 0)
                self._rows[name] += batch.num_rows - batch[name].null_count
            yield batch


def _ages(use_case: UseCase, view: AsOfSnapshot, scorer: ScoringVersion) -> list[MetricRow]:
    limits = use_case.monitoring
    found = [
        freshness.staleness(table, view.day, max(view.partitions(table), default=None), limits.stale_periods)
        for table in (FEATURES, PREDICTIONS)
    ]
    complete, due = (
        labelled_predictions.newest_complete(use_case, view),
        labelled_predictions.newest_due(use_case, view),
    )
    found.append(freshness.lateness(view.day, complete, due, limits.stale_periods))
    if scorer.version is None:
        return [*found, missing_row(STALENESS, "model", scorer.state, limits.max_age_days)]
    return [*found, freshness.champion_age(view.day, scorer.version.as_of, limits.max_age_days)]
