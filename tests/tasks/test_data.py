"""Features and labels of every task through the steps that build them, and labels that cannot be."""

from __future__ import annotations

import math

import ibis
import pytest

from include.features import build
from include.features.materialize import ResultRowsError
from include.lake import schemas
from include.project import open_project
from tests.contexts import UseCaseFunctions
from tests.toys import COUNTS, GRADES, Toy, derived, each_task

DAY = COUNTS.use_case.first_period + 1


@pytest.mark.slow
@each_task
def test_the_steps_store_labels_with_the_type_of_the_task(toy: Toy, lake_home):
    project, use_case = open_project(toy.use_case), toy.use_case
    for period in (use_case.first_period, DAY):
        build.build_features(project, period)
    labels = project.lake.as_of(DAY).read("labels", DAY, DAY)
    assert labels.num_rows > 0
    assert labels.schema.field(use_case.label.name).type == schemas.arrow_type(use_case.task.label_type)


@pytest.mark.slow
@pytest.mark.parametrize("toy", [COUNTS, GRADES], ids=["counts", "grades"])
def test_lakes_that_are_filled_directly_are_those_of_the_functions(toy: Toy, lake_home):
    lake, period = open_project(toy.use_case).lake, toy.first + 3
    toy.fill(lake, period, period)
    view = lake.as_of(period)
    for table, function in (("labels", "labels"), ("features", "build")):
        filled = view.read(table, period, period, order_by=toy.use_case.keys).drop_columns(["period"])
        order = [(key, "ascending") for key in toy.use_case.keys]
        assert filled.equals(derived(toy.use_case, function, period).sort_by(order).cast(filled.schema)), table


@pytest.mark.slow
@pytest.mark.parametrize(
    ("toy", "label", "words"),
    [
        (COUNTS, -1.0, "60 labels that are negative"),
        (COUNTS, math.nan, "60 labels that are not finite"),
        (COUNTS, "many", "labels that are not numbers"),
        (GRADES, "superb", "labels that are no declared class: 'grade' is 'superb' in 120 rows"),
        (GRADES, 3, "labels that are not text"),
    ],
)
def test_a_label_that_cannot_be_refuses_the_day_and_nothing_is_written(toy: Toy, label, words, lake_home, monkeypatch):
    use_case, project = toy.use_case, open_project(toy.use_case)
    labels = use_case.function("features", "labels")

    def wrong(period, **feeds):
        return labels(period, **feeds).mutate(**{use_case.label.name: ibis.literal(label)})

    UseCaseFunctions(monkeypatch, use_case).features(labels=wrong)
    build.build_features(project, use_case.first_period)
    with pytest.raises(ResultRowsError, match=words):
        build.build_features(project, DAY)
    assert DAY not in project.lake.as_of(DAY).partitions("labels")
