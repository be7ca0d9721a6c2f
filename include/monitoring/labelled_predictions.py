"""Outcomes: what was predicted of labelled rows, and what happened; by day, or over the newest days of a version."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import numpy as np
import pyarrow as pa

from include.declaration.column_types import missing_features
from include.declaration.gates import MODEL
from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.features.distinct import require_distinct
from include.features.labels import join_labels, known_labels
from include.lake import batch_reader
from include.lake.lake import Lake
from include.lake.partitions import days_from
from include.lake.snapshot import AsOfSnapshot
from include.model.model import Model
from include.monitoring.performance import LabelledPredictions
from include.registry import sync
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version
from include.scoring import score
from include.threads import threads_for

MOST_ROWS = 1_000_000
"""Rows that are judged at once, in memory: of more, each day gives the same number, chosen by a hash of the keys."""

_PROBABILITY = "__airworthy_probability"

REACH = 2
"""The days of a window are looked for among this many times as many days."""


class NotMeasurableError(AirworthyError):
    """Performance cannot be measured, for a reason that the table must tell."""


@dataclass(frozen=True)
class DayPredictions:
    """A scored day by its stored predictions; its baselines are those of the version that made them."""

    version: str
    rows: int
    """Rows that were scored."""
    labelled_rows: int
    outcomes: LabelledPredictions
    state: str
    """Why its baselines cannot be predicted; empty if they can."""


def matured_periods(lake: Lake, day: date) -> AsOfSnapshot:
    """The lake as of the day on which the labels of `day` are complete: corrections that come later change nothing."""
    return lake.as_of(day + timedelta(days=lake.use_case.label.label_delay_periods))


def waiting_rows(use_case: UseCase, view: AsOfSnapshot, day: date) -> str:
    """Why a day cannot be measured yet; empty if it can."""
    makers = score.prediction_versions(view, day)
    if not makers:
        return f"{day} is not scored yet"
    if not view.partitions("predictions", day, day)[day].rows:
        return f"{day} has no rows: no prediction was made"
    return mixed_reason(use_case, day, makers) if len(makers) > 1 else incomplete_reason(use_case, view, day)


def mixed_reason(use_case: UseCase, day: date, makers: Sequence[str]) -> str:
    """What is wrong with predictions that several versions made, and what to do."""
    return (
        f"The predictions of {day} were made by versions {', '.join(makers)}: run {use_case.name}__score for it, which"
        " makes them one version's."
    )


def incomplete_reason(use_case: UseCase, view: AsOfSnapshot, day: date) -> str:
    """Why the labels of a day are not complete; empty where they are, as far as they will ever be.

    Labels that became known on a day are written before its features: so the features tell. A day that is recorded as
    empty was run.
    """
    until = day + timedelta(days=use_case.label.label_delay_periods)
    landed = view.partitions("features", day, until)
    missing = [str(d) for d in days_from(day, until) if d not in landed and not _absent(use_case, d)]
    return f"labels of {day} are not complete: {use_case.name}__data has not run for {missing}" if missing else ""


def is_complete(use_case: UseCase, view: AsOfSnapshot, first: date, last: date) -> list[date]:
    """Return the days from `first` to `last` that have rows and whose labels are complete, oldest first."""
    matures = timedelta(days=use_case.label.label_delay_periods)
    landed = view.partitions("features", first, last + matures)
    needed = {day: days_from(day, day + matures) for day, there in landed.items() if day <= last and there.rows}
    return [day for day, all_of in needed.items() if all(d in landed or _absent(use_case, d) for d in all_of)]


def newest_complete(use_case: UseCase, view: AsOfSnapshot) -> date | None:
    """The newest day whose labels are complete as of `view`, and have gone on coming since; None where there is none.

    A data run that brought no label at all has landed too: so a day needs labels that became known no earlier than
    its last ones could.
    """
    newest = max((day for day, there in view.partitions("labels").items() if there.rows), default=None)
    if newest is None:
        return None
    last = newest - timedelta(days=use_case.label.label_delay_periods)
    return max(is_complete(use_case, view, use_case.first_period, last), default=None)


def newest_due(use_case: UseCase, view: AsOfSnapshot) -> date | None:
    """Return the newest day whose labels should be complete as of `view`; None where there is none.

    A day that is recorded as empty, or that no feed delivers, has no labels to wait for.
    """
    day = view.day - timedelta(days=use_case.label.label_delay_periods)
    landed = view.partitions("features", use_case.first_period, day)
    while day >= use_case.first_period and (not landed[day].rows if day in landed else _absent(use_case, day)):
        day -= timedelta(days=1)
    return day if day >= use_case.first_period else None


def load_day(use_case: UseCase, view: AsOfSnapshot, day: date, registry: Registry) -> DayPredictions:
    """The labelled rows of a scored day, as of `view`. Raises as `Registry.version` and `Registry.load` do."""
    number = score.scoring_version(view, day)
    assert number is not None  # `waiting` has seen predictions of one version
    version = sync.version_of(registry, number)
    model, keys = registry.load(version), list(use_case.keys)
    known = known_labels(use_case, view, day)
    # Named so that no feature can be called the same.
    predictions = view.table("predictions", day, day)
    stored = predictions.select("day", *keys, predictions["probability"].name(_PROBABILITY))
    joined = join_labels(use_case, _sampled(use_case, stored, _parts(view, [day])), known)
    state = _unfit(use_case, view, [day], version, model)
    if not state:
        joined = joined.join(view.table("features", day, day).drop("day"), keys)
    rows = joined.order_by(keys).to_pyarrow()
    require_distinct(use_case.name, "predictions or features", rows, keys)
    # The model's own are those that were stored; only its baselines are predicted anew.
    predicted = {} if state else _predicted(use_case, rows, model).predicted
    labels = rows[use_case.label.name].to_numpy().astype(np.float64)
    days = rows["day"].to_numpy().astype("datetime64[D]")
    found = LabelledPredictions(days, labels, {**predicted, MODEL: rows[_PROBABILITY].to_numpy()})
    labelled = _count(join_labels(use_case, stored, known)) if _parts(view, [day]) else rows.num_rows
    return DayPredictions(number, view.partitions("predictions", day, day)[day].rows, labelled, found, state)


def load_window(use_case: UseCase, view: AsOfSnapshot, version: Version, model: Model) -> LabelledPredictions:
    """The newest `window_periods` days whose labels are complete as of `view`, and that the version has not seen,
    predicted anew by it: so that nothing depends on which of them are scored, or by whom.

    Raises NotMeasurableError where there is no such day, or where its features are not those that the version reads.
    """
    days = _window(use_case, view, version)
    if state := _unfit(use_case, view, days, version, model):
        raise NotMeasurableError(state)
    first, last = days[0], days[-1]
    order = ["day", *use_case.keys]
    features = view.table("features", first, last)
    chosen = _sampled(use_case, features.filter(features.day.isin(days)), _parts(view, days))
    rows = join_labels(use_case, chosen, known_labels(use_case, view, first)).order_by(order).to_pyarrow()
    require_distinct(use_case.name, "features", rows, order)
    if not rows.num_rows:
        raise NotMeasurableError(f"No row of {first} to {last} has a label as of {view.day}.")
    return _predicted(use_case, rows, model)


def _window(use_case: UseCase, view: AsOfSnapshot, version: Version) -> list[date]:
    """The days of the window, oldest first; NotMeasurableError where there are none."""
    last = view.day - timedelta(days=use_case.label.label_delay_periods)
    if last < version.as_of:
        raise NotMeasurableError(
            f"Version {version.number} was trained as of {version.as_of}, and of no day since then are the labels"
            f" complete as of {view.day}."
        )
    reach = timedelta(days=REACH * use_case.monitoring.window_periods - 1)
    first = max(version.as_of, last - reach)  # days long past say nothing of today
    days = is_complete(use_case, view, first, last)[-use_case.monitoring.window_periods :]
    if not days:
        raise NotMeasurableError(
            f"Of no day from {first} to {last} are the labels complete: {incomplete_reason(use_case, view, last)}."
        )
    return days


def _unfit(use_case: UseCase, view: AsOfSnapshot, days: Collection[date], version: Version, model: Model) -> str:
    """Why a version cannot predict those days as their features stand; empty if it can."""
    reads = model.encoding.features
    if lost := missing_features(reads, use_case.features):
        return (
            f"Version {version.number} reads {lost}, which the use case does not declare so any more, so it cannot"
            " predict these days anew. Train a new version."
        )
    if reason := view.unreadable_reason("features", min(days), max(days)):
        return reason
    if absent := sorted(set(reads) - batch_reader.column_batches(view, "features", days)):
        return (
            f"Features of {min(days)} to {max(days)} were built before {absent} were declared; build these days again."
        )
    return ""


def _count(rows: ibis.Table) -> int:
    return int(rows.count().to_pyarrow().as_py())


def _predicted(use_case: UseCase, rows: pa.Table, model: Model) -> LabelledPredictions:
    predicted = model.predict_all(rows.select(list(model.encoding.features)), threads_for(rows.num_rows))
    labels = rows[use_case.label.name].to_numpy().astype(np.float64)
    return LabelledPredictions(rows["day"].to_numpy().astype("datetime64[D]"), labels, predicted)


def _parts(view: AsOfSnapshot, days: Sequence[date]) -> dict[date, int]:
    """Day to n, for each day of whose rows one in n is taken; empty where all days are taken whole."""
    most = max(MOST_ROWS // len(days), 1)
    there = view.partitions("features", days[0], days[-1])
    parts = {day: -(-there[day].rows // most) for day in days if day in there}
    return parts if any(n > 1 for n in parts.values()) else {}


def _sampled(use_case: UseCase, features: ibis.Table, parts: dict[date, int]) -> ibis.Table:
    """Take one in n of a day's rows: the same ones each time, and of another day other ones."""
    if not parts:
        return features
    text = ibis.literal("|").join([features[name].cast("string") for name in ("day", *use_case.keys)])
    place = text.hash() & (2**31 - 1)  # a hash may be negative
    keep = [(features.day == day) & (place % n == 0) for day, n in parts.items()]
    return features.filter(ibis.or_(*keep))


def _absent(use_case: UseCase, day: date) -> bool:
    """Whether no feed will ever deliver that day."""
    return all(day in feed.missing_periods for feed in use_case.feeds)
