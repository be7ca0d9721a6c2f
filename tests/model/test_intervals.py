"""Intervals of metrics by leaving out one day at a time."""

import time

import numpy as np
import pytest
from scipy import stats

from include.model import autocorrelation, intervals, jackknife, metrics
from include.use_case import Binary, DecisionCosts

TASK = Binary(costs=DecisionCosts(false_negative=3, false_positive=1, unit="points"))
METRICS = {"log_loss", "auc", "brier", "ece", "expected_cost", "average_precision", "mean_error"}


def rows(periods=8, per_period=40, seed=1, decimals=1):
    """Days, labels and probabilities; rounded, so that there are ties."""
    random = np.random.default_rng(seed)
    drawn = np.datetime64("2013-05-01") + random.integers(0, periods, periods * per_period)
    truth = random.random(len(drawn))
    return drawn, (random.random(len(drawn)) < truth).astype(float), np.round(truth, decimals)


def naive(periods, labels, probabilities):
    """Each metric's interval from metrics.compute_metrics, once per day left out."""
    every = np.unique(periods)
    whole = metrics.compute_metrics(labels, probabilities, TASK)
    left_out = [
        metrics.compute_metrics(labels[periods != period], probabilities[periods != period], TASK) for period in every
    ]
    found = {}
    for metric in METRICS:
        values = np.array([one[metric] for one in left_out])
        pseudo_values = len(every) * whole[metric] - (len(every) - 1) * values
        error, freedom = autocorrelation.precision_of_mean(pseudo_values)
        reach = stats.t.ppf(0.975, freedom) * error
        found[metric] = (whole[metric] - reach, whole[metric] + reach)
    return found


def test_intervals_are_those_of_leaving_out_each_day_in_turn_also_with_ties():
    found, expected = intervals.metric_intervals(*rows(), TASK), naive(*rows())
    assert set(found) == METRICS
    for metric in METRICS - {"mean_error"}:
        low, high = expected[metric]
        highest = 1 if metric not in ("log_loss", "expected_cost") else np.inf
        assert found[metric] == pytest.approx((max(low, 0), min(high, highest)))
    assert found["mean_error"][1] == pytest.approx(expected["mean_error"][1])


def test_a_metric_without_a_formula_of_its_own_is_computed_again_without_each_day():
    periods, labels, probabilities = rows()
    place = np.unique(periods, return_inverse=True)[1]
    quick = intervals.rates_by_period(periods, labels, probabilities, TASK)
    for metric in METRICS:
        whole, left_out = (
            metrics.compute_metric(metric, labels, probabilities, TASK),
            jackknife.recompute_without(metric, place, labels, probabilities, TASK),
        )
        assert 8 * whole - 7 * left_out == pytest.approx(quick[metric])


def test_an_interval_stays_within_the_metrics_range():
    periods, labels, _ = rows(periods=3, per_period=4)
    found = intervals.metric_intervals(periods, labels, np.full(len(labels), 0.5), TASK)
    assert all(low >= 0 for low, _ in found.values())
    assert all(high <= 1 for metric, (_, high) in found.items() if metric not in ("log_loss", "expected_cost"))


def test_more_confidence_makes_it_wider():
    usual, surer = (
        intervals.metric_intervals(*rows(), TASK, confidence=confidence)["auc"] for confidence in (0.9, 0.99)
    )
    assert surer[0] < usual[0] < usual[1] < surer[1]


def test_fewer_than_three_days_have_no_interval():
    assert intervals.metric_intervals(*rows(periods=2), TASK) == {}
    assert intervals.metric_intervals(*rows(periods=3), TASK) != {}


def test_what_is_not_defined_without_one_of_the_days_has_no_interval():
    periods = np.array(["2013-05-01", "2013-05-02", "2013-05-03"], dtype="datetime64[D]").repeat(2)
    found = intervals.metric_intervals(
        periods, np.array([1.0, 0, 0, 0, 0, 0]), np.array([0.9, 0.1, 0.2, 0.3, 0.1, 0.2]), TASK
    )
    assert set(found) == METRICS - {"auc", "average_precision"}


def test_about_95_of_100_intervals_hold_the_truth():
    held = 0
    for seed in range(300):
        periods, labels, truth = rows(periods=10, per_period=20, seed=seed, decimals=6)
        low, high = intervals.metric_intervals(periods, labels, truth, TASK)["brier"]
        held += low <= 1 / 6 <= high  # E[p(1 - p)] for p uniform
    assert held / 300 >= 0.94, "more than 95 of 100 where days are independent: they need not be"


@pytest.mark.slow
def test_a_month_of_30_000_rows_a_day_takes_seconds():
    found = rows(periods=28, per_period=30_000, decimals=12)
    began = time.process_time()
    intervals.metric_intervals(*found, TASK)
    assert time.process_time() - began < 6
