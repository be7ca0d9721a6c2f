"""What is in the lake or the registry and does not fit the task that is declared now, through the real steps."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.features.labels import LabelsOutdatedError
from include.monitoring import monitor
from include.project import open_project
from include.scoring import score
from include.scoring.score import OtherPredictionsError
from include.training import train
from include.use_case import Binary, Monitoring, Multiclass, Regression, UseCase
from tests.toys import COUNTS, GRADES, QUANTILE, Toy

pytestmark = pytest.mark.slow
CLASSES = GRADES.use_case.task.classes


def declared(toy: Toy, task: Binary | Regression | Multiclass) -> UseCase:
    """The use case as if it declared another task, without the gates and limits of its own."""
    return replace(toy.use_case, task=task, gates=(), monitoring=Monitoring())


def replace_labels(toy: Toy, period: Period, value: object) -> None:
    """Store that label for every row that became known on the day, as an earlier declaration would allow."""
    lake, name = open_project(toy.use_case).lake, toy.use_case.label.name
    rows = lake.as_of(period).read("labels", period, period).drop_columns(["period"])
    kind = rows.schema.field(name).type
    column = pa.array([value] * rows.num_rows, kind)
    rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    lake.replace("labels", period, rows, inputs={}, stage="labels")


@pytest.mark.parametrize(
    ("toy", "task", "label"),
    [
        (COUNTS, Regression(objective="poisson"), -1.0),
        (COUNTS, Regression(objective="gamma"), 0.0),
        (GRADES, Multiclass(classes=CLASSES[:4]), None),
    ],
    ids=["negative counts", "zero amounts", "a class that is not declared any more"],
)
def test_labels_of_an_earlier_declaration_end_a_training(toy: Toy, task, label, toy_lake, tracking):
    if label is not None:
        replace_labels(toy, toy.as_of - 20, label)
    use_case = declared(toy, task)
    with pytest.raises(LabelsOutdatedError) as refused:
        train.train_model(open_project(use_case), toy.as_of)
    assert (refused.value.use_case, refused.value.label) == (use_case.name, use_case.label.name)
    assert not open_project(use_case).registry.versions()


@pytest.mark.parametrize("toy", [COUNTS], ids=["counts"])
def test_labels_that_cannot_be_are_not_measured_and_the_reason_says_why(toy: Toy, champion):
    project = open_project(toy.use_case)
    score.score_period(project, toy.as_of)
    replace_labels(toy, toy.as_of + 1, -3.0)
    monitor.monitor_period(project, toy.as_of + 1)
    rows = project.lake.as_of(toy.as_of + 1).read("metrics", toy.as_of + 1, toy.as_of + 1).to_pylist()
    main = toy.use_case.task.main_metric
    reasons = {row["metric"]: row["missing_reason"] for row in rows}
    assert "negative" in reasons["labelled_rows"] and reasons[f"worse_than_baseline/{main}"]
    of_labels = (main, f"window/{main}", f"worse_than_baseline/{main}")
    assert not [row for row in rows if row["metric"] in of_labels and row["value"] is not None]


OTHER_TASKS = [
    pytest.param(COUNTS, Regression(objective="poisson"), id="no interval any more"),
    pytest.param(GRADES, Multiclass(classes=CLASSES[::-1]), id="classes in another order"),
    pytest.param(GRADES, Multiclass(classes=CLASSES[:4]), id="a class less"),
    pytest.param(QUANTILE, Binary(), id="another task"),
]


@pytest.mark.parametrize(("toy", "task"), OTHER_TASKS)
def test_a_model_of_another_task_scores_nothing(toy: Toy, task, champion):
    before = open_project(toy.use_case).lake.as_of(toy.as_of).partitions("predictions")
    with pytest.raises(OtherPredictionsError) as refused:
        score.score_period(open_project(declared(toy, task)), toy.as_of)
    assert (refused.value.use_case, refused.value.version) == (toy.name, champion)
    assert open_project(toy.use_case).lake.as_of(toy.as_of).partitions("predictions") == before


@pytest.mark.parametrize("toy", [GRADES], ids=["grades"])
def test_a_model_with_classes_in_another_order_is_not_measured(toy: Toy, champion):
    project = open_project(declared(toy, Multiclass(classes=CLASSES[::-1])))
    monitor.monitor_period(project, toy.as_of + 3)
    rows = project.lake.as_of(toy.as_of + 3).read("metrics", toy.as_of + 3, toy.as_of + 3).to_pylist()
    (unknown,) = {row["missing_reason"] for row in rows if row["metric"] == "skill_loss/log_loss"}
    assert "classes" in unknown and "Train a new version" in unknown


@pytest.mark.parametrize("toy", [COUNTS], ids=["counts"])
def test_a_changed_threshold_or_unit_needs_no_new_model(toy: Toy, champion):
    renamed = replace(toy.use_case, task=replace(toy.use_case.task, unit="people"))
    assert score.score_period(open_project(renamed), toy.as_of).rows > 0
