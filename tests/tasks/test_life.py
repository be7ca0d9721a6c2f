"""A model's whole life, step by step, for every task: train, judge, promote, score, measure, reproduce, backtest."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

import mlflow
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include import settings
from include.cli import lineage as cli_lineage
from include.declaration.period import period_range
from include.lake import schemas
from include.lake.lake import Lake
from include.model.metrics import METRICS
from include.model.tasks import task_model
from include.monitoring import monitor
from include.project import Project, open_project
from include.promotion import approval_request
from include.promotion.model_card import build
from include.reproduction import lineage, reproduce
from include.retraining import signals
from include.scoring import score
from include.web import html, overview
from tests.toys import Toy, each_task

pytestmark = [each_task, pytest.mark.slow]
MOVED = {"toy": "size", "counts": "temperature", "quantile_counts": "temperature", "grades": "heat"}
"""Use case to a number among its features that the predictions follow."""


def scored(toy: Toy, periods: int = 3) -> list[score.ScoreResult]:
    project = open_project(toy.use_case)
    return [score.score_period(project, period) for period in period_range(toy.as_of, toy.as_of + (periods - 1))]


def artifact(project: Project, version: str, path: str) -> str:
    """The text of a file of a version's run: this store has no server."""
    run = project.registry.get_run(project.registry.version(version).run_id)
    return (Path(unquote(urlparse(run.info.artifact_uri).path)) / path).read_text()


def test_a_champion_has_passed_every_gate(toy, champion):
    version = open_project(toy.use_case).registry.version(champion)
    outcomes = {gate_result["gate"]: gate_result["outcome"] for gate_result in version.gate_results}
    assert set(outcomes.values()) == {"passed"}, outcomes


def test_predictions_have_the_columns_of_the_task_and_are_the_models(toy, champion):
    use_case, project = toy.use_case, open_project(toy.use_case)
    first, *_ = scored(toy)
    view = project.lake.as_of(toy.as_of)
    rows = view.read("predictions", toy.as_of, toy.as_of, order_by=list(use_case.keys))
    assert rows.select(schemas.content_schema(use_case, "predictions").names).schema == schemas.content_schema(
        use_case, "predictions"
    )
    assert first.rows == rows.num_rows > 0
    features = view.read("features", toy.as_of, toy.as_of, order_by=list(use_case.keys))
    model = project.registry.load(project.registry.version(champion))
    expected = task_model(use_case).prediction_arrays(model.predict(features))
    for name, column in zip(use_case.task.prediction_columns, expected, strict=True):
        assert rows[name].combine_chunks().equals(column), name


def test_a_day_is_measured_without_missing_reasons_but_for_what_is_not_yet_labelled(toy, champion):
    use_case, project = toy.use_case, open_project(toy.use_case)
    scored(toy, 8)
    last = toy.as_of + 7
    monitor.monitor_period(project, last)
    rows = project.lake.as_of(last).read("metrics", last, last).to_pylist()
    values = {(row["metric"], row["subject"]): row["value"] for row in rows}
    for metric in (*use_case.task.metrics, *use_case.task.summaries):
        assert np.isfinite(values[metric, "model"]), metric
    for metric in use_case.task.mean_columns:
        assert np.isfinite(values[metric, "prediction"])
    assert np.isfinite(values["prediction_drift", "prediction"])
    main = use_case.task.main_metric
    assert np.isfinite(values[f"window/{main}", "model"])
    assert np.isfinite(values[f"degradation/{main}", "model"])
    assert values[f"worse_than_baseline/{main}", use_case.task.baselines[0]] < 0
    found = signals.signals_of(last, rows)
    assert not any(signal.breached for name, signal in found.signals.items() if name == "worse_than_baseline")


