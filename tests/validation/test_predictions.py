"""A period whose predictions break an expectation is refused: nothing is stored or exported."""

from __future__ import annotations

import great_expectations.expectations as gxe
import numpy as np
import pytest

from include.lake.lake import Lake
from include.model.model import Model, Predictions
from include.pipelines import score
from include.pipelines.context import PipelineRun
from include.project import open_project
from include.use_case import PredictionSuite, Suite
from include.validation.errors import PeriodRefusedError
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("champion")]


def run() -> None:
    """Run the steps of the DAG `score`."""
    for step in score.STEPS:
        step(PipelineRun(open_project(USE_CASE), AS_OF, {}))


def stored() -> int:
    return Lake.open(USE_CASE).as_of(AS_OF).read("predictions", AS_OF).num_rows


def refused() -> PeriodRefusedError:
    with pytest.raises(PeriodRefusedError) as error:
        run()
    assert (error.value.use_case, error.value.table, error.value.period) == ("toy", "predictions", AS_OF)
    assert not error.value.retryable
    return error.value


@pytest.mark.parametrize("value", [1.25, 0.25])
def test_predictions_out_of_range_or_all_equal_are_not_stored(monkeypatch, toy_functions, value):
    made = lambda _, rows, threads=1: Predictions(np.full(rows.num_rows, value))  # noqa: E731
    monkeypatch.setattr(Model, "predict_and_count", made)
    [one] = refused().broken
    assert str(value) in one.observed
    assert stored() == 0
    toy_functions.expectations(predictions=lambda: PredictionSuite(may_be_equal=True))
    if value > 1:
        refused()  # no declaration allows a probability above 1
    else:
        run()
        assert stored() == 200


def test_a_declared_expectation_refuses_the_period_and_keeps_the_predictions_it_had(toy_functions):
    run()
    before = Lake.open(USE_CASE).as_of(AS_OF).digest("predictions", AS_OF)
    likely = gxe.ExpectColumnMeanToBeBetween(column="probability", max_value=0.001)
    toy_functions.expectations(predictions=lambda: Suite(table=(likely,)))
    error = refused()
    assert error.broken[0].expectation.startswith("probability: expect_column_mean_to_be_between")
    assert float(error.broken[0].observed) > 0.001 and "/validation/toy/predictions/" in error.page
    assert Lake.open(USE_CASE).as_of(AS_OF).digest("predictions", AS_OF) == before
