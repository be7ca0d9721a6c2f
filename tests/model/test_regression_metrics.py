"""The metrics of predicted numbers, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics

from include.model import metrics
from include.use_case import OrderCosts, Regression

RNG = np.random.default_rng(7)
LABELS = RNG.poisson(6.0, 500).astype(float)
POINT = LABELS * 0.7 + RNG.gamma(4.0, 0.5, 500)
INTERVALS = np.column_stack([POINT, POINT - 2, POINT + 3])
TASK = Regression(objective="poisson", intervals=(0.1, 0.9))
MEDIAN = Regression(objective="quantile", quantile=0.3, intervals=(0.1, 0.9))


def compute(name: str, labels=LABELS, predicted=POINT, task=TASK) -> float | None:
    return metrics.compute_metric(name, labels, predicted, task)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("mae", sklearn.metrics.mean_absolute_error),
        ("mse", sklearn.metrics.mean_squared_error),
        ("rmse", sklearn.metrics.root_mean_squared_error),
        ("r2", sklearn.metrics.r2_score),
        ("poisson_deviance", sklearn.metrics.mean_poisson_deviance),
    ],
)
def test_a_metric_is_that_of_scikit_learn(name, reference):
    assert compute(name) == pytest.approx(reference(LABELS, POINT), rel=1e-12)
    assert compute(name, predicted=INTERVALS) == compute(name)


def test_the_gamma_deviance_is_that_of_scikit_learn():
    labels = LABELS + 1
    expected = sklearn.metrics.mean_gamma_deviance(labels, POINT)
    assert compute("gamma_deviance", labels) == pytest.approx(expected, rel=1e-12)


def test_pinball_losses_are_those_of_scikit_learn():
    expected = sklearn.metrics.mean_pinball_loss(LABELS, POINT, alpha=0.3)
    assert compute("pinball_loss", task=MEDIAN) == pytest.approx(expected, rel=1e-12)
    ends = [sklearn.metrics.mean_pinball_loss(LABELS, INTERVALS[:, n], alpha=a) for n, a in ((1, 0.1), (2, 0.9))]
    assert compute("interval_pinball", predicted=INTERVALS) == pytest.approx(sum(ends) / 2, rel=1e-12)


def test_wape_and_bias_are_sums_of_errors():
    labels, predicted = np.array([1.0, 3.0, -4.0]), np.array([2.0, 1.0, -4.0])
    assert compute("wape", labels, predicted) == pytest.approx(3 / 8)
    assert compute("bias", labels, predicted) == pytest.approx(1 / 3)


def test_what_is_undefined_has_no_value():
    assert compute("wape", np.zeros(3), np.ones(3)) is None
    assert compute("r2", np.ones(3), np.zeros(3)) is None
    assert compute("poisson_deviance", np.ones(3), np.array([1.0, 0.0, 1.0])) is None
    assert all(compute(name) is None for name in ("coverage", "coverage_error", "interval_width", "interval_pinball"))


def test_coverage_counts_both_ends():
    labels, predicted = np.array([1.0, 2.0, 5.0, 0.9]), np.tile([1.5, 1.0, 2.0], (4, 1))
    assert compute("coverage", labels, predicted) == 0.5
    assert compute("coverage_error", labels, predicted) == pytest.approx(0.3)
    assert compute("interval_width", labels, predicted) == 1.0


def test_an_order_costs_what_is_missing_and_what_is_left():
    task = Regression(costs=OrderCosts(under=3, over=1, unit="EUR"))
    assert compute("order_cost", np.array([5.0, 5.0]), np.array([3.0, 7.0]), task) == (2 * 3 + 2 * 1) / 2
    assert task.costs.quantile == 0.75