def test_realised_performance_is_that_of_stored_predictions(toy, champion):
    scored(toy, 3)
    found = monitor.realised_performance(open_project(toy.use_case), toy.as_of, toy.as_of + 2)
    assert found.rows > 0
    assert set(toy.use_case.task.metrics) <= set(found.metrics["model"])
    assert set(toy.use_case.task.baselines) <= set(found.metrics)


def test_a_version_is_reproduced_byte_for_byte(toy, champion):
    found = reproduce.reproduce_version(open_project(toy.use_case), champion)
    assert (found.outcome, found.model) == ("equal", ())


def test_card_page_and_question_are_in_words_of_the_task(toy, champion):
    project, task = open_project(toy.use_case), toy.use_case.task
    scored(toy, 8)
    for period in period_range(toy.as_of + 5, toy.as_of + 7):
        monitor.monitor_period(project, period)
    build.build_model_card(project, champion)
    card = artifact(project, champion, "model_card/model_card.md")
    assert f"**As**: {task.summary}" in card
    unit = f"{METRICS['mae'].title}, {task.label_unit} (lower is better)"
    assert (unit in card) == bool(task.label_unit)
    if not any("probability" in column for column in task.prediction_columns):
        assert not {"probability", "positive"} & set(card.split())
    approval_request.build_approval_request(project, champion)
    shown = overview.build_overview(project, toy.as_of + 7, toy.as_of + 7)
    page = html.use_case_page(shown, "/x", span=28, chosen=False, several=False)
    assert all(f'"{metric}"' in page or metric in page for metric in task.charted)


def test_a_prediction_is_traced_in_words_of_the_task(toy, champion):
    scored(toy, 1)
    use_case = toy.use_case
    row = open_project(use_case).lake.as_of(toy.as_of).read("predictions", toy.as_of, toy.as_of).to_pylist()[0]
    found = lineage.trace_lineage(open_project(use_case), toy.as_of, {key: str(row[key]) for key in use_case.keys})
    assert found.predicted == task_model(use_case).describe_prediction(row)
    assert str(cli_lineage.lineage_tree(found).label).endswith(found.predicted)


def test_the_lake_is_that_of_the_task(toy, lake_home):
    schema = schemas.content_schema(toy.use_case, "labels")
    assert str(schema.field(toy.use_case.label.name).type) in (toy.use_case.task.label_type, "double", "string")
    assert Lake.open(toy.use_case)


def test_mlflows_champion_predicts_what_scoring_has_written_bit_for_bit(toy, champion, configure):
    scored(toy, 1)
    view, order = open_project(toy.use_case).lake.as_of(toy.as_of), list(toy.use_case.keys)
    features = view.read("features", toy.as_of, toy.as_of, order_by=order).to_pandas()
    written = view.read("predictions", toy.as_of, toy.as_of, order_by=order).to_pandas()
    address = settings.current_settings().mlflow
    configure(mlflow=address, mlflow_registry=address)
    found = mlflow.pyfunc.load_model(f"models:/{toy.use_case.name}@champion").predict(features)
    assert list(found.columns) == list(toy.use_case.task.prediction_columns)
    for column in found.columns:
        assert found[column].tolist() == written[column].tolist()


def test_a_day_that_has_moved_drifts_in_features_and_predictions(toy: Toy, champion):
    project, period, name = open_project(toy.use_case), toy.as_of + 1, MOVED[toy.name]
    rows = (
        project.lake.as_of(period)
        .read("features", period, period, order_by=list(toy.use_case.keys))
        .drop_columns(["period"])
    )
    place = rows.schema.get_field_index(name)
    moved = pc.add(pc.fill_null(rows[name], 0.0), pa.scalar(25.0))
    project.lake.replace("features", period, rows.set_column(place, name, moved), inputs={}, stage="build_features")
    score.score_period(project, period)
    monitor.monitor_period(project, period)
    found = project.lake.as_of(period).read("metrics", period, period).to_pylist()
    breached = {row["metric"] for row in found if row["breached"]}
    assert {"psi", "prediction_drift"} <= breached
