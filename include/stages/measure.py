"""Measure: how good a scored day's predictions turned out to be, once its labels are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from include.logic import metrics
from include.logic.gates import MODEL
from include.logic.metrics import Numbers
from include.stages import score
from include.storage import provenance, schemas
from include.storage.labels import known_labels
from include.storage.lake import Lake, View
from include.storage.models import Registry
from include.storage.partitions import days_from
from include.use_case import UseCase


@dataclass(frozen=True)
class MeasureResult:
    """The metrics of a day, or why there are none yet; plain values."""

    day: str
    measured: bool
    reason: str
    version: str | None
    metrics: dict[str, dict[str, float]]
    """Subject (model, prior, logistic) to its metrics."""
    changed: bool


@dataclass(frozen=True)
class Realised:
    """Metrics over the rows of several scored days, pooled; plain values."""

    first: str
    last: str
    days: tuple[str, ...]
    """The days that are scored and whose labels are known."""
    waiting: dict[str, str]
    """The other days, and why they are left out."""
    rows: int
    metrics: dict[str, dict[str, float]]


@dataclass(frozen=True)
class _Outcome:
    """What was predicted of a day's labelled rows, by subject, and what happened."""

    version: str
    scored_rows: int
    labels: Numbers
    predicted: Mapping[str, Numbers]


def run(use_case: UseCase, day: date, *, lake: Lake | None = None) -> MeasureResult:
    """Measure the predictions of `day` by the labels known `matures_after_days` later, into metrics of `day`.

    Later corrections of a label change nothing. Where predictions or labels are not there yet, nothing is written
    and the reason returned. Raises as `Registry.load` does, for the baselines of the version that scored.
    """
    lake = lake or Lake.of(use_case)
    view = _matured_view(lake, day)
    if waiting := _waiting(use_case, view, day):
        return MeasureResult(day.isoformat(), False, waiting, None, {}, changed=False)
    outcome = _outcome(use_case, view, day, Registry(use_case))
    found = _metrics(use_case, outcome.labels, outcome.predicted)
    for values in found.values():
        values["labelled_rows"], values["rows"] = values["rows"], float(outcome.scored_rows)
    inputs = {
        "predictions": view.digest("predictions", day),
        "features": view.digest("features", day),
        "labels": view.digest_of_days("labels", day),
    }
    commit = lake.replace("metrics", day, _long(found, outcome.version), inputs=inputs, stage="measure")
    return MeasureResult(
        day.isoformat(), True, f"{len(outcome.labels)} of {outcome.scored_rows} rows have a label.", outcome.version,
        found, commit.changed,
    )  # fmt: skip


def realised(use_case: UseCase, first: date, last: date, *, lake: Lake | None = None) -> Realised:
    """Metrics over all rows of the days from `first` to `last` that are scored and whose labels are known."""
    lake, registry = lake or Lake.of(use_case), Registry(use_case)
    outcomes: dict[str, _Outcome] = {}
    waiting: dict[str, str] = {}
    for day in days_from(first, last):
        view = _matured_view(lake, day)
        if reason := _waiting(use_case, view, day):
            waiting[day.isoformat()] = reason
        else:
            outcomes[day.isoformat()] = _outcome(use_case, view, day, registry)
    found = list(outcomes.values())
    labels = np.concatenate([outcome.labels for outcome in found]) if found else np.empty(0)
    subjects = found[0].predicted if found else ()
    pooled = {subject: np.concatenate([outcome.predicted[subject] for outcome in found]) for subject in subjects}
    return Realised(
        first.isoformat(), last.isoformat(), tuple(outcomes), waiting, len(labels), _metrics(use_case, labels, pooled)
    )


def _matured_view(lake: Lake, day: date) -> View:
    return lake.as_of(day + timedelta(days=lake.use_case.label.matures_after_days))


def _waiting(use_case: UseCase, view: View, day: date) -> str:
    """Why a day cannot be measured yet; empty if it can.

    Labels that became known on a day are written before its features, and may be none: so the features tell.
    """
    if not view.partitions("predictions", day, day):
        return f"{day} is not scored yet"
    landed = view.partitions("features", day)
    missing = [str(d) for d in days_from(day, view.day) if d not in landed and not _absent(use_case, d)]
    return f"labels of {day} are not complete: {use_case.name}__data has not run for {missing}" if missing else ""


def _absent(use_case: UseCase, day: date) -> bool:
    """Whether no feed will ever deliver that day."""
    return all(day in feed.absent_days for feed in use_case.feeds)


def _outcome(use_case: UseCase, view: View, day: date, registry: Registry) -> _Outcome:
    """The labelled rows of a scored day, with what the model said and what the baselines of its version say."""
    version = score.scored_with(view, day)
    assert version is not None  # _waiting has seen predictions
    label, keys = use_case.label.name, list(use_case.keys)
    known = known_labels(use_case, view, day)
    joined = view.table("features", day, day).join(view.table("predictions", day, day).drop("day"), keys)
    rows = joined.join(known, keys).order_by(keys).to_pyarrow()
    threads = provenance.threads(rows.num_rows)
    predicted = registry.load(registry.version(version)).predict_all(rows.select(list(use_case.features)), threads)
    predicted[MODEL] = rows["probability"].to_numpy()
    scored = view.partitions("predictions", day, day)[day].rows
    return _Outcome(version, scored, rows[label].to_numpy().astype(np.float64), predicted)


def _metrics(use_case: UseCase, labels: Numbers, predicted: Mapping[str, Numbers]) -> dict[str, dict[str, float]]:
    if not len(labels):
        return {subject: {"rows": 0.0} for subject in predicted}
    return {subject: metrics.of(labels, probabilities, use_case.costs) for subject, probabilities in predicted.items()}


def _long(found: Mapping[str, Mapping[str, float]], version: str) -> pa.Table:
    rows = [
        {"metric": metric, "subject": subject, "value": value, "model_version": version}
        for subject, values in found.items()
        for metric, value in values.items()
    ]
    return pa.Table.from_pylist(rows, schema=schemas.METRICS)
