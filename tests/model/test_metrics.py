"""Metrics on rows that can be computed by hand."""

import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from include.model import metrics
from include.model.metrics import METRICS, binary, log_loss, multiclass, regression
from include.settings import REPOSITORY
from include.use_case import Binary, DecisionCosts

TASK = Binary(costs=DecisionCosts(false_negative=3, false_positive=1, unit="points"))
of_probabilities = pytest.mark.parametrize("metric", [METRICS[name] for name in TASK.metrics], ids=TASK.metrics)
LABELS = np.array([0.0, 0.0, 1.0, 1.0])
PROBABILITIES = np.array([0.1, 0.4, 0.35, 0.8])
ROWS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])), min_size=2, max_size=60)


def columns(rows):
    return np.array([float(label) for label, _ in rows]), np.array([p for _, p in rows])


@given(ROWS)
def test_metrics_are_what_their_definitions_say_also_with_ties(rows):
    labels, probabilities = columns(rows)
    found = metrics.compute_metrics(labels, probabilities, TASK)
    assert found["brier"] == pytest.approx(np.mean((probabilities - labels) ** 2))
    assert found["log_loss"] == pytest.approx(sklearn.metrics.log_loss(labels, probabilities, labels=[0, 1]))
    pairs = [(p, q) for p in probabilities[labels > 0] for q in probabilities[labels == 0]]
    above = [1.0 if p > q else 0.5 if p == q else 0.0 for p, q in pairs]
    assert found.get("auc") == (pytest.approx(np.mean(above)) if pairs else None)
    assert ("average_precision" in found) == (len(np.unique(labels)) == 2)


def test_average_precision_weighs_precision_by_the_step_in_recall():
    assert binary.average_precision(LABELS, PROBABILITIES) == pytest.approx(1 / 2 * 1 + 1 / 2 * 2 / 3)


def test_curves_run_from_corner_to_corner_and_need_both_classes():
    found = binary.curves(LABELS, PROBABILITIES)
    assert (found.false_positive_rate[0], found.true_positive_rate[-1]) == (0, 1)
    assert (found.recall[0], found.recall[-1], found.precision[-1]) == (1, 0, 1)
    assert binary.curves(np.ones(3), PROBABILITIES[:3]) is None


def test_log_loss_is_the_mean_of_minus_log_of_what_happened():
    expected = -(math.log(0.9) + math.log(0.6) + math.log(0.35) + math.log(0.8)) / 4
    assert metrics.compute_metric("log_loss", LABELS, PROBABILITIES, TASK) == pytest.approx(expected)


def test_a_sure_mistake_costs_much_but_not_infinity():
    for label in (0.0, 1.0):
        found = metrics.compute_metric("log_loss", np.array([label]), np.array([1 - label]), TASK)
        assert found == pytest.approx(36.04, abs=0.01)


def test_with_one_class_only_what_is_not_defined_is_left_out():
    found = metrics.compute_metrics(np.zeros(3), np.array([0.1, 0.2, 0.3]), TASK)
    assert "auc" not in found and "average_precision" not in found
    assert found["base_rate"] == 0


def test_expected_cost_counts_missed_and_false_warnings_from_the_threshold_on():
    # The threshold is 1 / (1 + 3): the second row is a false positive, and there is no false negative.
    cost = "expected_cost"
    assert metrics.compute_metric(cost, LABELS, PROBABILITIES, TASK) == pytest.approx(1 / 4)
    assert metrics.compute_metric(cost, LABELS, np.array([0.1, 0.1, 0.24, 0.25]), TASK) == pytest.approx(3 / 4)
    assert metrics.losses(cost, LABELS, np.array([0.3, 0.1, 0.24, 0.25]), TASK).tolist() == [1, 0, 3, 0]


def test_calibration_error_weighs_the_bins_by_their_rows():
    labels = np.array([1.0, 1.0, 1.0, 0.0])
    probabilities = np.array([0.95, 1.0, 0.92, 0.15])
    expected = 3 / 4 * abs(1 - (0.95 + 1.0 + 0.92) / 3) + 1 / 4 * 0.15
    assert binary.ece(labels, probabilities) == pytest.approx(expected)


