"""Choose the periods that the leakage gate rebuilds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from include.declaration.period import Period


@dataclass(frozen=True)
class SplitPeriods:
    """Hold the days of a training that have rows of features."""

    train: Sequence[Period]
    validation: Sequence[Period]
    test: Sequence[Period]


def sample_periods(periods: SplitPeriods, count: int, seed: int, as_of: Period) -> list[Period]:
    """Return `count` days in order, at least half of them training days.

    They cover as many weekdays as possible. Of the other half, two thirds are test days and one third validation days.
    If a split has too few days, others replace them; if all have, every day is returned. The last test day is left out
    if there are others: later data may not be in the lake. The result is equal for equal days, seed and as-of day; the
    as-of day is part of the seed, so that each training samples other days.
    """
    rng = np.random.default_rng([seed, as_of.start_date.toordinal()])
    test = sorted(set(periods.test))
    pools = {"train": set(periods.train), "validation": set(periods.validation), "test": set(test[:-1] or test)}
    judged = count // 2
    wanted = {"train": count - judged, "test": judged - judged // 3, "validation": judged // 3}
    chosen: list[Period] = []
    for name, number in wanted.items():
        chosen += _spread(pools[name] - set(chosen), number, chosen, rng)
    chosen += _spread(set().union(*pools.values()) - set(chosen), count - len(chosen), chosen, rng)
    return sorted(chosen)


def _spread(
    periods: Collection[Period], count: int, before: Sequence[Period], rng: np.random.Generator
) -> list[Period]:
    """Return up to `count` of these days, each of the weekday that is rarest so far."""
    used = Counter(period.start_date.weekday() for period in before)
    waiting = [sorted(periods)[place] for place in rng.permutation(len(periods))]
    chosen: list[Period] = []
    while waiting and len(chosen) < count:
        period = min(waiting, key=lambda each: used[each.start_date.weekday()])
        waiting.remove(period)
        used[period.start_date.weekday()] += 1
        chosen.append(period)
    return chosen
