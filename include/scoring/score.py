"""Score a day: one prediction for every row of its features, by its champion."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration import form_limits
from include.declaration.column_types import missing_features
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.errors import FeaturesMissingError, InvalidRequestError, NotReadyError
from include.lake import batch_reader, schemas
from include.lake.partitions import Partition
from include.lake.snapshot import AsOfSnapshot
from include.lake.table_commit import Commit
from include.model.model import Model
from include.model.prediction_intervals import CROSSED
from include.model.tasks import task_model
from include.printable import printable_logger
from include.project import Project
from include.registry import model_io, sync
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version
from include.scoring import champion, tried
from include.scoring.choose_predictor import predict_as_declared
from include.scoring.prediction_stream import PredictionStream
from include.scoring.score_errors import FeaturesRedeclaredError, FutureModelError
from include.scoring.split import Split, split_trial, split_versions
from include.validation.judge import judge_of
from include.validation.tallies import PredictionTally

BATCH_ROWS = 65_536
log = printable_logger(__name__)

MEMORY = "256MB"
"""Memory for sorting a day's rows before it spills to disk; no other use grows with the number of rows."""


PREDICTIONS = "predictions"
"""Tables of what is published, and of what a version predicts that is tried next to the champion."""
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
    tried: str = ""
    """The version that predicted a share of the rows, by a trial; empty if there is none."""
    tried_rows: int = 0
    """Rows of that share."""
    shards: int = 0
    """Shards in which the day was scored; 0 if one task scored it."""
    shard_cpu_seconds: float = 0.0
    """Processor time of the shards, which the committing task did not take."""


@dataclass(frozen=True)
class PreparedScoring:
    """What scores a period: its features, and a version that may score it."""

    period: Period
    view: AsOfSnapshot
    features: Partition
    features_version: int
    """Delta version of the features."""
    chosen: Version
    model: Model
    before: str | None
    """The version that the period was scored with and keeps; None if there is none."""
    table: str = PREDICTIONS
    """Where the predictions are stored."""
    split: Split | None = None
    """The version that predicts a share of the rows instead; None if there is none."""

    @property
    def number(self) -> str:
        """Return the version's number.

        A day keeps its number, even if a restored version replaces it.
        """
        return self.before or self.chosen.number

    @property
    def inputs(self) -> dict[str, str]:
        """Return the inputs of the commit."""
        own = {"features": self.features.digest, "model.trees": self.chosen.trees, VERSION: self.number}
        return own | (self.split.inputs if self.split is not None else {})


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
    began = time.process_time()
    prepared = prepare_scoring(project, period, version=version, rescore=rescore, allow_future_model=allow_future_model)
    return predict_and_commit(project, prepared, cpu_since=began)


def predict_and_commit(project: Project, prepared: PreparedScoring, *, cpu_since: float) -> ScoreResult:
    """Predict every row of a period in this process, and replace its predictions.

    Raises:
        PeriodRefusedError: the predictions break an expectation; nothing is stored.
        RowsLostError: scoring gave another number of rows than it was given; nothing is stored.
    """
    use_case, view, keys, period = project.use_case, prepared.view, project.use_case.keys, prepared.period

    def predict(model: Model, _: str) -> tuple[PredictionStream, Commit]:
        stream = PredictionStream(use_case, period, model, prepared.number, prepared.features.rows, prepared.split)
        features = view.batches("features", period, period, order_by=keys, batch_rows=BATCH_ROWS)
        rows = stream.batches(features)
        return stream, commit_predictions(project, prepared, stream.tally, rows, cpu_since=cpu_since)

    home = project.settings.home
    predicted_by, (stream, commit) = predict_as_declared(use_case, period, prepared.model, home, predict)
    result = score_result(prepared, commit, stream.tally.crossed, stream.predicted_positives, predicted_by)
    return replace(result, tried=prepared.split.number if prepared.split else "", tried_rows=stream.tried_rows)


