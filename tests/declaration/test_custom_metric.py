"""Metrics that a use case declares itself."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from include.model import intervals, metrics
from include.use_case import (
    Binary,
    ChampionGate,
    CustomMetric,
    Gate,
    Monitoring,
    PerformanceLimit,
    Regression,
    SliceGate,
)
from tests.evaluation.gates.sound import SOUND, judge_one, labelled
from tests.refusals import invalid, require_named
from tests.toy_use_case import USE_CASE


@pytest.fixture(autouse=True)
def own_list(monkeypatch):
    """Forget the declared metrics after the test."""
    kept = dict(metrics._METRICS)
    yield
    metrics._METRICS.clear()
    metrics._METRICS.update(kept)


def large(labels, predictions):
    return float(np.mean(np.abs(predictions - labels) > 0.5)) if labels.any() else math.nan


def other(labels, predictions):
    return 0.0


LABELS, PREDICTED = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.1, 0.2, 0.9, 0.6])


def test_it_is_measured_with_the_others_for_gates_limits_and_intervals():
    metric = CustomMetric("large_errors", large, title="share of large errors")
    declared = replace(
        USE_CASE,
        task=Binary(custom_metrics=(metric,)),
        gates=(Gate("large_errors", better_than="prior"), Gate("large_errors", at_most=0.4)),
        monitoring=Monitoring(performance=(PerformanceLimit("large_errors", max_degradation=0.1),)),
    )
    task = declared.task
    assert task.metrics[-1] == task.headline[-1] == task.charted[-1] == "large_errors"
    assert metrics.compute_metrics(LABELS, PREDICTED, task)["large_errors"] == 0.5
    assert metrics.METRICS["large_errors"].label == "share of large errors"
    periods = np.repeat(np.arange(4).astype("datetime64[D]"), 4)
    found = intervals.metric_intervals(periods, np.tile(LABELS, 4), np.tile(PREDICTED, 4), task)
    assert found["large_errors"] == (0.5, 0.5)


def test_a_value_that_is_not_defined_is_left_out():
    task = Regression(custom_metrics=(CustomMetric("large_errors", large),))
    assert "large_errors" not in metrics.compute_metrics(np.zeros(3), np.ones(3), task)


def test_it_may_be_declared_again_but_not_by_another_function():
    CustomMetric("large_errors", large)
    CustomMetric("large_errors", large, higher_is_better=True)
    assert metrics.METRICS["large_errors"].higher_is_better
    with invalid("name"):
        CustomMetric("large_errors", other)


@pytest.mark.parametrize(
    ("name", "function", "paths"),
    [
        ("auc", large, ["name"]),
        ("base_rate", large, ["name"]),
        ("large errors", large, ["name"]),
        ("other_errors", lambda labels: 0.0, ["function", "function"]),  # its parameters, and that it has no name
        ("other_errors", lambda labels, predictions: 0.0, ["function"]),
    ],
)
def test_a_metric_that_cannot_be_is_refused(name, function, paths):
    with invalid(*paths):
        CustomMetric(name, function)
    assert name in metrics.BUILT_IN or name not in metrics.METRICS


def test_a_gate_may_use_it_only_where_the_task_names_it():
    CustomMetric("large_errors", large)
    with invalid("gates") as refused:
        replace(USE_CASE, gates=(Gate("large_errors", at_most=0.4),))
    require_named(refused.value, "'large_errors'", "Binary")
    with invalid("gates"):
        replace(USE_CASE, gates=(ChampionGate("large_errors", min_periods=7),))


@pytest.mark.parametrize("higher", [False, True])
def test_a_challenger_is_compared_with_the_champion_in_the_metrics_own_direction(higher):
    share = near if higher else far
    metric = CustomMetric("share_of_rows", share, higher_is_better=higher, title="share of rows")
    task, gate = Binary(custom_metrics=(metric,)), ChampionGate("share_of_rows", margin=-0.05)
    rows = labelled(better=0.3)
    judged = judge_one(gate, replace(SOUND, rows=rows), task)
    assert judged.outcome == "passed" and judged.value < -0.05
    assert f"share of rows is {-compared_mean(gate, rows, task):.4g} {'higher' if higher else 'lower'}" in judged.reason
    swapped = {"model": rows.predicted["champion"], "champion": rows.predicted["model"]}
    worse = judge_one(gate, replace(SOUND, rows=replace(rows, predicted=swapped)), task)
    assert worse.outcome == "failed" and worse.value > 0
    assert "is asked for" in worse.reason and ("lower" if higher else "higher") in worse.reason


def test_a_slice_gate_may_use_it():
    metric = CustomMetric("share_of_rows", far, title="share of rows")
    gate = SliceGate("group", "share_of_rows", max_degradation=0.05, min_rows=50)
    judged = judge_one(gate, replace(SOUND, rows=labelled(model={"a": 0.4})), Binary(custom_metrics=(metric,)))
    assert judged.outcome == "failed" and "group a" in judged.reason and "share of rows" in judged.reason


def compared_mean(gate, rows, task):
    return gate.compare(replace(SOUND, rows=rows), task).difference.mean


def far(labels, predictions):
    return float(np.mean(np.abs(predictions - labels)))


def near(labels, predictions):
    return 1 - far(labels, predictions)


def test_a_metric_that_is_not_defined_on_the_test_days_does_not_judge_a_challenger():
    metric = CustomMetric("large_errors", undefined)
    judged = judge_one(ChampionGate("large_errors"), SOUND, Binary(custom_metrics=(metric,)))
    assert judged.outcome == "inconclusive" and judged.blocks


def undefined(labels, predictions):
    return math.nan
