"""Train: a model as of a day, from what was known when it began, kept as an MLflow run with all that made it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from include.errors import FeaturesMissing, NotReady
from include.logic import fitting, material, metrics, splits
from include.logic.fitting import Rows
from include.logic.material import Material
from include.logic.parameters import Parameters, merge
from include.stages import record
from include.storage import provenance
from include.storage.labels import known_labels
from include.storage.lake import Lake, View
from include.storage.models import Registry
from include.storage.partitions import days_from
from include.storage.runs import FINGERPRINT, MlflowUnreachable
from include.use_case import UseCase


@dataclass(frozen=True)
class TrainResult:
    """Where the run is, and what a person wants to know of it; plain values."""

    run_id: str
    fingerprint: str
    as_of: str
    reused: bool
    """Whether an equal training was complete before, and nothing was trained now."""
    splits: dict[str, Any]
    unlabelled_rows: int
    """Rows of the window whose label was not known yet; they are left out."""
    missing_days: tuple[str, ...]
    """Days of the window that have no features, as ranges."""
    test: dict[str, dict[str, float]]
    """Subject (model, prior, logistic) to its metrics on the test days."""


def run(
    use_case: UseCase,
    day: date,
    *,
    window_days: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    reason: str = "",
    lake: Lake | None = None,
) -> TrainResult:
    """Train as of `day` and return the run; where an equal training is complete already, return that one.

    `parameters` override the declared LightGBM parameters, `rounds` and `early_stopping_rounds`.
    Raises BadRequest for parameters or a window that cannot be, NotReady where days or labels are missing.
    """
    chosen = merge(use_case, parameters)
    first, last = splits.window(use_case, day, window_days)
    view = (lake or Lake.of(use_case)).as_of(day)
    made_from = _material(use_case, view, first, last, chosen)
    registry = Registry(use_case)
    if done := registry.complete_run(made_from.fingerprint):
        return _result(registry, done, reused=True)
    rows = _labelled(use_case, view, first, last)
    cut = splits.cut(use_case, day, first, rows["day"].unique().to_pylist())
    parts = {name: _rows(use_case, rows, days, name, day) for name, days in cut.items()}
    available = view.partitions("features", first, last)
    report = {
        "splits": cut.bounds(),
        "unlabelled_rows": sum(partition.rows for partition in available.values()) - rows.num_rows,
        "missing_days": _ranges([each for each in days_from(first, last) if each not in available]),
    }
    tags = {"reason": reason, "notice": use_case.notice, "report": json.dumps(report)}
    run_id = registry.start_run(
        f"{use_case.name} as of {day}", {FINGERPRINT: made_from.fingerprint, **tags, **made_from.tags()}
    )
    with _ended(registry, run_id):
        threads = provenance.threads(rows.num_rows)
        fitted = fitting.fit(use_case.features, parts["train"], parts["validation"], chosen, threads)
        record.run(use_case, run_id, record.Training(made_from, cut, parts, fitted, report))
    return _result(registry, run_id, reused=False)


@contextlib.contextmanager
def _ended(registry: Registry, run_id: str) -> Iterator[None]:
    """Close the run in any case: complete, or as failed, and then it is never used."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(MlflowUnreachable):  # what broke the training says more than this would
            registry.end_run(run_id, failed=True)
        raise
    registry.end_run(run_id, failed=False)


def _result(registry: Registry, run_id: str, *, reused: bool) -> TrainResult:
    """What a complete run says of itself."""
    found = registry.run(run_id).data
    report = json.loads(found.tags["report"])
    return TrainResult(
        run_id=run_id,
        fingerprint=found.tags[FINGERPRINT],
        as_of=found.tags["as_of"],
        reused=reused,
        splits=report["splits"],
        unlabelled_rows=report["unlabelled_rows"],
        missing_days=tuple(report["missing_days"]),
        test=metrics.of_split(found.metrics, "test"),
    )


def _material(use_case: UseCase, view: View, first: date, last: date, chosen: Parameters) -> Material:
    """What the training will depend on; FeaturesMissing unless `day` itself is landed, and with it its labels."""
    if not view.partitions("features", view.day, view.day):
        # Labels known at a day are written just before its features: without these, training would see fewer.
        raise FeaturesMissing(use_case.name, view.day, ", so the labels known by then are not complete")
    made = provenance.current(use_case)
    return Material(
        as_of=view.day,
        first=first,
        last=last,
        parameters=chosen,
        data={
            "features.version": str(view.version("features")),
            "features.digest": view.digest_of_days("features", first, last),
            "labels.version": str(view.version("labels")),
            "labels.digest": view.digest_of_days("labels", first, view.day),
        },
        code=made.code,
        commit=made.commit,
        lock=made.lock,
        processor=made.processor,
        declaration=material.declaration(use_case),
    )


def _labelled(use_case: UseCase, view: View, first: date, last: date) -> pa.Table:
    """Features, label and day of every row of the window whose label was known, in order of day and keys."""
    keys = list(use_case.keys)
    features = view.table("features", first, last)
    joined = features.join(known_labels(use_case, view, first), keys).order_by(["day", *keys])
    return joined.select("day", *use_case.features, use_case.label.name).to_pyarrow()


def _rows(use_case: UseCase, rows: pa.Table, days: Sequence[date], split: str, as_of: date) -> Rows:
    """The rows of a split, uncopied, of `rows` in order of days; NotReady where train holds one class only."""
    all_days = rows["day"].to_numpy()
    start = int(np.searchsorted(all_days, np.datetime64(days[0])))
    end = int(np.searchsorted(all_days, np.datetime64(days[-1]), side="right"))
    chosen = rows.slice(start, end - start)
    labels = chosen[use_case.label.name].to_numpy().astype(np.float64)
    if split == "train" and len(np.unique(labels)) < 2:
        raise NotReady(
            f"{use_case.name}: a training as of {as_of} needs rows of both classes; all {len(labels)} labelled rows"
            f" from {days[0]} to {days[-1]} have {use_case.label.name} = {labels[0]:g}. Train on a longer window."
        )
    return Rows(chosen.select(list(use_case.features)), labels, all_days[start:end])


def _ranges(days: Sequence[date]) -> list[str]:
    """Days as ranges of days that follow each other: a tag in MLflow holds 8,000 characters."""
    ranges: list[tuple[date, date]] = []
    for day in days:
        if ranges and day - ranges[-1][1] == timedelta(days=1):
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    return [f"{first}..{last}" if first != last else str(first) for first, last in ranges]
