"""The default expectations find constant and null features, and predictions out of range or all equal."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from include.model.tasks import task_model
from include.use_case import Binary, FeatureSuite, Multiclass, PredictionSuite, Regression, Suite
from include.validation.tallies import MIN_ROWS, FeatureTally, PredictionTally

ROWS = MIN_ROWS
DECLARED = Suite()


def features(rows: int = ROWS, **columns: list) -> pa.RecordBatch:
    varied = {"size": list(map(float, range(rows)))}
    return pa.record_batch({**varied, **{name: pa.array(values) for name, values in columns.items()}})


def broken(*batches: pa.RecordBatch, suite: Suite = DECLARED, has_look_back: bool = True) -> list[str]:
    tally = FeatureTally(batches[0].schema.names, has_look_back=has_look_back)
    assert list(tally.counted(batches)) == list(batches)
    return [f"{one.expectation}: {one.observed}" for one in tally.broken(suite)]


@pytest.mark.parametrize(
    ("values", "is_broken"),
    [
        ([7] * ROWS, True),
        ([None] * ROWS, True),
        (["bolt"] * ROWS, True),
        ([False] * ROWS, True),
        ([7] * (ROWS - 1) + [8], False),
        ([7] * (ROWS - 1) + [None], False),
        ([None] + [7] * (ROWS - 1), False),
    ],
)
@pytest.mark.parametrize("first", [1, 50, ROWS])
def test_a_feature_with_one_value_or_none_is_broken_in_any_split_into_batches(values, is_broken, first):
    rows = features(odd=values)
    found = broken(rows.slice(0, first), rows.slice(first))
    assert [text.startswith("feature 'odd'") for text in found] == ([True] if is_broken else [])


def test_few_rows_may_be_equal_by_chance():
    rows = ROWS - 1
    assert broken(features(rows, odd=[7] * rows)) == []


def test_without_the_whole_look_back_trailing_features_may_be_null():
    assert broken(features(odd=[None] * ROWS), has_look_back=False) == []


def test_a_declared_exception_counts_for_its_own_rule_alone():
    constant, null = features(odd=[7] * ROWS), features(odd=[None] * ROWS)
    assert broken(constant, suite=FeatureSuite(may_be_constant=("odd",))) == []
    assert broken(null, suite=FeatureSuite(may_be_null=("odd",))) == []
    assert broken(constant, suite=FeatureSuite(may_be_null=("odd",))) != []
    assert broken(null, suite=FeatureSuite(may_be_constant=("odd",))) != []


GRADES = Multiclass(classes=("best", "good", "bad"))
THIRDS = [[0.2, 0.3, 0.5], [0.5, 0.3, 0.2]]


@pytest.mark.parametrize(
    ("task", "values", "wrong"),
    [
        (Binary(), [0.0, 1.0], 0),
        (Binary(), [0.5, 1.5], 1),
        (Binary(), [-0.1, float("nan")], 2),
        (GRADES, THIRDS, 0),
        (GRADES, [[0.2, 0.3, 0.6], THIRDS[0]], 1),
        (GRADES, [[-0.2, 0.7, 0.5], THIRDS[0]], 1),
        (Regression(), [-3.0, 4.0], 0),
        (Regression(), [float("inf"), float("nan")], 2),
        (Regression(objective="poisson"), [-0.001, 4.0], 1),
        (Regression(objective="gamma"), [-1.0, 4.0], 1),
        (Regression(objective="tweedie"), [0.0, -4.0], 1),
        (Regression(intervals=(0.1, 0.9)), [[3.0, 2.0, 4.0], [3.0, 3.5, 3.2]], 1),
        (Regression(intervals=(0.1, 0.9)), [[3.0, 2.0, float("inf")], [3.0, 3.5, 4.0]], 1),
    ],
)
def test_predictions_are_in_the_range_of_their_task(task, values, wrong):
    tally = PredictionTally(task_model(task), ["size"])
    tally.add(features(2), np.array(values))
    found = tally.broken(PredictionSuite(may_be_equal=True))
    assert [one.observed.split(" ")[0] for one in found] == ([str(wrong)] if wrong else [])


@pytest.mark.parametrize(
    ("rows", "sizes", "suite", "is_broken"),
    [
        (ROWS, "differ", DECLARED, True),
        (ROWS, "differ", PredictionSuite(may_be_equal=True), False),
        (ROWS, "equal", DECLARED, False),
        (ROWS - 1, "differ", DECLARED, False),
    ],
)
@pytest.mark.parametrize("task", [Binary(), Regression(), GRADES])
def test_predictions_are_not_all_equal_where_features_differ(task, rows, sizes, suite, is_broken):
    tally = PredictionTally(task_model(task), ["size"])
    of_rows = features(rows) if sizes == "differ" else pa.record_batch({"size": pa.array([1.0] * rows)})
    one = THIRDS[0] if task is GRADES else 0.25
    for start in (0, 40):
        batch = of_rows.slice(start, 40 if start == 0 else None)
        tally.add(batch, np.array([one] * batch.num_rows))
    assert bool(tally.broken(suite)) is is_broken


def test_one_prediction_that_differs_is_enough():
    tally = PredictionTally(task_model(Binary()), ["size"])
    tally.add(features(), np.array([0.25] * (ROWS - 1) + [0.5]))
    assert tally.broken(DECLARED) == []


CONSTANT, NAN = [0.25] * ROWS, float("nan")
COUNTED_APART = {
    "all equal": (CONSTANT, {"size": [1.0] * ROWS}),
    "features differ at the end": (CONSTANT, {"size": [1.0] * (ROWS - 1) + [2.0]}),
    "features differ from part to part": (CONSTANT, {"size": [1.0] * 50 + [2.0] * (ROWS - 50)}),
    "a feature is null in some rows": (CONSTANT, {"size": [None] * 50 + [1.0] * (ROWS - 50)}),
    "a feature is null in all rows": (CONSTANT, {"size": pa.nulls(ROWS, pa.float64())}),
    "a date differs": (CONSTANT, {"size": [date(2020, 1, 1)] * 99 + [date(2020, 1, 2)]}),
    "an instant does not differ": (CONSTANT, {"size": [datetime(2020, 1, 1, tzinfo=UTC)] * ROWS}),
    "zero has two signs": (CONSTANT, {"size": [0.0] * 50 + [-0.0] * (ROWS - 50)}),
    "predictions differ from part to part": ([0.25] * 50 + [0.5] * (ROWS - 50), {"size": range(ROWS)}),
    "predictions differ within a part": ([0.25, 0.5] * (ROWS // 2), {"size": range(ROWS)}),
    "predictions are unsound": ([NAN] * 40 + [1.5] + [0.5] * (ROWS - 41), {"size": range(ROWS)}),
}


@pytest.mark.parametrize("split", [(0, 50), (0, 1, 99), (0, 30, 60)], ids=str)
@pytest.mark.parametrize("case", COUNTED_APART)
def test_counts_of_parts_add_up_to_those_of_the_whole(case, split):
    values, columns = COUNTED_APART[case]
    predictions, rows = np.array(values), pa.record_batch({name: pa.array(given) for name, given in columns.items()})

    def counted(start: int, stop: int) -> PredictionTally:
        tally = PredictionTally(task_model(Binary()), columns)
        tally.add(rows.slice(start, stop - start), predictions[start:stop], crossed=stop - start)
        return tally

    whole, merged = counted(0, ROWS), PredictionTally(task_model(Binary()), columns)
    for start, stop in pairwise([*split, ROWS]):
        merged.merge(json.loads(json.dumps(counted(start, stop).to_json())))
    assert merged.broken(DECLARED) == whole.broken(DECLARED)
    assert merged.crossed == whole.crossed == ROWS


def test_predictions_of_several_numbers_are_compared_over_parts():
    merged = PredictionTally(task_model(GRADES), ["size"])
    for start in (0, 40):
        part = PredictionTally(task_model(GRADES), ["size"])
        part.add(features().slice(start, 40), np.array([THIRDS[0]] * 40))
        merged.merge(json.loads(json.dumps(part.to_json())))
    part = PredictionTally(task_model(GRADES), ["size"])
    part.add(features().slice(80), np.array([THIRDS[0]] * 20))
    merged.merge(part.to_json())
    (found,) = merged.broken(DECLARED)
    assert str(THIRDS[0]) in found.observed
