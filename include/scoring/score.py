"""Score: one probability for every row of a day's features, by the champion of that day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration import form_limits
from include.declaration.column_types import missing_features
from include.declaration.use_case import UseCase
from include.errors import AirworthyError, FeaturesMissingError, InvalidRequestError, NoChampionError, NotReadyError
from include.lake import batch_reader, schemas
from include.lake.lake import Lake
from include.lake.snapshot import AsOfSnapshot
from include.model.model import Model
from include.project import Project
from include.registry import lifecycle, sync
from include.registry.ledger import Ledger, LedgerEntry
from include.registry.lifecycle import StandingApproval, blocking
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version
from include.registry.tags import GATES, NOT_PROMOTED
from include.threads import threads_for

BATCH_ROWS = 65_536
_NAMED = 3
"""Versions that are named where there is no champion: the newest."""
MEMORY = "256MB"
"""What putting a day's rows in order may use before it spills: only this grows with the number of rows."""


VERSION = "model.version"
"""Among the inputs of a commit of predictions: the version that made them."""


class FeaturesOutdatedError(NotReadyError):
    """The features of a day were built before one was declared that the model reads."""

    def __init__(self, use_case: str, day: date, absent: Sequence[str]) -> None:
        super().__init__(
            f"{use_case}: the features of {day} were built before {list(absent)} were declared, and the model reads"
            f" them. Nothing was scored. Run {use_case}__data for {day} again, then score it."
        )


@dataclass(frozen=True)
class ScoreResult:
    """What was scored; plain values."""

    day: str
    version: str
    rows: int
    warnings: int
    changed: bool
    """Whether the day's predictions are other than before."""
    kept: bool
    """Whether the version is the one that the day was scored with before, not asked for anew."""


def score_period(
    project: Project,
    day: date,
    *,
    version: str | None = None,
    rescore: bool = False,
    allow_future_model: bool = False,
    lake: Lake | None = None,
) -> ScoreResult:
    """Predict every row of `day` and make that the day's predictions.

    The version is the named one; or that which the day is scored with already, unless `rescore`; or the champion of the
    day. One trained as of a later day may have seen this day's outcomes and is refused unless `allow_future_model`.
    Raises FeaturesMissingError, NoChampionError, InvalidRequestError (unknown or refused version),
    LedgerCorruptedError, ModelReplacedError, MlflowUnreachableError, ArtifactMissingError.
    """
    use_case = project.use_case
    use_case.require(day)
    form_limits.require_name("version", version)
    lake = lake or project.lake
    view = lake.as_of(day, MEMORY)
    there = view.partitions("features", day, day).get(day)
    if there is None:
        raise FeaturesMissingError(use_case.name, day)
    before = None if version or rescore else scoring_version(view, day)
    registry = project.registry
    chosen = registry.version(version) if version else champion_by_ledger(project, registry, day, before)
    model = require_fit_to_score(
        use_case, registry, day, chosen, allow_future_model=allow_future_model or before is not None
    )
    _require_built(use_case, view, day, model)
    number = before or chosen.number  # a day keeps the number it has, also where a restored version stands for it
    scoring = _Scoring(use_case, view, day, model, number, there.rows)
    reader = pa.RecordBatchReader.from_batches(schemas.content(use_case, "predictions"), scoring.batches())
    inputs = {"features": there.digest, "model.trees": chosen.trees, VERSION: number}
    versions = {"features": view.version("features")}
    commit = lake.replace("predictions", day, reader, inputs=inputs, versions=versions, stage="score")
    return ScoreResult(
        day.isoformat(), number, commit.partition.rows, scoring.warnings, commit.changed, kept=before is not None
    )


def champion_by_ledger(project: Project, registry: Registry, day: date, before: str | None = None) -> Version:
    """The version that the day is scored with already, or else its champion: the very model that the ledger means.

    The ledger is verified: one that was cut off would name an older model.
    """
    ledger = project.ledger
    entries = sync.verified_entries(registry, ledger)
    if before is None:
        return sync.model_of(project.use_case, _champion(registry, ledger, day), registry.versions(), entries)
    flights = [entry for entry in entries if entry.makes_champion and entry.version == before]
    if not flights:  # a person has named one that never flew
        return registry.version(before)
    return sync.model_of(project.use_case, flights[-1], registry.versions(), entries)


def _champion(registry: Registry, ledger: Ledger, day: date) -> LedgerEntry:
    """The champion of the day; NoChampionError, with what became of each version that might have been one."""
    try:
        return ledger.champion_of(day)
    except NoChampionError as error:
        versions = [version for version in registry.versions() if version.as_of <= day]
        entries = ledger.entries()
        told = [
            _grounded(version, lifecycle.approval_of(version, entries))
            for version in versions
            if not any(entry.makes_champion and lifecycle.refers_to(entry, version, entries) for entry in entries)
        ]
        raise NoChampionError(error.use_case, day, error.first, told[-_NAMED:]) from None


