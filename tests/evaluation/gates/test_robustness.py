"""The robustness gate: the effect of corrupted input on the probabilities."""

from dataclasses import replace

import numpy as np
import pytest

from include.evaluation.inputs import CorruptionResult
from include.use_case import Binary, Regression, RobustnessGate
from tests.evaluation.gates.sound import SOUND, judge_one
from tests.refusals import invalid


def test_a_limit_that_every_model_is_within_or_none_is_refused():
    with invalid("at_most"):
        RobustnessGate(at_most=0)
    with invalid("at_most"):
        RobustnessGate(at_most=1.1).require_task(Binary())
    RobustnessGate(at_most=1.1).require_task(Regression())


@pytest.mark.parametrize(("at_most", "outcome"), [(0.05, "passed"), (0.04, "failed")])
def test_the_largest_change_of_the_probability_decides(at_most, outcome):
    result = judge_one(RobustnessGate(at_most=at_most), SOUND)
    assert (result.outcome, result.value, result.limit) == (outcome, 0.05, at_most)
    assert "kind a new category moves the probability most" in result.reason


@pytest.mark.parametrize(
    "broken", [CorruptionResult("kind", "nulled", 0.0, "it raised"), CorruptionResult("kind", "nulled", np.nan)]
)
def test_bad_input_that_breaks_the_model_fails(broken):
    result = judge_one(RobustnessGate(at_most=0.9), replace(SOUND, corruptions=(*SOUND.corruptions, broken)))
    assert (result.outcome, result.value) == ("failed", None)
    assert result.reason.startswith("Of 3 bad inputs 1 broke the model. kind nulled: ")