def test_the_mean_error_is_how_far_the_mean_is_off_whichever_way():
    assert binary.mean_error(LABELS, np.full(4, 0.4)) == pytest.approx(0.1)
    assert binary.mean_error(LABELS, np.full(4, 0.6)) == pytest.approx(0.1)
    assert binary.mean_error(LABELS, PROBABILITIES[::-1]) == pytest.approx(0.5 - np.mean(PROBABILITIES))


def test_every_metric_that_a_gate_may_name_is_measured():
    assert set(TASK.metrics) <= set(metrics.compute_metrics(LABELS, PROBABILITIES, TASK))


def test_losses_are_of_metrics_that_are_means_over_rows():
    with pytest.raises(KeyError, match="auc"):
        metrics.losses("auc", LABELS, PROBABILITIES, TASK)


def test_confusion_counts_a_probability_at_the_threshold_as_positive():
    found = binary.confusion(LABELS, PROBABILITIES, 0.35)
    assert (found.true_positives, found.false_positives, found.false_negatives, found.true_negatives) == (2, 1, 0, 1)


def test_no_rows_or_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match=r"\b0 .*\b0\b"):
        metrics.compute_metrics(np.empty(0), np.empty(0), TASK)
    with pytest.raises(ValueError, match=r"\b4 .*\b1\b"):
        metrics.compute_metrics(LABELS, np.array([0.5]), TASK)


def test_a_recorded_metric_is_found_again_by_split_and_subject():
    recorded = {
        metrics.metric_name("test", "log_loss", "model"): 0.5,
        metrics.metric_name("train", "auc", "prior"): 0.4,
        "test/days": 7.0,
    }
    assert metrics.split_metrics(recorded, "test") == {"model": {"log_loss": 0.5}}


def test_average_precision_of_one_class_is_not_defined_though_every_ranking_would_have_the_value_1():
    assert binary.average_precision(np.ones(3), np.array([0.1, 0.2, 0.3])) is None
    assert binary.average_precision(np.zeros(3), np.array([0.1, 0.2, 0.3])) is None


def test_a_probability_on_the_edge_of_two_bins_is_in_the_upper_one():
    found = binary.calibration(np.array([1.0, 0.0, 0.0]), np.array([0.5, 0.55, 0.45]))
    assert found.rows.tolist() == [1, 2], "0.5 and 0.55 share a bin, 0.45 has its own"


def test_every_name_that_a_gate_may_use_is_defined_once():
    defined = [*log_loss.METRICS, *binary.METRICS, *regression.METRICS, *multiclass.METRICS]
    assert [metric.name for metric in defined] == [*metrics.BUILT_IN]
    assert all(METRICS[name].name == name for name in metrics.BUILT_IN)


@pytest.mark.parametrize("metric", [METRICS[name] for name in metrics.BUILT_IN], ids=metrics.BUILT_IN)
def test_the_docs_have_the_row_of_every_metric(metric):
    extent = {(0, 1): "0 to 1", (0, math.inf): "from 0 on"}.get((metric.lower_bound, metric.upper_bound), "up to 1")
    additive = "yes" if metric.additive else "no"
    row = f"| `{metric.name}` | {metric.title} | {metric.better} | {extent} | {metric.unit} | {additive} |"
    assert row.replace("|  |", "| |") in (REPOSITORY / "docs" / "evaluation.md").read_text().splitlines()


@of_probabilities
def test_a_metric_stays_within_its_bounds_and_is_better_in_its_direction(metric):
    good, bad = (metric.function(LABELS, np.abs(LABELS - error), TASK) for error in (0.1, 0.9))
    assert 0 <= good <= metric.upper_bound and 0 <= bad <= metric.upper_bound
    assert good == bad or (good > bad) == metric.higher_is_better


@of_probabilities
def test_an_additive_metric_is_exactly_the_mean_of_its_rows(metric):
    if metric.additive:
        rows = metrics.losses(metric.name, LABELS, PROBABILITIES, TASK)
        assert metric.function(LABELS, PROBABILITIES, TASK) == float(np.mean(rows))
