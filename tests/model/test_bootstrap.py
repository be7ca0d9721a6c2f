"""The bootstrap over days: results on readable days, and its error rates in simulation."""

import math
import secrets

import numpy as np
import pytest
from scipy import stats

from include.model import autocorrelation, bootstrap, metrics
from include.use_case import Binary, DecisionCosts

TASK = Binary(costs=DecisionCosts(false_negative=3, false_positive=1, unit="points"))
DAYS = 28
TRAININGS = 2000


def period(*numbers):
    return np.array(["2013-05-01"], dtype="datetime64[D]") + np.array(numbers)


def bound(differences, rows=None, confidence=0.95):
    differences = np.asarray(differences, dtype=np.float64)
    rows = np.full(len(differences), 100.0) if rows is None else np.asarray(rows, dtype=np.float64)
    return bootstrap.resample_periods(differences, rows, confidence=confidence)


def test_the_mean_is_over_rows_and_not_over_days():
    found = bootstrap.paired_differences(period(0, 1, 1, 1), np.array([1.0, 0.0, 0.0, 0.2]), confidence=0.95)
    assert found.mean == pytest.approx(0.3)
    assert found.periods == 2


def test_the_order_of_rows_does_not_matter():
    periods, differences = period(0, 1, 2, 0, 1, 2, 2), np.array([0.1, -0.2, 0.3, 0.0, 0.1, -0.4, 0.2])
    there = bootstrap.paired_differences(periods, differences, confidence=0.95)
    back = bootstrap.paired_differences(periods[::-1], differences[::-1], confidence=0.95)
    assert back.upper == pytest.approx(there.upper)


def test_the_same_days_give_the_same_bounds():
    differences = np.random.default_rng(1).normal(size=DAYS)
    assert bound(differences) == bound(differences)


def test_rows_of_one_day_count_as_one_and_not_as_many():
    few = bound([-1.0, 2.0, -3.0, 1.0, -2.0], rows=[10] * 5)
    many = bound([-1000.0, 2000.0, -3000.0, 1000.0, -2000.0], rows=[10_000] * 5)
    assert few.upper == pytest.approx(many.upper)


def test_the_standard_error_of_days_of_one_size_is_that_of_a_mean_under_autocorrelation():
    differences = np.random.default_rng(2).normal(size=DAYS)
    error, _ = autocorrelation.precision_of_mean(differences / 100)
    assert bound(differences).standard_error == pytest.approx(float(error))


def test_of_many_normal_days_the_bounds_are_students():
    differences = np.random.default_rng(3).normal(size=200) * 100
    found = bound(differences)
    assert found.upper == pytest.approx(found.mean + 1.65 * found.standard_error, rel=0.05)
    assert found.lower == pytest.approx(found.mean - 1.65 * found.standard_error, rel=0.05)


def test_no_bound_is_nearer_than_students():
    for seed in range(20):
        found = bound(np.random.default_rng(seed).standard_t(3, size=DAYS))
        reach = stats.t.ppf(0.95, DAYS - 1) * found.standard_error * (1 - 1e-9)
        assert found.upper >= found.mean + reach and found.lower <= found.mean - reach


def test_more_confidence_moves_both_bounds_outwards():
    differences = np.random.default_rng(4).normal(size=DAYS)
    usual, surer = bound(differences), bound(differences, confidence=0.99)
    assert surer.lower < usual.lower < usual.mean < usual.upper < surer.upper


def test_equal_models_differ_by_nothing():
    found = bound(np.zeros(DAYS))
    assert (found.mean, found.upper, found.lower) == (0, 0, 0)


def test_the_same_difference_on_every_day_is_its_own_bound():
    found = bound([-1.0, -2.0, -4.0, -1.0, -3.0], rows=[100, 200, 400, 100, 300])
    assert found.upper == found.lower == found.mean == pytest.approx(-0.01)


def test_the_bound_is_farther_on_the_side_of_the_long_tail():
    """Rare bad days among these say that there may be worse ones: the mean is surer from below than from above."""
    rare_bad = np.array([0.0, 0.1, 0.2, 0.3] * 6 + [3.0, 4.0, 0.1, 0.2])
    found, mirrored = bound(rare_bad), bound(-rare_bad)
    assert found.upper - found.mean > 1.1 * (found.mean - found.lower)
    assert mirrored.mean - mirrored.lower > 1.1 * (mirrored.upper - mirrored.mean)


