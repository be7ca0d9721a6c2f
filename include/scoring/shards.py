"""Score a large period in shards: plan them, score each, and commit all of them.

Each is scored by a task of its own, and one task commits. The rows in the lake are those of `score_period`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from include.declaration.period import Period
from include.lake import batch_reader, schemas
from include.lake.object_store import file_for
from include.lake.partition_writer import write_partition_file
from include.model.model import Model
from include.model.prediction_intervals import CROSSED
from include.model.tasks import task_model
from include.project import Project
from include.registry import code_digest
from include.scoring import score
from include.scoring.choose_predictor import predict_as_declared
from include.scoring.prediction_stream import PredictionStream
from include.scoring.score import PreparedScoring, ScoreResult
from include.scoring.score_errors import RowsLostError, ShardMissingError, ShardPlanOutdatedError, TooManyShardsError
from include.scoring.shard_files import COUNTED, NOT_SCORED, ShardFiles, counted_in
from include.scoring.shard_plan import MOST_SHARDS, ShardPlan
from include.validation.tallies import PredictionTally

EARLIER = "an earlier try"
"""What predicted the rows of a period whose shards are removed, because an earlier try has committed them."""


@dataclass(frozen=True)
class ShardResult:
    """Result of scoring a shard; plain values."""

    number: int
    rows: int
    made: bool
    """False if an earlier try had scored it."""


def plan_shards(
    project: Project,
    period: Period,
    *,
    version: str | None = None,
    rescore: bool = False,
    allow_future_model: bool = False,
) -> ShardPlan | None:
    """Return the plan of the shards of a period; None if one task scores it.

    Chooses the version as `score_period` does, and raises the same errors.

    Raises:
        TooManyShardsError: there would be more shards than Airflow makes tasks.
    """
    shard_rows = project.use_case.scoring.shard_rows
    prepared = score.prepare_scoring(
        project, period, version=version, rescore=rescore, allow_future_model=allow_future_model
    )
    # Of a split, one task predicts both arms.
    if shard_rows is None or prepared.features.rows <= shard_rows or prepared.split is not None:
        return None
    plan = _plan_of(project, prepared, shard_rows)
    if plan.count > MOST_SHARDS:
        raise TooManyShardsError(project.use_case.name, period, plan.rows, shard_rows, MOST_SHARDS)
    return plan


def score_shard(project: Project, plan: ShardPlan, number: int) -> ShardResult:
    """Predict the rows of a shard, and keep the predictions outside the tables.

    Nothing is done if an earlier try did it.

    Raises:
        ShardPlanOutdatedError: the features, the version or the code are not those of the plan.
        PartitionCorruptedError: the features are damaged.
        PartitionSplitError: the features are not in one file.
    """
    use_case, began = project.use_case, time.process_time()
    period = use_case.calendar.parse(plan.period, use_case.name)
    files, rows = ShardFiles(project, period, plan), plan.rows_of(number)
    if files.is_scored(number):
        return ShardResult(number, len(rows), made=False)
    files.remove(number)  # what a try has left that did not end well
    version = project.registry.version(plan.loaded)
    view = project.lake.at_versions(period, {"features": plan.features_version})
    present = replace(
        plan,
        files=version.files_digest,
        features=view.digest("features", period),
        code=code_digest.predictions_code_digest(use_case),
    )
    _require_planned(project, period, plan, present)
    model = project.registry.load(version)
    names = list(dict.fromkeys((*use_case.keys, *model.encoding.features)))

    def predict(model: Model, predicted_by: str) -> None:
        stream = PredictionStream(use_case, period, model, plan.version, len(rows))
        features = view.stored_rows("features", period, names, rows, score.BATCH_ROWS)

        def counted() -> dict[str, str]:
            seconds = time.process_time() - began
            values = {"tally": stream.tally.to_json(), "cpu_seconds": seconds, "predicted_by": predicted_by}
            return {COUNTED: json.dumps(values)}

        schema, keys = schemas.content_schema(use_case, "predictions"), schemas.sort_keys(use_case, "predictions")
        with file_for(files.folder) as path:  # what may not be stored is found by the task that commits
            batches = stream.batches(features)
            personal = use_case.personal_columns
            written = write_partition_file(path, schema, batches, keys, period, keys, counted, personal=personal)
            files.store(number, written)

    predict_as_declared(use_case, period, model, project.settings.home, predict)
    return ShardResult(number, len(rows), made=True)


def commit_shards(
    project: Project,
    plan: ShardPlan,
    *,
    version: str | None = None,
    rescore: bool = False,
    allow_future_model: bool = False,
) -> ScoreResult:
    """Replace the predictions of a period by those of its shards.

    Then the files of the shards are removed. The period is judged as a whole. A try that was killed after its commit
    can be repeated.

    Raises:
        ShardPlanOutdatedError: the features, the version or the code are no longer those of the plan.
        ShardMissingError: a shard was not scored, or its file is damaged.
        PeriodRefusedError: the predictions break an expectation; nothing is stored.
    """
    use_case, began = project.use_case, time.process_time()
    period = use_case.calendar.parse(plan.period, use_case.name)
    prepared = score.prepare_scoring(
        project, period, version=version, rescore=rescore, allow_future_model=allow_future_model
    )
    _require_planned(project, period, plan, _plan_of(project, prepared, plan.shard_rows))
    if prepared.split is not None:
        raise ShardPlanOutdatedError(use_case.name, period, {"trial": ("none", f"version {prepared.split.number}")})
    prepared = replace(prepared, features_version=plan.features_version)
    shards = _ShardReader(project, ShardFiles(project, period, plan), prepared.model.encoding.features)
    try:
        commit = score.commit_predictions(
            project,
            prepared,
            shards.tally,
            shards.batches(),
            cpu_since=began,
            cpu_elsewhere=lambda: shards.cpu_seconds,
        )
    except ShardMissingError as error:
        result = _committed_earlier(project, prepared) if error.problem == NOT_SCORED else None
        if result is None:
            raise
    else:
        result = score.score_result(
            prepared, commit, shards.tally.crossed, shards.predicted_positives, "; ".join(sorted(shards.predicted_by))
        )
        result = replace(result, shards=plan.count, shard_cpu_seconds=shards.cpu_seconds)
    shards.files.remove()
    return result


def _plan_of(project: Project, prepared: PreparedScoring, shard_rows: int) -> ShardPlan:
    return ShardPlan(
        period=prepared.period.key,
        version=prepared.number,
        loaded=prepared.chosen.number,
        files=prepared.chosen.files_digest,
        features=prepared.features.digest,
        features_version=prepared.features_version,
        code=code_digest.predictions_code_digest(project.use_case),
        rows=prepared.features.rows,
        shard_rows=shard_rows,
    )


def _require_planned(project: Project, period: Period, plan: ShardPlan, now: ShardPlan) -> None:
    """Check that a plan that is made now is equal.

    Raises:
        ShardPlanOutdatedError: it is not.
    """
    if changed := plan.differences(now):
        raise ShardPlanOutdatedError(project.use_case.name, period, changed)


def _committed_earlier(project: Project, prepared: PreparedScoring) -> ScoreResult | None:
    """Return the result of a try that has committed the same; None if none has.

    Such a try may have removed the files of shards.
    """
    use_case, period = project.use_case, prepared.period
    commit = project.lake.find_unchanged("predictions", period, inputs=prepared.inputs, code="")
    if commit is None:
        return None
    task, columns = task_model(use_case), list(use_case.task.prediction_columns)
    view = project.lake.as_of(period)
    note = view.note("predictions", period)
    stored = batch_reader.row_batches(view, "predictions", period, columns)
    positives = sum(task.scored_positives([batch[name] for name in columns]) for batch in stored)
    return score.score_result(prepared, commit, note.counts.get(CROSSED, 0) if note else 0, positives, EARLIER)


class _ShardReader:
    """Stream the predictions of all shards in key order; add up what was counted."""

    def __init__(self, project: Project, files: ShardFiles, features: Mapping[str, str]) -> None:
        self._project, self.files, self._task = project, files, task_model(project.use_case)
        self.tally = PredictionTally(self._task, features)
        self.predicted_positives, self.cpu_seconds = 0, 0.0
        self.predicted_by = set[str]()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the predictions, a batch at a time.

        Raises:
            ShardMissingError: a shard was not scored, or its file is damaged.
            RowsLostError: a shard has another number of rows than planned.
        """
        use_case, plan = self._project.use_case, self.files.plan
        schema = schemas.content_schema(use_case, "predictions")
        columns = list(use_case.task.prediction_columns)
        for number in range(plan.count):
            with self.files.opened(number) as file:
                expected, found = len(plan.rows_of(number)), file.metadata.num_rows
                if expected != found:
                    raise RowsLostError(use_case.name, self.files.period, expected, found)
                counted = counted_in(file)
                self.tally.merge(counted["tally"])
                self.cpu_seconds += counted["cpu_seconds"]
                self.predicted_by.add(counted["predicted_by"])
                for batch in file.iter_batches(score.BATCH_ROWS, columns=schema.names):
                    self.predicted_positives += self._task.scored_positives([batch[name] for name in columns])
                    yield pa.record_batch([batch[name] for name in schema.names], schema=schema)