def prepare_scoring(
    project: Project, period: Period, *, version: str | None, rescore: bool, allow_future_model: bool
) -> PreparedScoring:
    """Choose the version that scores a period, and check that it may.

    See `score_period`.
    """
    use_case = project.use_case
    use_case.require(period)
    form_limits.require_name("version", version)
    view, features = open_features(project, period)
    before = None if version or rescore else scoring_version(view, period)
    registry = project.registry
    split = None if version else _split(project, view, period, kept=before is not None)
    chosen = registry.version(version) if version else champion.champion_by_ledger(project, registry, period, before)
    model = require_fit_to_score(
        use_case, registry, period, chosen, allow_future_model=allow_future_model or before is not None
    )
    require_built(use_case, view, period, model)
    if split is not None:
        require_built(use_case, view, period, split.model)
    read = view.version("features")
    return PreparedScoring(period, view, features, read, chosen, model, before, split=split)


def _split(project: Project, view: AsOfSnapshot, period: Period, *, kept: bool) -> Split | None:
    """Return what predicts a share of the rows; None if nothing does.

    Raises:
        TriedVersionLostError: the registry no longer has the version.
        InvalidRequestError: the version may not score the period.
    """
    entries = sync.verified_entries(project.registry, project.ledger)
    note = view.note(PREDICTIONS, period) if kept else None
    trial = split_trial(entries, period, note, kept=kept)
    if trial is None:
        return None
    version = tried.tried_version(project, trial, entries)
    model = require_fit_to_score(project.use_case, project.registry, period, version)
    return Split(trial, trial.version, version, model)


def open_features(project: Project, period: Period) -> tuple[AsOfSnapshot, Partition]:
    """Return the lake as of a period, and the period's features.

    Raises:
        FeaturesMissingError: it has none.
    """
    view = project.lake.as_of(period, MEMORY)
    features = view.partitions("features", period, period).get(period)
    if features is None:
        raise FeaturesMissingError(project.use_case.name, period)
    return view, features


def commit_predictions(
    project: Project,
    prepared: PreparedScoring,
    tally: PredictionTally,
    predictions: Iterator[pa.RecordBatch],
    *,
    cpu_since: float,
    cpu_elsewhere: Callable[[], float] = float,
) -> Commit:
    """Judge the predictions of a period, and replace those in the lake.

    They are in order of their keys. `tally` has counted them when the last one was read.

    Raises:
        PeriodRefusedError: the predictions break an expectation; nothing is stored.
    """
    use_case, period, table = project.use_case, prepared.period, prepared.table
    judged = judge_of(project.lake, table, period, tally).judged(predictions)
    return project.lake.replace(
        table,
        period,
        pa.RecordBatchReader.from_batches(schemas.content_schema(use_case, table), judged),
        inputs=prepared.inputs,
        versions={"features": prepared.features_version},
        stage="score" if table == PREDICTIONS else "score_shadow",
        cpu_since=cpu_since,
        cpu_elsewhere=cpu_elsewhere,
        counts=lambda: {CROSSED: tally.crossed} if use_case.task.has_quantiles else {},
    )


def score_result(
    prepared: PreparedScoring, commit: Commit, crossed: int, predicted_positives: int, predicted_by: str
) -> ScoreResult:
    """Return the result of scoring a period; warn of crossed quantiles."""
    if crossed:
        log.warning(
            "%s: the predicted quantiles of %d of %d rows of %s cross; they are sorted.",
            *(prepared.view.lake.use_case.name, crossed, commit.partition.rows, prepared.period),
        )
    return ScoreResult(
        prepared.period.key,
        prepared.number,
        commit.partition.rows,
        predicted_positives,
        crossed,
        commit.changed,
        kept=prepared.before is not None,
        predicted_by=predicted_by,
    )


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
    """Return the version of all the day's predictions; of a split, the champion's.

    None if there are no predictions, or several versions without a split.
    """
    versions = prediction_versions(view, period)
    if not versions:
        return None
    of_split = split_versions(view.note(PREDICTIONS, period))
    if of_split and set(versions) <= set(of_split.values()):
        return of_split["champion"]
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


def require_built(use_case: UseCase, view: AsOfSnapshot, period: Period, model: Model) -> None:
    """Check that the day's features have every column that the model reads.

    Raises:
        FeaturesOutdatedError: a column is missing.
    """
    if absent := sorted(view.absent_columns("features", period, period).keys() & model.encoding.features.keys()):
        raise FeaturesOutdatedError(use_case.name, period, absent)
