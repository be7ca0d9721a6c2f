"""Join predictions with labels, for one day or for the newest days of a version."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import ibis
import pyarrow as pa

from include.declaration.column_types import missing_features
from include.declaration.gates import MODEL
from include.declaration.period import Period, period_range
from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.features.distinct import require_distinct
from include.features.labels import encoded_labels, join_labels, join_season, known_labels
from include.grammar import listed
from include.lake import batch_reader
from include.lake.compiled_queries import read_rows
from include.lake.snapshot import AsOfSnapshot
from include.model.model import Model
from include.model.tasks import task_model
from include.monitoring.performance import LabelledPredictions
from include.project import Project
from include.registry import sync
from include.registry.model_record import Version
from include.scoring import score
from include.threads import threads_for

MOST_ROWS = 1_000_000
"""Most rows that are judged in memory. Of more rows, each day is sampled to an equal number by a hash of the keys."""

_STORED = "__airworthy_"


class NotMeasurableError(AirworthyError):
    """Report why performance cannot be measured.

    It becomes the `missing_reason` of a row of `metrics`.
    """


@dataclass(frozen=True)
class PeriodPredictions:
    """Hold a day's stored predictions, with the version's baselines."""

    version: str
    rows: int
    """Rows that were scored."""
    labelled_rows: int
    outcomes: LabelledPredictions
    missing_reason: str
    """Why the baselines cannot be predicted; empty if they can."""
    columns: pa.Table
    """Of the columns of slice gates, those that are keys or features of the period, for each labelled row."""


def matured_periods(project: Project, period: Period) -> AsOfSnapshot:
    """Return the lake as of the day on which the labels of `period` are complete.

    Corrections that become known later are not included.
    """
    return project.lake.as_of(period + project.use_case.label.label_delay_periods)


def waiting_rows(use_case: UseCase, view: AsOfSnapshot, period: Period) -> str:
    """Return why a day cannot be measured yet; empty if it can."""
    versions = score.prediction_versions(view, period)
    if not versions:
        return f"{period} is not scored yet" if use_case.is_scored(period) else f"{period} was not due for scoring"
    if not view.partitions("predictions", period, period)[period].rows:
        return f"{period} has no rows: no prediction was made"
    if len(versions) > 1 and score.scoring_version(view, period) is None:
        return mixed_reason(use_case, period, versions)
    return incomplete_reason(use_case, view, period)


def mixed_reason(use_case: UseCase, period: Period, versions: Sequence[str]) -> str:
    """Return the text for predictions that several versions made, and what to do."""
    return (
        f"The predictions of {period} were made by versions {', '.join(versions)}: run {use_case.name}__score for it,"
        " so that one version makes them all."
    )


def incomplete_reason(use_case: UseCase, view: AsOfSnapshot, period: Period) -> str:
    """Return why the labels of a day are not complete; empty if they are.

    The labels of a known day are written before its features, so a day with features, even without rows, has its
    labels. Days that no feed delivers are not waited for.
    """
    until = period + use_case.label.label_delay_periods
    landed = view.partitions("features", period, until)
    missing = [str(d) for d in period_range(period, until) if d not in landed and not _absent(use_case, d)]
    if not missing:
        return ""
    return f"labels of {period} are not complete: {use_case.name}__data has not run for {listed(missing)}"


def is_complete(use_case: UseCase, view: AsOfSnapshot, first: Period, last: Period) -> list[Period]:
    """Return the days that have rows and complete labels, oldest first.

    The days are those from `first` to `last`.
    """
    matures = use_case.label.label_delay_periods
    landed = view.partitions("features", first, last + matures)
    needed = {
        period: period_range(period, period + matures)
        for period, partition in landed.items()
        if period <= last and partition.rows
    }
    return [period for period, until in needed.items() if all(d in landed or _absent(use_case, d) for d in until)]


def newest_complete(use_case: UseCase, view: AsOfSnapshot) -> Period | None:
    """Return the newest day with complete labels as of `view`, or None.

    A data run without any labels is not proof that the labels are complete: labels must also exist for a known day on
    or after the one on which the day's last labels become known.
    """
    newest = max((period for period, partition in view.partitions("labels").items() if partition.rows), default=None)
    if newest is None:
        return None
    last = newest - use_case.label.label_delay_periods
    return max(is_complete(use_case, view, use_case.first_period, last), default=None)


def newest_due(use_case: UseCase, view: AsOfSnapshot) -> Period | None:
    """Return the newest day with labels due as of `view`, or None.

    Days without rows, or that no feed delivers, are skipped: they have no labels.
    """
    period = view.period - use_case.label.label_delay_periods
    landed = view.partitions("features", use_case.first_period, period)
    while period >= use_case.first_period and (
        not landed[period].rows if period in landed else _absent(use_case, period)
    ):
        period -= 1
    return period if period >= use_case.first_period else None


def load_period(project: Project, view: AsOfSnapshot, period: Period) -> PeriodPredictions:
    """Return the labelled rows of a scored day, as of `view`.

    Raises the errors of `Registry.version` and `Registry.load`.
    """
    number = score.scoring_version(view, period)
    assert number is not None  # `waiting_rows` has checked that one version made the predictions
    use_case, registry = project.use_case, project.registry
    version = sync.version_of(registry, project.ledger, number)
    model, keys = registry.load(version), list(use_case.keys)
    known = known_labels(use_case, view, period)
    task = task_model(use_case)
    # These names cannot be those of features.
    predictions, columns = view.table("predictions", period, period), [f"{_STORED}{n}" for n in task.number_columns]
    is_split = len(score.prediction_versions(view, period)) > 1  # the rows of the tried version are its own
    predictions = predictions.filter(predictions.model_version == number) if is_split else predictions
    renamed = [predictions[column.removeprefix(_STORED)].name(column) for column in columns]
    stored = predictions.select("period", *keys, *renamed)
    joined = join_labels(use_case, sample_rows(use_case, stored, sampling_parts(view, [period])), known)
    if why := score.task_misfit(use_case, registry, version):
        raise score.OtherPredictionsError(use_case.name, number, why)
    missing_reason = unfit_reason(use_case, view, [period], version, model)
    if not missing_reason:
        joined = joined.join(view.table("features", period, period).drop("period"), keys)
        joined = join_season(use_case, view, joined, period, period)
    rows = read_rows(joined.order_by(keys))
    require_distinct(use_case.name, "predictions or features", rows, keys)
    # The model's predictions are the stored ones; only those of its baselines are computed.
    predicted = {} if missing_reason else _predicted(use_case, rows, model).predicted
    labels = encoded_labels(use_case, rows[use_case.label.name])
    periods = rows["period"].to_numpy()
    of_model = task.stack([rows[column].to_numpy() for column in columns])
    outcomes = LabelledPredictions(periods, labels, {**predicted, MODEL: of_model})
    labelled = _count(join_labels(use_case, stored, known)) if sampling_parts(view, [period]) else rows.num_rows
    grouping = {column for gate in use_case.gates for column in gate.grouping_columns}
    columns = rows.select([name for name in rows.column_names if name in grouping])
    scored = _count(stored) if is_split else view.partitions("predictions", period, period)[period].rows
    return PeriodPredictions(number, scored, labelled, outcomes, missing_reason, columns)


def load_window(use_case: UseCase, view: AsOfSnapshot, version: Version, model: Model) -> LabelledPredictions:
    """Predict the newest complete days that the version was not trained on.

    These are `window_periods` days whose labels are complete. Days that are not scored, or were scored by another
    version, are included.

    Raises:
        NotMeasurableError: there is no such day, or its features are not those that the version reads.
    """
    periods = _window(use_case, view, version)
    if missing_reason := unfit_reason(use_case, view, periods, version, model):
        raise NotMeasurableError(missing_reason)
    first, last = periods[0], periods[-1]
    order = ["period", *use_case.keys]
    features = view.table("features", first, last)
    chosen = sample_rows(
        use_case,
        features.filter(features.period.isin([period.start for period in periods])),
        sampling_parts(view, periods),
    )
    joined = join_labels(use_case, chosen, known_labels(use_case, view, first))
    rows = read_rows(join_season(use_case, view, joined, first, last).order_by(order))
    require_distinct(use_case.name, "features", rows, order)
    if not rows.num_rows:
        raise NotMeasurableError(f"No row of {first} to {last} has a label as of {view.period}.")
    return _predicted(use_case, rows, model)


def _window(use_case: UseCase, view: AsOfSnapshot, version: Version) -> list[Period]:
    """Return the days of the window, oldest first.

    Raises:
        NotMeasurableError: there are none.
    """
    last = view.period - use_case.label.label_delay_periods
    if last < version.as_of:
        raise NotMeasurableError(
            f"Version {version.number} was trained as of {version.as_of}, and no period since then has complete"
            f" labels as"
            f" of {view.period}."
        )
    reach = use_case.monitoring.reach_periods - 1
    first = max(version.as_of, last - reach)  # older days say little about today
    periods = is_complete(use_case, view, first, last)[-use_case.monitoring.window_periods :]
    if not periods:
        raise NotMeasurableError(
            f"No period from {first} to {last} has complete labels: {incomplete_reason(use_case, view, last)}."
        )
    return periods


def unfit_reason(
    use_case: UseCase, view: AsOfSnapshot, periods: Collection[Period], version: Version, model: Model
) -> str:
    """Return why a version cannot predict the days; empty if it can.

    It predicts from their features.
    """
    reads = model.encoding.features
    if lost := missing_features(reads, use_case.features):
        return (
            f"Version {version.number} reads {lost}, which the use case no longer declares with this type, so it cannot"
            " predict these periods. Train a new version."
        )
    if reason := view.unreadable_reason("features", min(periods), max(periods)):
        return reason
    if absent := sorted(set(reads) - batch_reader.common_columns(view, "features", periods)):
        between = f"{min(periods)} to {max(periods)}"
        return f"Features of {between} were built before {absent} were declared; build these periods again."
    return ""


def _count(rows: ibis.Table) -> int:
    return int(rows.count().to_pyarrow().as_py())


def _predicted(use_case: UseCase, rows: pa.Table, model: Model) -> LabelledPredictions:
    predicted = model.predict_all(rows, threads_for(rows.num_rows))
    labels = encoded_labels(use_case, rows[use_case.label.name])
    return LabelledPredictions(rows["period"].to_numpy(), labels, predicted)


def sampling_parts(view: AsOfSnapshot, periods: Sequence[Period]) -> dict[Period, int]:
    """Return day to n, where one in n of its rows is taken.

    Empty if all rows are taken.
    """
    most = max(MOST_ROWS // len(periods), 1)
    partitions = view.partitions("features", periods[0], periods[-1])
    parts = {period: -(-partitions[period].rows // most) for period in periods if period in partitions}
    return parts if any(n > 1 for n in parts.values()) else {}


def sample_rows(use_case: UseCase, features: ibis.Table, parts: dict[Period, int]) -> ibis.Table:
    """Take one in n of each day's rows, by a hash of the day and the keys."""
    if not parts:
        return features
    text = ibis.literal("|").join([features[name].cast("string") for name in ("period", *use_case.keys)])
    place = text.hash() & (2**31 - 1)  # a hash may be negative
    keep = [(features.period == period.start) & (place % n == 0) for period, n in parts.items()]
    return features.filter(ibis.or_(*keep))


def _absent(use_case: UseCase, period: Period) -> bool:
    """Return whether every feed declares that the day never comes."""
    return all(period in feed.missing_periods for feed in use_case.feeds)
