"""Log a training run with all that people, evaluation and reproduction read."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from include.declaration.gates import MODEL
from include.declaration.use_case import UseCase
from include.model import metrics, plots
from include.model.arrays import Numbers
from include.model.prediction_intervals import CROSSED
from include.model.splits import Splits
from include.model.tasks import task_model
from include.model.trainer import FittedModel, TrainingRows
from include.monitoring import reference_profile
from include.printable import printable_logger
from include.project import Project
from include.registry import model_io
from include.registry.model_record import digest_of_files, record_training
from include.registry.tags import FILES_DIGEST, MODEL_ID, SAMPLE_DIGEST, TREES
from include.threads import threads_for
from include.training.run_datasets import training_datasets
from include.training.spec import TrainingInputs

log = printable_logger(__name__)

EXAMPLE_ROWS = 5
SAMPLE_ROWS = 2_000


@dataclass(frozen=True)
class TrainingOutputs:
    """Inputs and results of a training."""

    material: TrainingInputs
    splits: Splits
    parts: Mapping[str, TrainingRows]
    """Split to its rows."""
    fitted: FittedModel
    predicted: Mapping[str, Mapping[str, Numbers]]
    """Split to subject (model or a baseline) to one prediction per row."""
    report: Mapping[str, Any]


def log_training_run(project: Project, run_id: str, training: TrainingOutputs, tags: Mapping[str, str]) -> None:
    """Log a training to its run, and write its signed record.

    Logs model, metrics of every split, parameters, tags, plots and tables. `tags` are the tags that the run was started
    with.
    """
    use_case = project.use_case
    registry, fitted = project.registry, training.fitted
    task = task_model(use_case)
    threads = threads_for(sum(len(part.labels) for part in training.parts.values()))
    predicted = training.predicted
    example = training.parts["train"].features.slice(0, EXAMPLE_ROWS)
    learned = (fitted.model, training.parts, predicted, use_case.task)
    reference = reference_profile.with_references(reference_profile.build_profile(*learned), *learned).to_json()
    companions = {reference_profile.NAME: reference, model_io.DECISION: task_model(use_case).output_rule()}
    model_id, files = registry.log_model(run_id, fitted.model, example, companions)
    measured = _metrics(use_case, training, predicted)
    registry.log(run_id, metrics=_shown(use_case, measured), model_id=model_id)
    registry.log_datasets(
        run_id,
        training_datasets(use_case, training.material, sum(len(part.labels) for part in training.parts.values())),
    )
    registry.log_series(run_id, f"validation_{task.loss_name}_by_round", fitted.validation_loss)
    if fitted.crossed_share:
        log.warning(
            "%s: the quantiles of %.2f %% of the validation rows cross; they are sorted.",
            *(use_case.name, 100 * fitted.crossed_share),
        )
    without_season = _without_season(training.parts)
    if any(without_season.values()):
        log.warning(
            "%s: rows without a label one season earlier, for which the seasonal baseline predicts the mean: %s.",
            *(use_case.name, ", ".join(f"{share:.2%} of {split}" for split, share in without_season.items())),
        )
    made_from = training.material
    params = {
        **made_from.parameters.to_json(),
        "best_round": fitted.best_round,
        "threads": threads if use_case.training.engine is None else use_case.training.engine.threads,
        "window_periods": made_from.last - made_from.first + 1,
        **task.run_params(),
        **({CROSSED: fitted.crossed_share} if use_case.task.has_quantiles else {}),
        **{f"without_season_{split}": share for split, share in without_season.items()},
    }
    identity: dict[str, str] = {
        MODEL_ID: model_id,
        TREES: fitted.model.trees,
        FILES_DIGEST: digest_of_files(files, made_from.as_of, made_from.declaration),
    }
    with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
        for name, values in _tables(training, reference).items():
            (Path(folder) / f"{name}.json").write_text(json.dumps(values, indent=1))
        (Path(folder) / "plots").mkdir()
        for name, content in _plots(use_case, training, predicted).items():
            (Path(folder) / "plots" / f"{name}.png").write_bytes(content)
        (Path(folder) / SAMPLE).parent.mkdir()
        pq.write_table(serving_sample(training.parts["test"].features, predicted["test"][MODEL]), Path(folder) / SAMPLE)
        identity[SAMPLE_DIGEST] = model_io.sha256(Path(folder) / SAMPLE)
        registry.log_folder(run_id, Path(folder))
    registry.log(run_id, params=params, tags=identity)
    record_training(project.records, run_id, {**tags, **identity}, files, measured)


def _without_season(parts: Mapping[str, TrainingRows]) -> dict[str, float]:
    """Return split to its share of rows without a label one season earlier.

    Empty without a declared season.
    """
    found = {split: part.season_ago for split, part in parts.items() if part.season_ago is not None}
    return {split: column.null_count / max(len(column), 1) for split, column in found.items()}


def serving_sample(features: pa.Table, predicted: Numbers) -> pa.Table:
    """Return at most 2,000 evenly spaced rows of features with their predictions.

    Features are unencoded, the numbers of a prediction are float64: one column, or one per number.
    """
    places = np.linspace(0, features.num_rows - 1, min(features.num_rows, SAMPLE_ROWS)).astype(np.int64)
    sample, numbers = features.take(places), predicted[places]
    if numbers.ndim == 1:
        return sample.append_column(PREDICTION, pa.array(numbers, pa.float64()))
    for place, column in enumerate(numbers.T):
        sample = sample.append_column(f"{PREDICTION}_{place}", pa.array(np.ascontiguousarray(column), pa.float64()))
    return sample


def sampled_predictions(sample: pa.Table) -> Numbers:
    """Return the predictions in a table of `serving_sample`.

    Raises:
        KeyError: it has none.
    """
    names = [name for name in sample.column_names if name.startswith(PREDICTION)]
    if not names:
        raise KeyError(PREDICTION)
    columns = [sample[name].to_numpy() for name in names]
    return columns[0] if names == [PREDICTION] else np.column_stack(columns)


def _metrics(
    use_case: UseCase, training: TrainingOutputs, predicted: Mapping[str, Mapping[str, Numbers]]
) -> dict[str, float]:
    """Return all metrics of every subject and split, and the days of each split."""
    values = {
        metrics.metric_name(split, metric, subject): value
        for split, part in training.parts.items()
        for subject, predictions in predicted[split].items()
        for metric, value in metrics.compute_metrics(part.labels, predictions, use_case.task).items()
    }
    return values | {f"{split}/days": float(len(periods)) for split, periods in training.splits.items()}


def _shown(use_case: UseCase, measured: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics that MLflow shows, those of the test rows first.

    Of the baselines these are the headline metrics on the test rows; the signed record has all.
    """
    splits = ("test", "validation", "train")
    first = [metrics.metric_name("test", metric, MODEL) for metric in use_case.task.headline]
    rest = [
        name for split in splits for name in measured if name.startswith(f"{split}/") and name.endswith(f".{MODEL}")
    ]
    compared = [
        metrics.metric_name("test", metric, subject)
        for metric in use_case.task.headline
        for subject in use_case.task.baselines
    ]
    counts = [f"{split}/days" for split in splits]
    names = dict.fromkeys((*first, *compared, *rest, *counts))
    return {name: measured[name] for name in names if name in measured}


def _tables(training: TrainingOutputs, reference: Mapping[str, object]) -> dict[str, object]:
    """Return the contents of the run's JSON files, by file name."""
    gains = training.fitted.model.gains.items()
    return {
        "splits": {name: [period.key for period in periods] for name, periods in training.splits.items()},
        "report": training.report,
        "profile": reference,
        "encoding": training.fitted.model.encoding.to_json(),
        "importance": dict(sorted(gains, key=lambda item: (-item[1], item[0]))),
        "material": training.material.tags(),
    }


def _plots(
    use_case: UseCase, training: TrainingOutputs, predicted: Mapping[str, Mapping[str, Numbers]]
) -> dict[str, bytes]:
    """Return the run's PNG images, by file name."""
    title = f"{use_case.name} as of {training.material.as_of}"
    return {
        **task_model(use_case).plots(title, use_case.label.name, training.parts, predicted),
        "importance": plots.plot_importance(title, training.fitted.model.gains),
    }


SAMPLE = "rehearsal/sample.parquet"
"""Artifact of a run: some test rows as they are stored, with the predictions of the training process."""


PREDICTION = "__airworthy_probability"
"""Name of the column of the sample with the prediction, or start of the names of its numbers."""
