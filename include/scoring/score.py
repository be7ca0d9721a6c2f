"""Score a day: one prediction for every row of its features, by its champion."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration import form_limits
from include.declaration.column_types import missing_features
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.errors import FeaturesMissingError, InvalidRequestError, NoChampionError, NotReadyError
from include.lake import batch_reader, schemas
from include.lake.snapshot import AsOfSnapshot
from include.lake.table_commit import Commit
from include.model.model import Model
from include.model.prediction_intervals import CROSSED
from include.model.tasks import task_model
from include.printable import printable_logger
from include.project import Project
from include.registry import lifecycle, model_io, sync
from include.registry.ledger import Ledger
from include.registry.ledger_entry import LedgerEntry
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version
from include.registry.version_summary import VersionSummary, summarise_version
from include.scoring.choose_predictor import predict_as_declared
from include.scoring.score_errors import FeaturesRedeclaredError, FutureModelError, RowsLostError
from include.threads import threads_for
from include.validation.judge import judge_of
from include.validation.tallies import PredictionTally

BATCH_ROWS = 65_536
log = printable_logger(__name__)

_NAMED = 3
"""Number of versions, the newest, that an error without a champion names."""
MEMORY = "256MB"
"""Memory for sorting a day's rows before it spills to disk; no other use grows with the number of rows."""


VERSION = "model.version"
"""Input of a commit of predictions that names their version."""


class FeaturesOutdatedError(NotReadyError):
    """The features of a day were built before a feature of the model was declared."""

    def __init__(self, use_case: str, period: Period, absent: Sequence[str]) -> None:
        self.use_case, self.period, self.absent = use_case, period, tuple(absent)
        super().__init__(
            f"{use_case}: the features of {period} lack {list(absent)}, which the model needs: they were built before"
            f" these were declared. Nothing was scored. Run {use_case}__data for {period} again, then"
            f" {use_case}__score."
        )


class OtherPredictionsError(InvalidRequestError):
    """A version was trained for another task than the one that is declared now."""

    def __init__(self, use_case: str, version: str, why: str) -> None:
        self.use_case, self.version, self.why = use_case, version, why
        super().__init__(
            f"{use_case}: version {version} cannot be used: {why}. Nothing was written. Train a new version, or check"
            " out the code that trained this one."
        )


@dataclass(frozen=True)
class ScoreResult:
    """Result of scoring a day; plain values."""

    period: str
    version: str
    rows: int
    predicted_positives: int
    """Rows that are predicted positive; 0 for a task without such a notion."""
    crossed_intervals: int
    """Rows whose predicted quantiles crossed, and were sorted."""
    changed: bool
    """Whether the day's predictions changed."""
    kept: bool
    """Whether the day kept the version that it was scored with before."""
    predicted_by: str
    """What evaluated the trees: LightGBM, or what a use case declares instead; with the reason if it was not used."""


