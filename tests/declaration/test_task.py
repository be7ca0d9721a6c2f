"""Declarations of what is predicted, and what does not fit them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from include.declaration.task import task_from_json
from include.use_case import (
    BaselineLimit,
    Binary,
    DecisionCosts,
    Gate,
    Monitoring,
    Multiclass,
    OrderCosts,
    PerformanceLimit,
    Regression,
    SliceGate,
)
from tests.refusals import invalid, require_named
from tests.toy_use_case import USE_CASE

GRADES = Multiclass(classes=("a", "b", "c"))


@pytest.mark.parametrize(
    ("declare", "path", "named"),
    [
        (lambda: Regression(objective="poison"), "objective", ["'poison'", "'poisson'"]),
        (lambda: Regression(objective="quantile"), "quantile", ["quantile=0.5"]),
        (lambda: Regression(quantile=0.5), "quantile", ['objective="quantile"']),
        (lambda: Regression(objective="quantile", quantile=1.0), "quantile", ["0", "1"]),
        (lambda: Regression(intervals=(0.9, 0.1)), "intervals", ["(0.9, 0.1)", "(0.1, 0.9)"]),
        (lambda: Regression(intervals=(0.0, 0.9)), "intervals", ["(0.0, 0.9)"]),
        (lambda: Regression(interval_method="conformall"), "interval_method", ["'conformal'"]),
        (lambda: Regression(intervals=(0.1, 0.9), if_crossed="refuse"), "if_crossed", ['interval_method="quantile"']),
        (
            lambda: Regression(intervals=(0.1, 0.9), interval_method="quantile", if_crossed="sorted"),
            "if_crossed",
            ["'sort'"],
        ),
        (lambda: Regression(objectiv="l1"), "", ["'objectiv'", "'objective'"]),
        (lambda: OrderCosts(under=0, over=1, unit="EUR"), "under", ["0"]),
        (lambda: Multiclass(classes=("a", "b")), "classes", ["2", "Binary()"]),
        (lambda: Multiclass(classes=("a", "b", "A")), "classes", ["['a', 'A']"]),
        (lambda: Multiclass(classes=("a", "b", "")), "classes", ["['']"]),
        (lambda: Multiclass(classes=("a", "b/c", "d.e")), "classes", ["['b/c', 'd.e']"]),
        (lambda: Multiclass(classes="abc"), "classes", ["'abc'", "('abc',)"]),
        (lambda: Binary(costs=OrderCosts(under=1, over=1, unit="EUR")), "costs", ["DecisionCosts", "OrderCosts"]),
    ],
)
def test_a_task_that_cannot_be_is_refused(declare, path, named):
    with invalid(path) as refused:
        declare()
    require_named(refused.value, *named)


@pytest.mark.parametrize(
    ("changed", "path", "named"),
    [
        ({"gates": (Gate("auc", at_least=0.6),)}, "gates", ["'auc'", "Regression", "'mae'"]),
        ({"gates": (Gate("mae", better_than="prior"),)}, "gates", ["'prior'", "Regression", "'mean'"]),
        ({"gates": (SliceGate("kind", "mae", 0.1, reference="logistic"),)}, "gates", ["'logistic'", "'linear'"]),
        (
            {"monitoring": Monitoring(performance=(PerformanceLimit("auc", 0.1, reference=None),))},
            "monitoring",
            ["'auc'", "'mse'"],
        ),
        ({"monitoring": Monitoring(baselines=(BaselineLimit("prior", "mse", 0.1),))}, "monitoring", ["'mean'"]),
        ({"task": Regression(seasonal_feature="sise")}, "task", ["['sise']", "'size'"]),
        ({"task": Regression(seasonal_feature="kind")}, "task", ["['kind']"]),
        ({"task": Regression(season=40), "last_period": USE_CASE.first_period + 39}, "task.season", ["40"]),
    ],
)
def test_what_does_not_fit_the_task_is_refused(changed, path, named):
    with invalid(path) as refused:
        replace(USE_CASE, **{"task": Regression(), "gates": (), **changed})
    require_named(refused.value, *named)


@pytest.mark.parametrize(
    ("task", "metric", "baselines"),
    [
        (Binary(), "log_loss", ("prior", "logistic")),
        (GRADES, "log_loss", ("prior", "logistic")),
        (Regression(), "mse", ("mean", "linear")),
        (Regression(objective="l1"), "mae", ("median", "linear")),
        (Regression(objective="quantile", quantile=0.9), "pinball_loss", ("quantile", "linear")),
        (Regression(objective="gamma"), "gamma_deviance", ("mean", "linear")),
    ],
)
def test_limits_that_are_not_declared_follow_from_the_task_and_change_with_it(task, metric, baselines):
    declared = replace(replace(USE_CASE, task=Regression(), gates=()), task=task)
    assert [(limit.metric, limit.reference) for limit in declared.monitoring.performance] == [(metric, baselines[0])]
    assert [(limit.metric, limit.baseline) for limit in declared.monitoring.baselines] == [
        (metric, name) for name in baselines
    ]


@pytest.mark.parametrize(
    "task",
    [
        Binary(),
        Binary(costs=DecisionCosts(3, 1, "points")),
        Regression(objective="quantile", quantile=0.7, intervals=(0.2, 0.9), costs=OrderCosts(7, 3, "EUR")),
        GRADES,
    ],
)
def test_a_task_is_restored_from_plain_values(task):
    assert task_from_json(json.loads(json.dumps(task.to_json()))) == task


def test_without_costs_a_row_is_positive_from_one_half_on_and_has_no_cost():
    assert Binary().threshold == 0.5
    assert "expected_cost" not in Binary().metrics
    assert "no costs are declared" in Binary().decision


@pytest.mark.parametrize("task", [Regression(intervals=(0.1, 0.9)), GRADES])
def test_a_key_or_label_with_the_name_of_a_prediction_is_refused(task):
    name = [*task.prediction_columns][-1]
    with invalid("label.name") as refused:
        replace(USE_CASE, task=task, gates=(), label=replace(USE_CASE.label, name=name))
    require_named(refused.value, repr(name))
