"""Behaviour of all kinds of gates: required days, and the effect of an inconclusive result."""

from dataclasses import replace

import pytest

from include.declaration.problems import DeclarationError
from include.evaluation.gates import require_gates
from include.evaluation.gates.base import GateLimits
from include.evaluation.gates.result import overall_outcome
from include.use_case import ChampionGate, Gate
from tests.evaluation.gates.sound import SOUND, TASK, judge_one
from tests.refusals import invalid, raises


@pytest.mark.parametrize(
    ("declare", "field"),
    [
        (lambda: Gate("auc", at_least=0.6, min_periods=0), "min_periods"),
        (lambda: Gate("auc", at_least=0.6, if_inconclusive="maybe"), "if_inconclusive"),
    ],
)
def test_a_gate_that_cannot_be_is_refused(declare, field):
    with invalid(field):
        declare()


@pytest.mark.parametrize("gate", [Gate("auc", at_least=0.6, min_periods=8), ChampionGate()])
def test_a_gate_that_needs_more_days_than_are_tested_is_refused(gate):
    with raises(DeclarationError, f"min_periods={gate.min_periods}", 7):
        require_gates([gate], GateLimits([], test_periods=7, rebuildable_periods=6, task=TASK))


def test_too_few_days_with_labels_are_inconclusive_and_block_unless_the_gate_says_otherwise():
    few = replace(SOUND, periods=5)
    result = judge_one(Gate("auc", at_least=0.9, min_periods=7), few)
    assert (result.outcome, result.blocks, result.metric) == ("inconclusive", True, "auc")
    assert result.reason == "There are labels of 5 test days; this gate needs 7."
    passing = judge_one(Gate("auc", at_least=0.9, min_periods=7, if_inconclusive="pass"), few)
    assert (passing.outcome, passing.blocks) == ("inconclusive", False)
    assert overall_outcome([passing]) == "passed"


def test_a_failure_blocks_also_where_an_inconclusive_result_would_not():
    assert judge_one(Gate("auc", at_least=0.9, if_inconclusive="pass"), SOUND).blocks
