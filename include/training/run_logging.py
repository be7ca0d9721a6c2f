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
from include.model import metrics
from include.model.arrays import Numbers
from include.model.splits import Splits
from include.model.trainer import FittedModel, TrainingRows
from include.monitoring import reference_profile
from include.project import Project
from include.registry import model_io
from include.registry.model_record import digest_of_files, record_training
from include.registry.tags import FILES_DIGEST, MODEL_ID, SAMPLE_DIGEST, TREES
from include.threads import threads_for
from include.training import plots
from include.training.spec import TrainingInputs

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
    report: Mapping[str, Any]


def log_training_run(project: Project, run_id: str, training: TrainingOutputs, tags: Mapping[str, str]) -> None:
    """Log a training to its run, and write its signed record.

    Logs model, metrics of every split, parameters, tags, plots and tables. `tags` are the tags that the run was started
    with.
    """
    use_case = project.use_case
    registry, fitted = project.registry, training.fitted
    threads = threads_for(sum(len(part.labels) for part in training.parts.values()))
    predicted = {split: fitted.model.predict_all(part.features, threads) for split, part in training.parts.items()}
    example = training.parts["train"].features.slice(0, EXAMPLE_ROWS)
    reference = reference_profile.build_profile(fitted.model, training.parts, predicted, use_case.costs).to_json()
    companions = {reference_profile.NAME: reference, model_io.DECISION: {"threshold": use_case.costs.threshold}}
    model_id, files = registry.log_model(run_id, fitted.model, example, companions)
    measured = _metrics(use_case, training, predicted)
    registry.log(run_id, metrics=measured, model_id=model_id)
    registry.log_series(run_id, "validation_log_loss_by_round", fitted.validation_log_loss)
    made_from = training.material
    params = {
        **made_from.parameters.to_json(),
        "best_round": fitted.best_round,
        "threads": threads,
        "window_periods": made_from.last - made_from.first + 1,
        "threshold": use_case.costs.threshold,
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


def serving_sample(features: pa.Table, predicted: Numbers) -> pa.Table:
    """Return at most 2,000 evenly spaced rows of features with their predictions.

    Features are unencoded, the predicted probability is float64.
    """
    places = np.linspace(0, features.num_rows - 1, min(features.num_rows, SAMPLE_ROWS)).astype(np.int64)
    return features.take(places).append_column(PROBABILITY, pa.array(predicted[places], pa.float64()))


def _metrics(
    use_case: UseCase, training: TrainingOutputs, predicted: Mapping[str, Mapping[str, Numbers]]
) -> dict[str, float]:
    """Return all metrics of every subject and split, and the days of each split."""
    values = {
        metrics.metric_name(split, metric, subject): value
        for split, part in training.parts.items()
        for subject, probabilities in predicted[split].items()
        for metric, value in metrics.compute_metrics(part.labels, probabilities, use_case.costs).items()
    }
    return values | {f"{split}/days": float(len(periods)) for split, periods in training.splits.items()}


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
    test = training.parts["test"]
    title, label = f"{use_case.name} as of {training.material.as_of}", use_case.label.name
    of_model = predicted["test"][MODEL]
    return {
        "roc_and_precision_recall": plots.plot_roc_and_precision_recall(title, test.labels, predicted["test"]),
        "calibration": plots.plot_calibration(title, test.labels, predicted["test"]),
        "confusion": plots.plot_confusion(title, test.labels, of_model, use_case.costs.threshold, label),
        "importance": plots.plot_importance(title, training.fitted.model.gains),
        "rate_by_day": plots.plot_rate_by_period(title, label, training.parts, predicted),
    }


SAMPLE = "rehearsal/sample.parquet"
"""Artifact of a run: some test rows as they are stored, with the predictions of the training process."""


PROBABILITY = "__airworthy_probability"
