"""The precision of a mean of autocorrelated days: formulas on small numbers, and coverage by simulation."""

import secrets

import numpy as np
import pytest
import scipy.stats

from include.model import autocorrelation

LIVES = 2000


def series(lives: int, periods: int, lag_1: float, seed: int) -> np.ndarray:
    """Normal AR(1) series around 0, of variance 1; of shape (lives, days)."""
    rng = np.random.default_rng(seed)
    found = np.empty((lives, periods))
    found[:, 0] = rng.standard_normal(lives)
    for period in range(1, periods):
        found[:, period] = lag_1 * found[:, period - 1] + np.sqrt(1 - lag_1**2) * rng.standard_normal(lives)
    return found


def coverage(value: np.ndarray, sureness: autocorrelation.MeanPrecision) -> float:
    return float(np.mean(np.abs(value) <= scipy.stats.t.ppf(0.975, sureness.freedom) * sureness.error))


@pytest.mark.parametrize("periods", [14, 28])
@pytest.mark.parametrize("lag_1", [0.0, 0.2, 0.4])
def test_of_100_intervals_92_or_more_hold_the_truth_at_any_seed(periods, lag_1):
    drawn = series(10 * LIVES, periods, lag_1, secrets.randbits(60))
    assert coverage(drawn.mean(axis=1), autocorrelation.precision_of_mean(drawn)) >= 0.92


@pytest.mark.parametrize("periods", [14, 28])
@pytest.mark.parametrize("lag_1", [0.0, 0.2, 0.4])
def test_so_do_those_of_the_difference_to_28_test_days(periods, lag_1):
    drawn = series(10 * LIVES, 28 + 2 + periods, lag_1, secrets.randbits(60))
    then, now = drawn[:, :28], drawn[:, 30:]
    found = autocorrelation.precision_of_difference(now, then)
    assert coverage(now.mean(axis=1) - then.mean(axis=1), found) >= 0.92


def test_as_if_days_were_independent_too_few_would():
    drawn = series(LIVES, 14, 0.4, 1)
    error = drawn.std(axis=1, ddof=1) / np.sqrt(14)
    assert np.mean(np.abs(drawn.mean(axis=1)) <= scipy.stats.t.ppf(0.975, 13) * error) < 0.85


@pytest.mark.parametrize(("lag_1", "periods"), [(0.0, 5), (0.3, 7), (0.9, 28)])
def test_the_inflation_is_the_sum_of_all_autocorrelations(lag_1, periods):
    each = 1 + 2 * sum((1 - lag / periods) * lag_1**lag for lag in range(1, periods))
    assert autocorrelation.inflation(np.asarray(lag_1), periods) == pytest.approx(each)


def test_the_autocorrelation_of_short_series_is_corrected_for_its_bias():
    drawn = series(20_000, 20, 0.3, 2)
    assert np.mean(autocorrelation.unshrunk(drawn)) == pytest.approx(0.3, abs=0.04)


def test_days_that_never_vary_leave_no_doubt():
    same = np.full(14, 0.3)
    found = autocorrelation.precision_of_mean(same)
    assert found.error == 0
    assert autocorrelation.tail(np.asarray(0.3), found) == 0 and autocorrelation.tail(np.asarray(-0.3), found) == 1
    assert autocorrelation.tail(np.asarray(0.0), found) == 0.5


def test_one_series_is_judged_as_it_is_among_many():
    drawn = series(5, 14, 0.4, 3)
    many, one = autocorrelation.precision_of_mean(drawn), autocorrelation.precision_of_mean(drawn[3])
    assert (many.error[3], many.freedom[3]) == pytest.approx((float(one.error), float(one.freedom)))


def test_days_that_resemble_each_other_say_less_than_days_that_alternate():
    rising, alternating = np.arange(14.0), np.tile([0.0, 13.0], 7)
    wide, narrow = autocorrelation.precision_of_mean(rising), autocorrelation.precision_of_mean(alternating)
    assert wide.error / rising.std() > 1.5 * narrow.error / alternating.std()
