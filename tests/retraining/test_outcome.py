"""Recording the outcome of a training, from the state of its run, the promotion and the registry."""

import pytest

from include.declaration.period import Period
from include.lake.lake import Lake
from include.project import open_project
from include.retraining import decide, outcome
from include.retraining.retraining_errors import NoTrainingError
from tests import toy
from tests.conftest import AS_OF
from tests.monitoring import measures
from tests.refusals import raises

DAYS = [AS_OF + n for n in range(3)]
DECIDED = DAYS[2]


@pytest.fixture
def decided(champion) -> Period:
    """The day of a decision to retrain."""
    for period in DAYS:
        measures.breach(Lake.open(toy.USE_CASE), period)
        result = decide.decide_retraining(open_project(toy.USE_CASE), period)
    assert result.outcome == "retrain"
    return DECIDED


def rows() -> list[tuple[str, str | None, str | None]]:
    found = Lake.open(toy.USE_CASE).as_of(DECIDED).read("retrainings").to_pylist()
    return [(row["outcome"], row["model_version"], row["run_id"]) for row in found]


def test_a_promoted_model_is_recorded_once(decided):
    training = {"state": "success", "version": "1", "promotion": {"promoted": True, "reason": "All gates are passed."}}
    for _ in range(2):
        result = outcome.record_training_outcome(open_project(toy.USE_CASE), decided, "drift__x", **training)
    assert (result.outcome, result.reason) == ("promoted", "All gates are passed.")
    assert rows() == [("promoted", "1", "drift__x")]
    assert Lake.open(toy.USE_CASE).as_of(decided).version("retrainings") == 1


def test_a_training_that_failed_or_never_started_has_no_model(decided):
    outcome.record_training_outcome(
        open_project(toy.USE_CASE), decided, "drift__x", state=None, why_not="the DAG is paused"
    )
    assert rows() == [("not started", None, None)]
    outcome.record_training_outcome(open_project(toy.USE_CASE), decided, "drift__x", state="failed")
    assert rows() == [("failed", None, "drift__x")]


def test_a_training_that_was_mended_is_recorded_again(decided):
    outcome.record_training_outcome(open_project(toy.USE_CASE), decided, "drift__x", state="failed")
    training = {"state": "success", "version": "1", "promotion": {"promoted": True, "reason": "All gates are passed."}}
    outcome.record_training_outcome(open_project(toy.USE_CASE), decided, "drift__x", **training)
    assert rows() == [("promoted", "1", "drift__x")]
    assert outcome.recorded_outcome(open_project(toy.USE_CASE), decided) == "promoted"


def test_there_is_no_outcome_of_a_day_that_was_not_decided_to_retrain(decided):
    for period in (DAYS[0], DECIDED + 1):
        with raises(NoTrainingError, period=period):
            outcome.record_training_outcome(open_project(toy.USE_CASE), period, "drift__x", state="success")
    assert outcome.recorded_outcome(open_project(toy.USE_CASE), DAYS[0]) is None