def test_one_day_bounds_nothing():
    assert bound([-5.0]).upper == math.inf


def test_one_good_day_of_many_proves_nothing():
    assert bound([-1000.0, *[0.0] * 13]).upper > 0


def test_a_confidence_that_the_resamples_cannot_tell_is_refused():
    with pytest.raises(ValueError, match="9999 resamples"):
        bound([1.0, 2.0, 3.0], confidence=0.99999)


def sizes(random):
    return random.integers(40, 161, size=(TRAININGS, DAYS)).astype(np.float64)


def rate(differences, rows):
    """How often the upper bound is below 0: under a margin of 0 the challenger is promoted."""
    return np.mean([bound(*training).upper < 0 for training in zip(differences, rows, strict=True)])


def trainings(random, worse=0.0):
    """Per-day sums of the log loss difference of two models, both with noise of the same size around the truth.

    The weather of a day is shared by all its rows, and so is a part of each model's noise; the champion may have more.
    """
    rows = sizes(random)
    count = rows.astype(int).ravel()
    starts = np.cumsum(count) - count

    def by_row(spread):
        return np.repeat(random.normal(0, spread, len(count)).astype(np.float32), count)

    truth = by_row(0.6) + random.standard_normal(count.sum(), dtype=np.float32) - 1.2

    def loss(spread):
        logit = truth + by_row(spread) + spread * random.standard_normal(count.sum(), dtype=np.float32)
        return np.logaddexp(0, np.where(happened, -logit, logit))

    happened = random.random(count.sum(), dtype=np.float32) < 1 / (1 + np.exp(-truth))
    difference = loss(0.3) - loss(0.3 + worse)
    return np.add.reduceat(difference.astype(np.float64), starts).reshape(TRAININGS, DAYS), rows


@pytest.mark.slow
def test_of_models_of_equal_skill_at_most_7_percent_are_promoted():
    assert 0.005 < rate(*trainings(np.random.default_rng(5))) <= 0.07


@pytest.mark.slow
def test_of_better_models_most_are_promoted():
    differences, rows = trainings(np.random.default_rng(6), worse=0.15)
    found = [bound(*training) for training in zip(differences, rows, strict=True)]
    promoted = np.mean([one.upper < 0 for one in found])
    assert promoted > 0.5, "the price of days that resemble each other; 0.7 if they were taken as independent"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "draw"),
    [
        ("heavy tails: Student's t with 3 degrees of freedom", lambda random, size: random.standard_t(3, size)),
        ("rare bad days: gamma of shape 2, skewness 1.4", lambda random, size: random.gamma(2, size=size) - 2),
        ("rare good days: the same, mirrored", lambda random, size: 2 - random.gamma(2, size=size)),
    ],
)
def test_also_where_days_are_heavy_tailed_or_skewed(shape, draw):
    random = np.random.default_rng(7)
    rows = sizes(random)
    assert rate(draw(random, rows.shape) * rows, rows) <= 0.07


@pytest.mark.slow
@pytest.mark.parametrize("periods", [14, 28])
@pytest.mark.parametrize("lag_1", [0.2, 0.4])
def test_a_difference_that_goes_on_from_day_to_day_is_not_taken_for_proof(periods, lag_1):
    random = np.random.default_rng(secrets.randbits(60))
    differences = np.empty((TRAININGS, periods))
    differences[:, 0] = random.normal(size=TRAININGS)
    for place in range(1, periods):
        step = np.sqrt(1 - lag_1**2) * random.normal(size=TRAININGS)
        differences[:, place] = lag_1 * differences[:, place - 1] + step
    rows = random.integers(40, 161, size=(TRAININGS, periods)).astype(np.float64)
    assert rate(differences * rows, rows) <= 0.07


@pytest.mark.parametrize("metric", ["log_loss", "brier", "expected_cost"])
def test_the_mean_of_paired_losses_is_the_difference_of_the_metrics(metric):
    random = np.random.default_rng(9)
    labels = (random.random(60) < 0.3).astype(float)
    one, other = random.random(60), random.random(60)
    losses = [metrics.losses(metric, labels, probabilities, TASK) for probabilities in (one, other)]
    found = bootstrap.paired_differences(period(*range(6)).repeat(10), losses[0] - losses[1], confidence=0.95)
    expected = metrics.compute_metrics(labels, one, TASK)[metric] - metrics.compute_metrics(labels, other, TASK)[metric]
    assert found.mean == pytest.approx(expected)
