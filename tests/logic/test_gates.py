"""Gates judged on numbers that can be read."""

import pytest

from include.logic import gates
from include.logic.gates import judge
from include.use_case import Gate

METRICS = {
    "model": {"log_loss": 0.50, "auc": 0.70},
    "prior": {"log_loss": 0.60, "auc": 0.50},
    "logistic": {"log_loss": 0.50, "auc": 0.71},
}


def test_a_lower_log_loss_beats_a_baseline():
    [verdict] = judge([Gate("log_loss", better_than="prior")], METRICS)
    assert verdict.passed
    assert (verdict.value, verdict.limit) == (0.50, 0.60)
    assert verdict.reason == "Test log_loss 0.5 is < 0.6 of prior."


def test_a_baseline_is_not_beaten_by_being_as_good():
    [verdict] = judge([Gate("log_loss", better_than="logistic")], METRICS)
    assert not verdict.passed
    assert verdict.reason == "Test log_loss 0.5 is not < 0.5 of logistic."


def test_of_auc_more_is_better():
    beaten, not_beaten = judge([Gate("auc", better_than="prior"), Gate("auc", better_than="logistic")], METRICS)
    assert beaten.passed
    assert not not_beaten.passed


@pytest.mark.parametrize(
    ("gate", "passed"),
    [
        (Gate("auc", at_least=0.70), True),
        (Gate("auc", at_least=0.71), False),
        (Gate("log_loss", at_most=0.50), True),
        (Gate("log_loss", at_most=0.49), False),
    ],
)
def test_a_limit_itself_is_within_the_limit(gate, passed):
    assert judge([gate], METRICS)[0].passed is passed


@pytest.mark.parametrize("metrics", [{}, {"model": {"auc": float("nan")}}, {"model": {"auc": float("inf")}}])
def test_what_was_not_measured_is_not_passed(metrics):
    [verdict] = judge([Gate("auc", at_least=0.5)], metrics)
    assert not verdict.passed
    assert verdict.reason == "Not judged: model has no test auc."


def test_a_missing_baseline_is_named():
    [verdict] = judge([Gate("auc", better_than="prior")], {"model": {"auc": 0.9}})
    assert verdict.reason == "Not judged: prior has no test auc."


def test_a_model_is_airworthy_only_when_every_gate_is_passed():
    passed, not_passed = judge([Gate("auc", at_least=0.5), Gate("auc", at_least=0.9)], METRICS)
    assert gates.airworthy([passed])
    assert not gates.airworthy([passed, not_passed])


def test_without_a_declared_gate_nothing_is_promoted():
    assert not gates.airworthy(judge([], METRICS))
