"""Sample weights, class weights and monotone constraints, by declaration."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from include.model import lightgbm_params, trainer
from include.model.tasks import task_model
from include.model.trainer import TrainingRows
from include.training import dataset, spec
from include.training.training_errors import SampleWeightError
from include.use_case import Multiclass, Period, Regression, UseCase
from tests.refusals import invalid, raises, require_named
from tests.toy_use_case import USE_CASE, source

WEIGHTED = replace(
    USE_CASE, task=Regression(), gates=(), training=replace(USE_CASE.training, sample_weight="size", num_boost_round=1)
)
GRADES = Multiclass(classes=("a", "b", "c"), class_weights=(1.0, 2.0, 5.0))
DAYS = [Period("2020-02-01") + n for n in range(10)]


def rows(use_case: UseCase, sizes: list[float | None]) -> pa.Table:
    """Labelled rows of one day, as `dataset.labelled_rows` returns them."""
    number = len(sizes)
    columns = {
        "kind": ["nut"] * number,
        "size": pa.array(sizes, pa.float64()),
        "hour": pa.array([1] * number, pa.int32()),
    }
    period = pa.array([DAYS[0].start_date] * number, pa.date32())
    labels = pa.array([0.0, 1.0] * (number // 2))
    return pa.table({"period": period, **columns, "urgent": [True] * number, use_case.label.name: labels})


def of_source(use_case: UseCase) -> TrainingRows:
    table = pa.concat_tables([source.everything(period) for period in DAYS])
    periods = np.repeat([np.datetime64(period.start_date) for period in DAYS], source.ROWS)
    return TrainingRows(table.select(list(use_case.features)), table["failed"].to_numpy().astype(float), periods)


def test_the_trees_start_from_the_weighted_mean_and_are_stopped_by_the_weighted_loss():
    found = dataset.split_rows(WEIGHTED, rows(WEIGHTED, [1.0, 3.0] * 50), DAYS[:1], "train", DAYS[-1])
    assert found.weights.tolist() == [1.0, 3.0] * 50
    slow = lightgbm_params.merge_parameters(WEIGHTED, {"learning_rate": 1e-6})
    fitted = trainer.fit_model(WEIGHTED.features, found, found, slow, 1, task_model(WEIGHTED))
    assert fitted.model.predict(found.features) == pytest.approx(np.full(100, 0.75), abs=1e-4)
    assert fitted.validation_loss[0] == pytest.approx(0.75 * 0.25, abs=1e-4)


@pytest.mark.parametrize(
    ("sizes", "wrong"), [([1.0, None], 1), ([1.0, -1.0], 1), ([-1.0, math.inf], 2), ([0.0, 0.0], 0)]
)
def test_weights_that_cannot_be_are_refused(sizes, wrong):
    with raises(SampleWeightError, DAYS[0], column="size", wrong=wrong, rows=2):
        dataset.split_rows(WEIGHTED, rows(WEIGHTED, sizes), DAYS[:1], "train", DAYS[-1])


def test_a_weight_belongs_to_the_declaration_of_a_training():
    assert spec.declaration_values(WEIGHTED) != spec.declaration_values(
        replace(WEIGHTED, training=replace(WEIGHTED.training, sample_weight=None))
    )


def test_each_row_weighs_what_its_class_does():
    assert task_model(GRADES).class_weights(np.array([0.0, 2.0, 1.0])).tolist() == [1.0, 5.0, 2.0]
    assert task_model(replace(GRADES, class_weights=None)).class_weights(np.zeros(1)) is None
    with invalid("class_weights"):
        replace(GRADES, class_weights=(1.0, 2.0))


@pytest.mark.parametrize("direction", [1, -1])
def test_a_monotone_prediction_never_moves_the_other_way(direction):
    declared = replace(USE_CASE, training=replace(USE_CASE.training, monotone={"hour": direction}))
    examples = of_source(declared)
    model = trainer.fit_model(
        declared.features, examples, examples, lightgbm_params.merge_parameters(declared, None), 1, task_model(declared)
    ).model
    period = examples.features.slice(0, 1)
    hours = pa.array(np.arange(24, dtype=np.int32))
    table = pa.concat_tables([period] * 24).combine_chunks()
    moved = model.predict(table.set_column(table.schema.get_field_index("hour"), "hour", hours))
    assert np.all(direction * np.diff(moved) >= 0) and np.ptp(moved) > 0


@pytest.mark.parametrize(
    ("task", "changed", "named"),
    [
        (Regression(), {"monotone": {"hours": 1}}, ["'hours'", "'hour'"]),
        (Regression(), {"monotone": {"kind": 1}}, ["'kind'"]),
        (Regression(), {"sample_weight": "sise"}, ["'sise'", "'size'"]),
        (Regression(objective="l1"), {"monotone": {"hour": 1}}, ["l1"]),
        (GRADES, {"monotone": {"hour": 1}}, []),
    ],
)
def test_what_does_not_fit_is_refused_when_it_is_declared(task, changed, named):
    (field,) = changed
    with invalid(f"training.{field}") as refused:
        replace(USE_CASE, task=task, gates=(), training=replace(USE_CASE.training, **changed))
    require_named(refused.value, *named)


def test_a_direction_is_up_or_down():
    with invalid("monotone['hour']"):
        replace(USE_CASE.training, monotone={"hour": 2})