def score_period(
    project: Project,
    period: Period,
    *,
    version: str | None = None,
    rescore: bool = False,
    allow_future_model: bool = False,
) -> ScoreResult:
    """Predict every row of `period` and replace the day's predictions.

    Uses the named version; or, unless `rescore`, the version that the day was scored with; or the day's champion. A
    version trained as of a later day may have seen this day's outcomes and needs `allow_future_model`.

    Raises:
        FeaturesMissingError: the day has no features.
        FeaturesOutdatedError: the day's features lack a column that the model reads.
        NoChampionError: the day has no champion.
        InvalidRequestError: the version is unknown or may not score the day.
        LedgerCorruptedError, ModelReplacedError, ArtifactMissingError: the ledger or the model fails its checks.
        MlflowUnreachableError: MLflow cannot be reached.
        PeriodRefusedError: the predictions break an expectation; nothing is stored.
        SuiteError: the declared expectations cannot be used.
    """
    use_case, began = project.use_case, time.process_time()
    use_case.require(period)
    form_limits.require_name("version", version)
    lake = project.lake
    view = lake.as_of(period, MEMORY)
    features = view.partitions("features", period, period).get(period)
    if features is None:
        raise FeaturesMissingError(use_case.name, period)
    before = None if version or rescore else scoring_version(view, period)
    registry = project.registry
    chosen = registry.version(version) if version else champion_by_ledger(project, registry, period, before)
    model = require_fit_to_score(
        use_case, registry, period, chosen, allow_future_model=allow_future_model or before is not None
    )
    _require_built(use_case, view, period, model)
    number = before or chosen.number  # a day keeps its number, even if a restored version replaces it
    inputs = {"features": features.digest, "model.trees": chosen.trees, VERSION: number}
    versions = {"features": view.version("features")}

    def predict(model: Model) -> tuple[_Scoring, Commit]:
        scoring = _Scoring(use_case, view, period, model, number, features.rows)
        judged = judge_of(use_case, "predictions", period, scoring.tally).judged(scoring.batches())
        reader = pa.RecordBatchReader.from_batches(schemas.content_schema(use_case, "predictions"), judged)
        commit = lake.replace(
            "predictions",
            period,
            reader,
            inputs=inputs,
            versions=versions,
            stage="score",
            cpu_since=began,
            counts=scoring.counts,
        )
        return scoring, commit

    predicted_by, (scoring, commit) = predict_as_declared(use_case, period, model, project.settings.home, predict)
    if scoring.crossed:
        log.warning(
            "%s: the predicted quantiles of %d of %d rows of %s cross; they are sorted.",
            *(use_case.name, scoring.crossed, scoring.rows, period),
        )
    return ScoreResult(
        period.key,
        number,
        commit.partition.rows,
        scoring.predicted_positives,
        scoring.crossed,
        commit.changed,
        kept=before is not None,
        predicted_by=predicted_by,
    )


def champion_by_ledger(project: Project, registry: Registry, period: Period, before: str | None = None) -> Version:
    """Return the version that the day was scored with, or else its champion.

    It is the model that the ledger identifies. The ledger is verified: a truncated one would name an older model.
    """
    ledger = project.ledger
    entries = sync.verified_entries(registry, ledger)
    if before is None:
        return sync.model_of(project.use_case, _champion(registry, ledger, period), registry.versions(), entries)
    promotions = [entry for entry in entries if entry.makes_champion and entry.version == before]
    if not promotions:  # a version that a person named and that was never champion
        return registry.version(before)
    return sync.model_of(project.use_case, promotions[-1], registry.versions(), entries)


def _champion(registry: Registry, ledger: Ledger, period: Period) -> LedgerEntry:
    """Return the ledger's champion of the day.

    Raises:
        NoChampionError: there is none; the text explains why each of the newest versions is not.
    """
    try:
        return ledger.champion_of(period)
    except NoChampionError as error:
        versions = [version for version in registry.versions() if version.as_of <= period]
        entries = ledger.entries()
        reasons = [
            _rejection_reason(summarise_version(version, entries))
            for version in versions
            if not any(entry.makes_champion and lifecycle.refers_to(entry, version, entries) for entry in entries)
        ]
        raise NoChampionError(error.use_case, period, error.first, reasons[-_NAMED:]) from None


def _rejection_reason(version: VersionSummary) -> str:
    """Describe why a version is not champion."""
    reason, decided = version.not_promoted, version.approval
    subject = f"Version {version.number}, trained as of {version.as_of},"
    if decided is not None and not decided.approved:
        return f"{subject} was {decided}."
    if version.gates == "passed":
        return f"{subject} passed its gates and was not promoted: {reason or 'its training has not reached `promote`.'}"
    return f"{subject} did not pass its gates: {reason or version.blocking or 'it was not judged yet.'}"


def require_fit_to_score(
    use_case: UseCase, registry: Registry, period: Period, version: Version, *, allow_future_model: bool = False
) -> Model:
    """Load the version's model and check that it may score the day.

    It must not have seen the day's outcomes, unless `allow_future_model`, and read only declared features.

    Raises:
        FutureModelError: the model may have seen the outcomes of the day.
        FeaturesRedeclaredError: a feature is not declared any more, or with another type.
        MlflowUnreachableError: MLflow cannot be reached.
        ArtifactMissingError: the model's files are missing.
    """
    if version.as_of > period and not allow_future_model:
        raise FutureModelError(use_case.name, version.number, version.as_of, period)
    model = registry.load(version)
    _check_features(use_case, version, model)
    if why := task_misfit(use_case, registry, version):
        raise OtherPredictionsError(use_case.name, version.number, why)
    return model


