"""Compare two models on the same days by a bootstrap over days.

Rows of one day are not independent of each other (a storm delays every flight of the day), so days are resampled,
never rows (Efron, Tibshirani 1993, An Introduction to the Bootstrap, ch. 8). The standard error accounts for days that
resemble the days before them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.stats

from include.model import autocorrelation
from include.model.arrays import Numbers

RESAMPLES = 9999
SEED = 19930512
_ROUNDING = 1e-12
"""A spread below this share of the compared value is a rounding error."""


@dataclass(frozen=True)
class PairedDifference:
    """Mean difference over rows, in the metric's unit, with one-sided bounds of the given confidence."""

    mean: float
    upper: float
    """Infinite if there are too few days for a bound."""
    lower: float
    periods: int
    standard_error: float


def paired_differences(
    periods: npt.NDArray[np.datetime64], differences: Numbers, *, confidence: float, resamples: int = RESAMPLES
) -> PairedDifference:
    """Return the difference of two models' losses, from day and difference of each row.

    Both arrays have the same length, at least 1. See `resample_days`.
    """
    _, index = np.unique(periods, return_inverse=True)
    return resample_periods(
        np.bincount(index, weights=differences).astype(np.float64),
        np.bincount(index).astype(np.float64),
        confidence=confidence,
        resamples=resamples,
    )


def resample_periods(
    differences: Numbers, rows: Numbers, *, confidence: float, resamples: int = RESAMPLES
) -> PairedDifference:
    """Return the difference of two models' losses, from sums per day.

    `differences` are the summed differences of each day, `rows` its number of rows. Days are given in order. The mean
    is a ratio of sums, since days differ in size. Its standard error is the linearised one (Cochran 1977, Sampling
    Techniques, 6.4), inflated by the autocorrelation of the days' residuals (model/autocorrelation.py), since the
    difference of two models persists from day to day. Each bound is the wider of two: the quantile of a bootstrap-t
    over days (Efron, Tibshirani 1993, ch. 12), which follows skew but is too narrow for few days with heavy tails; and
    Student's t, which is the reverse. With one day the bounds are infinite; days without any spread give bounds equal
    to the mean. Deterministic: the resamples depend only on the number of days.

    How often two models of equal skill give an upper bound below 0 at 95 % confidence (nominal: 5 %), with 14 and with
    28 days (1,000 simulated trainings, standard error 0.7; tests/model/test_bootstrap.py has 2,000):

    * normal days with lag-1 autocorrelation 0: 1.7 and 1.9 %; 0.2: 3.2 and 3.0; 0.4: 5.1 and 4.7; 0.5: 7.4 and 7.0.
    * rare bad days (gamma of shape 2): 4.7 and 3.4 %; with autocorrelation 0.4: 7.8 and 6.6.
    * Student's t with 3 degrees of freedom: 1.7 and 3.1 %. Log-normal days with sigma 1, where very rare days decide:
      7.3 and 9.0; then require more confidence, or a margin below 0.

    Raises:
        ValueError: there are too few resamples for the confidence.
    """
    periods, total = len(rows), float(np.sum(rows))
    mean = float(np.sum(differences)) / total
    if periods < 2:
        return PairedDifference(mean, math.inf, -math.inf, periods, math.inf)
    residuals = differences - mean * rows
    error = math.sqrt(periods / (periods - 1) * float(residuals @ residuals)) / total
    if error <= _ROUNDING * float(np.sum(np.abs(differences))) / total:
        return PairedDifference(mean, mean, mean, periods, 0.0)
    # With 9999 resamples, a tail of 5 % ends at a whole rank: the 500th from the end.
    tail = math.floor((1 - confidence) * (resamples + 1) + 1e-9)
    if tail < 1:
        raise ValueError(f"{resamples} resamples are too few for a confidence of {confidence:g}; use more.")
    t = np.sort(_studentised(residuals, rows, error, resamples))
    inflated, freedom = _inflate_error(residuals, error)
    students = float(scipy.stats.t.ppf(confidence, freedom))
    upper, lower = max(-float(t[tail - 1]), students), max(float(t[-tail]), students)
    return PairedDifference(mean, mean + upper * inflated, mean - lower * inflated, periods, inflated)


def _inflate_error(residuals: Numbers, error: float) -> tuple[float, float]:
    """Return the standard error inflated by autocorrelation, and its degrees of freedom."""
    if len(residuals) < autocorrelation.MIN_PERIODS:
        return error, float(len(residuals) - 1)
    precision = autocorrelation.precision_of_mean(residuals)
    independent = float(np.std(residuals, ddof=1)) / math.sqrt(len(residuals))
    return error * float(precision.error) / independent, float(precision.freedom)


def _studentised(residuals: Numbers, rows: Numbers, error: float, resamples: int) -> Numbers:
    """Return each resample's shift of the mean, in its own standard errors.

    The shift is infinite if its error is 0.
    """
    drawn = _drawn(len(rows), resamples)
    # Not by `@`: its threads wait for each other on a busy machine, and its last bits may depend on their number.
    statistics = np.stack([residuals, rows, residuals**2, residuals * rows, rows**2])
    sums = np.einsum("rd,kd->kr", drawn, statistics)
    shift = sums[0] / sums[1]
    squares = sums[2] - 2 * shift * sums[3] + shift**2 * sums[4]
    variance = len(rows) / (len(rows) - 1) * squares / sums[1] ** 2
    spread = variance > _ROUNDING * error**2
    studentised = np.where(shift == 0, 0.0, np.copysign(np.inf, shift))
    studentised[spread] = shift[spread] / np.sqrt(variance[spread])
    return studentised


@lru_cache(maxsize=2)
def _drawn(periods: int, resamples: int) -> Numbers:
    """Return how often each resample (row) drew each day (column)."""
    places = np.random.default_rng(SEED).integers(0, periods, size=(resamples, periods))
    places += np.arange(resamples)[:, None] * periods
    drawn = np.bincount(places.ravel(), minlength=resamples * periods).reshape(resamples, periods).astype(np.float64)
    drawn.flags.writeable = False
    return drawn