def _grounded(version: Version, decided: StandingApproval | None) -> str:
    """Why a version is no champion."""
    reason = version.tags.get(NOT_PROMOTED, "")
    said = f"Version {version.number}, trained as of {version.as_of},"
    if decided is not None and not decided.approved:
        return f"{said} was {decided}."
    if version.tags.get(GATES) == "passed":
        return f"{said} passed its gates and was not promoted: {reason or 'its training has not come so far yet.'}"
    return f"{said} was rejected by its gates: {reason or blocking(version.verdicts) or 'it was not judged yet.'}"


def require_fit_to_score(
    use_case: UseCase, registry: Registry, day: date, version: Version, *, allow_future_model: bool = False
) -> Model:
    """The version's model, if it may score the day: it has not seen the day's outcomes (unless `allow_future_model`),
    and reads the features that are declared. Raises InvalidRequestError, MlflowUnreachableError,
    ArtifactMissingError."""
    if version.as_of > day and not allow_future_model:
        raise InvalidRequestError(_seen(use_case, day, version))
    model = registry.load(version)
    _check_features(use_case, version, model)
    return model


def scoring_version(view: AsOfSnapshot, day: date) -> str | None:
    """The version that made all of a day's predictions; None where there are none, or where several did."""
    found = prediction_versions(view, day)
    return found[0] if len(found) == 1 else None


def prediction_versions(view: AsOfSnapshot, day: date) -> list[str]:
    """Return the versions that made a day's predictions, in order: one, unless another writer has changed them.

    Of a day without rows it is the version that its commit names.
    """
    there = view.partitions("predictions", day, day).get(day)
    if there and not there.rows:
        note = view.note("predictions", day)
        return [note.inputs[VERSION]] if note and VERSION in note.inputs else []
    found: set[str] = set()
    for batch in batch_reader.row_batches(view, "predictions", day, ["model_version"]):
        found.update(map(str, pc.unique(batch["model_version"]).to_pylist()))
    return sorted(found, key=lambda number: (len(number), number))


class _Scoring:
    """Streams predictions, and counts the warnings among them."""

    def __init__(self, use_case: UseCase, view: AsOfSnapshot, day: date, model: Model, version: str, rows: int) -> None:
        self._use_case, self._view, self._day, self._model, self._version = use_case, view, day, model, version
        self._expected = rows
        self.rows = self.warnings = 0

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The day's predictions in order of their keys, a batch at a time; an error, before anything is written,
        unless they are as many as the rows of features.
        """
        threads, keys = threads_for(self._expected), list(self._use_case.keys)
        schema = schemas.content(self._use_case, "predictions")
        for batch in self._view.batches("features", self._day, self._day, order_by=keys, batch_rows=BATCH_ROWS):
            probability = pa.array(self._model.predict(batch, threads), pa.float64())
            warning = pc.greater_equal(probability, self._use_case.costs.threshold)
            self.warnings += pc.sum(warning).as_py() or 0
            self.rows += batch.num_rows
            version = pa.repeat(pa.scalar(self._version), batch.num_rows)
            yield pa.record_batch([*(batch[key] for key in keys), probability, warning, version], schema=schema)
        if self.rows != self._expected:
            raise AirworthyError(
                f"{self._use_case.name}: {self._expected} rows of features of {self._day} became {self.rows}"
                " predictions; nothing was written. This is our mistake: scoring must neither drop nor add a row."
            )


def _seen(use_case: UseCase, day: date, version: Version) -> str:
    return (
        f"{use_case.name}: version {version.number} was trained as of {version.as_of} and may have seen the outcomes of"
        f" {day}; its predictions for that day would look better than it is. Name a version trained as of {day} or"
        " before, or ask with `allow_future_model` to score the day all the same."
    )


def _check_features(use_case: UseCase, version: Version, model: Model) -> None:
    """Raise InvalidRequestError if the version reads a feature that is no longer declared. It need not read all that
    are."""
    reads = model.encoding.features
    if lost := missing_features(reads, use_case.features):
        now = {name: use_case.features.get(name, "not declared") for name in lost}
        was = ", ".join(f"{name} ({reads[name]} then, {now[name]} now)" for name in lost)
        raise InvalidRequestError(
            f"{use_case.name}: version {version.number} needs features that are not declared so any more: {was}."
            " Train a new version, or check out the code that trained this one."
        )


def _require_built(use_case: UseCase, view: AsOfSnapshot, day: date, model: Model) -> None:
    """Raise FeaturesOutdatedError if the day's features lack a column that the model reads."""
    if absent := sorted(view.absent_columns("features", day, day).keys() & model.encoding.features.keys()):
        raise FeaturesOutdatedError(use_case.name, day, absent)
