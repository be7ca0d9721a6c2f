"""Simulate days with the distribution and correlation of a use case's past days.

Normal scores of the days follow an AR(1) process; a monotone function gives them the distribution of the observed days
(a Gaussian copula; Cario, Nelson 1996). With fewer than `OWN_DAYS` days the process cannot be estimated well, and the
default is used: a normal AR(1) process with lag-1 autocorrelation `DEFAULT_CORRELATION` and the standard deviation of
the observed days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats

from include.model import autocorrelation
from include.model.arrays import Numbers

OWN_DAYS = 120
"""Least number of days from which the process is estimated from the days themselves."""
DEFAULT_CORRELATION = 0.4
LIVES, YEAR = 600, 365
SEED = 20130427


@dataclass(frozen=True)
class Process:
    """A stochastic process of daily values; its `mean` is 0 for differences."""

    correlation: float
    deviation: float
    own: bool
    """Whether it was estimated from the days themselves; otherwise it is the default process."""
    values: tuple[float, ...] = ()
    """The sorted values of the days, if the process is their own; empty for the default process."""
    mean: float = 0.0

    def simulate(self, periods: int, lives: int = LIVES, seed: int = SEED) -> Numbers:
        """Return series of shape (lives, days); equal for equal arguments."""
        scores = _scores(self.correlation, periods, lives, seed)
        if not self.values:
            return self.mean + self.deviation * scores
        return _as_observed(scores, np.array(self.values), self.deviation)


def fit_process(spans: Sequence[Numbers], *, centred: bool) -> Process | None:
    """Fit the process to spans of consecutive days.

    Returns None if they are too few or constant. With `centred`, only deviations from each span's mean are used, as for
    differences whose null value is 0.
    """
    spans = [np.asarray(span, dtype=np.float64) for span in spans if len(span) >= autocorrelation.MIN_PERIODS]
    periods = sum(len(span) for span in spans)
    if not spans:
        return None
    moved = [span - np.mean(span) for span in spans] if centred else spans
    values = np.sort(np.concatenate(moved))
    freedom = periods - (len(spans) if centred else 1)
    deviation = float(np.sqrt(np.sum(np.square(values - np.mean(values))) / freedom))
    if deviation <= 1e-12 * float(np.max(np.abs(np.concatenate(spans)))):
        return None
    mean = 0.0 if centred else float(np.mean(values))
    if periods < OWN_DAYS:
        return Process(DEFAULT_CORRELATION, deviation, own=False, mean=mean)
    ranks = scipy.stats.rankdata(np.concatenate(moved))
    scores = scipy.stats.norm.ppf(ranks / (periods + 1))
    ends = np.cumsum([len(span) for span in moved])[:-1]
    parts = np.split(scores, ends)
    lag_1 = sum(len(part) * float(autocorrelation.unshrunk(part)) for part in parts) / periods
    return Process(float(np.clip(lag_1, -0.5, autocorrelation.HIGHEST)), deviation, True, tuple(values.tolist()), mean)


def _scores(correlation: float, periods: int, lives: int, seed: int) -> Numbers:
    """Return normal AR(1) series of mean 0 and variance 1, of shape (lives, days)."""
    drawn = np.random.default_rng(seed).standard_normal((periods, lives))
    scores = np.empty_like(drawn)
    scores[0] = drawn[0]
    for period in range(1, periods):
        scores[period] = correlation * scores[period - 1] + np.sqrt(1 - correlation**2) * drawn[period]
    return np.ascontiguousarray(scores.T)


def _as_observed(scores: Numbers, values: Numbers, deviation: float) -> Numbers:
    """Convert scores to values: linear between the observed days, normal beyond them."""
    knots = scipy.stats.norm.ppf((np.arange(len(values)) + 0.5) / len(values))
    beyond = np.minimum(scores - knots[0], 0.0) + np.maximum(scores - knots[-1], 0.0)
    converted: Numbers = np.interp(scores, knots, values) + deviation * beyond
    return converted