def task_misfit(use_case: UseCase, registry: Registry, version: Version) -> str:
    """Return why a version makes other predictions than declared; empty if none."""
    rule = registry.load_companion(version, model_io.DECISION)
    return task_model(use_case).misfit(rule)


def scoring_version(view: AsOfSnapshot, period: Period) -> str | None:
    """Return the version of all the day's predictions.

    None if there are no predictions, or several versions.
    """
    versions = prediction_versions(view, period)
    return versions[0] if len(versions) == 1 else None


def prediction_versions(view: AsOfSnapshot, period: Period) -> list[str]:
    """Return the versions of a day's predictions, in order.

    There is one, unless another writer changed them. For a day without rows, it is the version in the partition's
    commit.
    """
    partition = view.partitions("predictions", period, period).get(period)
    if partition and not partition.rows:
        note = view.note("predictions", period)
        return [note.inputs[VERSION]] if note and VERSION in note.inputs else []
    versions: set[str] = set()
    for batch in batch_reader.row_batches(view, "predictions", period, ["model_version"]):
        versions.update(map(str, pc.unique(batch["model_version"]).to_pylist()))
    return sorted(versions, key=lambda number: (len(number), number))


class _Scoring:
    """Stream predictions; count the positive and the repaired ones."""

    def __init__(
        self, use_case: UseCase, view: AsOfSnapshot, period: Period, model: Model, version: str, rows: int
    ) -> None:
        self._use_case, self._view, self._day, self._model, self._version = use_case, view, period, model, version
        self._expected, self._task = rows, task_model(use_case)
        self.tally = PredictionTally(self._task, model.encoding.features)
        self.rows = self.predicted_positives = self.crossed = 0

    def counts(self) -> dict[str, int]:
        """Return what the commit records: the repaired rows, if any may be."""
        return {CROSSED: self.crossed} if self._use_case.task.has_quantiles else {}

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the day's predictions in order of their keys, a batch at a time.

        Raises:
            AirworthyError: there are not as many predictions as rows of features; then nothing is written.
        """
        threads, keys = threads_for(self._expected), list(self._use_case.keys)
        schema = schemas.content_schema(self._use_case, "predictions")
        for batch in self._view.batches("features", self._day, self._day, order_by=keys, batch_rows=BATCH_ROWS):
            made = self._model.predict_and_count(batch, threads)
            predictions = made.values
            self.tally.add(batch, predictions, made.crossed)
            self.crossed += made.crossed
            predicted = self._task.prediction_arrays(predictions)
            self.predicted_positives += self._task.scored_positives(predicted)
            self.rows += batch.num_rows
            version = pa.repeat(pa.scalar(self._version), batch.num_rows)
            yield pa.record_batch([*(batch[key] for key in keys), *predicted, version], schema=schema)
        if self.rows != self._expected:
            raise RowsLostError(self._use_case.name, self._day, self._expected, self.rows)


def _check_features(use_case: UseCase, version: Version, model: Model) -> None:
    """Check that every feature of the version is still declared.

    The version need not read all declared features.

    Raises:
        FeaturesRedeclaredError: a feature is not declared any more, or with another type.
    """
    reads = model.encoding.features
    if lost := missing_features(reads, use_case.features):
        types = {name: (reads[name], use_case.features.get(name)) for name in lost}
        raise FeaturesRedeclaredError(use_case.name, version.number, types)


def _require_built(use_case: UseCase, view: AsOfSnapshot, period: Period, model: Model) -> None:
    """Check that the day's features have every column that the model reads.

    Raises:
        FeaturesOutdatedError: a column is missing.
    """
    if absent := sorted(view.absent_columns("features", period, period).keys() & model.encoding.features.keys()):
        raise FeaturesOutdatedError(use_case.name, period, absent)
