"""The serving gate: scores, speed and size in a fresh process."""

import math
from dataclasses import replace

import pytest

from include.evaluation.inputs import ServingCheckResult
from include.evaluation.judging import judge_gates
from include.use_case import ServingGate
from tests.evaluation.gates.sound import SOUND, TASK
from tests.refusals import invalid

SERVING = ServingGate(at_most_microseconds=50, at_most_megabytes=10)


@pytest.mark.parametrize("limit", [0, math.nan])
def test_a_limit_that_is_not_above_0_is_refused(limit):
    with invalid(""):
        ServingGate(at_most_microseconds=10, at_most_megabytes=limit)


def test_it_gives_three_results_with_their_own_limits():
    results = judge_gates([SERVING], SOUND, TASK)
    assert [result.gate.rpartition(": ")[2] for result in results] == [
        "same scores",
        "microseconds per row",
        "megabytes",
    ]
    assert [(result.value, result.limit) for result in results] == [(0, 0), (4.0, 50), (1.5, 10)]


def test_a_model_that_cannot_be_served_fails_and_its_measures_are_inconclusive():
    broken = ServingCheckResult(0, 0, 0.0, 0.0, error="model.txt is missing")
    results = judge_gates([SERVING], replace(SOUND, serving_check=broken), TASK)
    assert [result.outcome for result in results] == ["failed", "inconclusive", "inconclusive"]
    assert results[0].reason.endswith("model.txt is missing.")


def test_scoring_no_row_proves_nothing():
    results = judge_gates([SERVING], replace(SOUND, serving_check=ServingCheckResult(0, 0, 0.0, 1.5)), TASK)
    assert {result.outcome for result in results} == {"inconclusive"}


def test_a_measure_that_is_no_number_is_inconclusive():
    unmeasured = ServingCheckResult(500, 0, math.nan, 1.5)
    results = judge_gates([SERVING], replace(SOUND, serving_check=unmeasured), TASK)
    assert [result.outcome for result in results] == ["passed", "inconclusive", "passed"]
