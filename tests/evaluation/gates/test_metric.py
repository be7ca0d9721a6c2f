"""The metric gate: a metric of the test days compared with a number or a baseline."""

import math
from dataclasses import replace

import numpy as np
import pytest

from include.declaration.gates import MODEL
from include.evaluation.gates import require_gates
from include.evaluation.gates.base import GateLimits
from include.model import metrics
from include.use_case import Gate
from tests.evaluation.gates.sound import SOUND, TASK, judge_one
from tests.refusals import invalid

LIMITS = GateLimits([], test_periods=7, rebuildable_periods=6, task=TASK)


@pytest.mark.parametrize(
    ("declare", "field"),
    [
        (lambda: Gate("accuracy", at_least=0.9), "metric"),
        (lambda: Gate("auc"), ""),
        (lambda: Gate("auc", at_least=0.6, better_than="prior"), ""),
        (lambda: Gate("auc", better_than="luck"), "better_than"),
        (lambda: Gate("auc", at_least=1.2), "at_least"),
        (lambda: Gate("log_loss", at_most=-0.1), "at_most"),
        (lambda: Gate("log_loss", at_most=math.nan), "at_most"),
    ],
)
def test_a_gate_that_cannot_be_is_refused(declare, field):
    with invalid(field):
        declare()


@pytest.mark.parametrize(
    ("gate", "name"),
    [
        (Gate("log_loss", better_than="prior"), "log_loss better than prior"),
        (Gate("auc", at_least=0.7), "auc at least 0.7"),
    ],
)
def test_it_is_named_by_what_it_asks_for(gate, name):
    assert str(gate) == name


@pytest.mark.parametrize("turn", [1, -1])
def test_limits_that_no_model_can_meet_together_are_refused_in_any_order(turn):
    with pytest.raises(ValueError, match=r"0\.9 .* 0\.8"):
        require_gates([Gate("auc", at_least=0.9), Gate("auc", at_most=0.8)][::turn], LIMITS)


def test_limits_from_both_sides_that_leave_room_are_accepted():
    require_gates([Gate("auc", at_least=0.7), Gate("auc", at_most=0.95), Gate("brier", at_most=0.2)], LIMITS)


@pytest.mark.parametrize(
    ("gate", "outcome"),
    [
        (Gate("auc", at_least=0.70), "passed"),
        (Gate("auc", at_least=0.71), "failed"),
        (Gate("log_loss", at_most=0.50), "passed"),
        (Gate("log_loss", at_most=0.49), "failed"),
        (Gate("auc", better_than="prior"), "passed"),
        (Gate("auc", better_than="logistic"), "failed"),
        (Gate("log_loss", better_than="logistic"), "failed"),
    ],
)
def test_a_limit_itself_is_within_the_limit_but_a_baseline_must_be_beaten(gate, outcome):
    assert judge_one(gate, SOUND).outcome == outcome


def test_as_good_as_a_baseline_is_not_better_where_higher_is_better():
    equal = {"model": {"auc": 0.7}, "prior": {"auc": 0.7}}
    assert judge_one(Gate("auc", better_than="prior"), replace(SOUND, metrics=equal)).outcome == "failed"


def test_average_precision_on_test_days_of_one_class_is_inconclusive():
    labels = np.ones(len(SOUND.rows.labels))
    measured = {MODEL: metrics.compute_metrics(labels, SOUND.rows.predicted[MODEL], TASK)}
    result = judge_one(Gate("average_precision", at_least=0.9), replace(SOUND, metrics=measured))
    assert (result.outcome, result.blocks) == ("inconclusive", True)


@pytest.mark.parametrize("measured", [{}, {"model": {"auc": float("nan")}}, {"model": {"auc": float("inf")}}])
def test_a_metric_that_is_missing_or_not_finite_is_inconclusive(measured):
    result = judge_one(Gate("auc", at_least=0.5), replace(SOUND, metrics=measured))
    assert (result.outcome, result.value) == ("inconclusive", None)
    assert result.reason == "The model has no AUC in the test periods."


def test_a_missing_baseline_is_named():
    result = judge_one(Gate("auc", better_than="prior"), replace(SOUND, metrics={"model": {"auc": 0.9}}))
    assert result.reason == "The prior baseline has no AUC in the test periods."
