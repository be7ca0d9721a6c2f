"""Metrics from predictions alone: what calibrated predictions lead to expect."""

import numpy as np
import pytest

from include.model import metrics
from include.model.tasks.label_free import expected_metrics_of, loss_sums, totals_for
from include.use_case import Binary, DecisionCosts, Multiclass, OrderCosts, Regression

BINARY = Binary(costs=DecisionCosts(false_negative=3, false_positive=1, unit="points"))
CLASSES = Multiclass(classes=("a", "b", "c"))
NUMBER = Regression(intervals=(0.1, 0.9), costs=OrderCosts(under=2, over=1, unit="euros"))


def test_two_rows_by_hand():
    found = expected_metrics_of(BINARY, np.array([0.2, 0.9]))
    assert found["brier"] == pytest.approx((0.2 * 0.8 + 0.9 * 0.1) / 2)
    entropy = [-(p * np.log(p) + (1 - p) * np.log(1 - p)) for p in (0.2, 0.9)]
    assert found["log_loss"] == pytest.approx(np.mean(entropy))
    # The threshold is 0.25: the first row is predicted negative, the second positive.
    assert found["expected_cost"] == pytest.approx((0.2 * 3 + 0.1 * 1) / 2)
    # Pairs of a positive part and a negative part: 0.9 x 0.8 in order, 0.2 x 0.1 not, equal rows count half.
    right = 0.9 * 0.8 + (0.2 * 0.8 + 0.9 * 0.1) / 2
    assert found["auc"] == pytest.approx(right / (1.1 * 0.9))


def test_the_expected_confusion_by_hand():
    totals = totals_for(BINARY)
    totals.add(np.array([0.2, 0.9]))
    cells = {"true positives": 0.9, "false positives": 0.1, "false negatives": 0.2, "true negatives": 0.8}
    assert totals.confusion() == pytest.approx(cells)


@pytest.mark.parametrize("seed", range(3))
def test_many_calibrated_probabilities_come_true_as_expected(seed):
    rng = np.random.default_rng(seed)
    probabilities = rng.beta(1, 4, 200_000)
    labels = (rng.random(200_000) < probabilities).astype(np.float64)
    expected, realised = (
        expected_metrics_of(BINARY, probabilities),
        metrics.compute_metrics(labels, probabilities, BINARY),
    )
    assert expected.keys() == {"log_loss", "auc", "brier", "expected_cost"}
    for name, value in expected.items():
        assert value == pytest.approx(realised[name], rel=0.02)


def test_many_calibrated_probabilities_of_classes_come_true_as_expected():
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet((2, 1, 0.5), 200_000)
    drawn = (rng.random(200_000)[:, None] > np.cumsum(probabilities, axis=1)).sum(axis=1).astype(np.float64)
    expected, realised = (
        expected_metrics_of(CLASSES, probabilities),
        metrics.compute_metrics(drawn, probabilities, CLASSES),
    )
    assert expected.keys() == {"log_loss", "macro_f1", "balanced_accuracy", "least_recall"}
    for name, value in expected.items():
        assert value == pytest.approx(realised[name], rel=0.02)


def test_declared_weights_of_classes_are_taken_out_of_the_chances():
    weighted = Multiclass(classes=("a", "b", "c"), class_weights=(1.0, 1.0, 10.0))
    true = np.array([[0.5, 0.4, 0.1]])
    shown = true * [1, 1, 10] / np.sum(true * [1, 1, 10])
    expected = -float(np.sum(true * np.log(shown)))
    assert expected_metrics_of(weighted, shown)["log_loss"] == pytest.approx(expected)


@pytest.mark.parametrize("task", [BINARY, CLASSES], ids=["binary", "multiclass"])
def test_batches_and_their_order_change_nothing(task):
    rng = np.random.default_rng(2)
    predictions = rng.beta(1, 4, 5000) if task is BINARY else rng.dirichlet((1, 1, 1), 5000)
    whole, parts = totals_for(task), totals_for(task)
    whole.add(predictions)
    for part in reversed(np.array_split(predictions, 7)):
        parts.add(part)
    assert parts.values() == whole.values() and parts.rows == whole.rows


def test_certain_probabilities_are_no_error():
    assert expected_metrics_of(BINARY, np.array([0.0, 1.0]))["auc"] == 1
    assert "auc" not in expected_metrics_of(BINARY, np.array([1.0, 1.0]))


def numbers(seed: int, level: float = 10.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions with an interval, whose errors grow with the prediction."""
    rng = np.random.default_rng(seed)
    point = rng.gamma(4, level / 4, 20_000)
    labels = point + rng.normal(size=20_000) * point / 5
    return labels, np.column_stack([point, point * 0.75, point * 1.25])


def test_the_loss_of_numbers_is_that_of_similar_predictions_before():
    labels, predictions = numbers(0)
    curve = loss_sums(NUMBER, labels, predictions, np.zeros(20_000, dtype=np.int64), 1).without(None)
    later_labels, later = numbers(1, level=14.0)  # larger numbers, so larger errors
    expected, realised = expected_metrics_of(NUMBER, later, curve), metrics.compute_metrics(later_labels, later, NUMBER)
    before = metrics.compute_metrics(labels, predictions, NUMBER)
    for name in ("mae", "order_cost", "interval_pinball"):
        assert abs(expected[name] - realised[name]) < abs(before[name] - realised[name]) / 2
    assert expected["coverage"] == pytest.approx(realised["coverage"], abs=0.02)
    assert expected["rmse"] == pytest.approx(np.sqrt(expected["mse"]))
    assert "interval_width" not in expected, "it is known without labels"


def test_a_curve_without_a_period_does_not_know_its_losses():
    predictions, labels = np.array([1.0, 1.0, 1.0, 1.0]), np.array([1.0, 1.0, 5.0, 5.0])
    sums = loss_sums(Regression(), labels, predictions, np.array([0, 0, 1, 1]), 2)
    assert expected_metrics_of(Regression(), predictions, sums.without(1))["mae"] == 0
    assert expected_metrics_of(Regression(), predictions, sums.without(None))["mae"] == 2


def test_numbers_without_a_curve_and_no_rows_have_no_expectation():
    assert expected_metrics_of(Regression(), np.array([1.0])) == {}
    assert expected_metrics_of(BINARY, np.empty(0)) == {}
