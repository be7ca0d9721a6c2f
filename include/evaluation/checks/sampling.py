"""Choose the periods that the leakage gate rebuilds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from include.declaration.period import DAY, Period


@dataclass(frozen=True)
class SplitPeriods:
    """Hold the days of a training that have rows of features."""

    train: Sequence[Period]
    validation: Sequence[Period]
    test: Sequence[Period]


def sample_periods(periods: SplitPeriods, count: int, seed: int, as_of: Period) -> list[Period]:
    """Return `count` days in order, at least half of them training days.

    They cover as many parts of a season (`_season`) as possible. Of the other half, two thirds are test days and one
    third validation days.
    If a split has too few days, others replace them; if all have, every day is returned. The last test day is left out
    if there are others: later data may not be in the lake. The result is equal for equal days, seed and as-of day; the
    as-of day is part of the seed, so that each training samples other days.
    """
    rng = np.random.default_rng([seed, as_of.ordinal])
    test = sorted(set(periods.test))
    pools = {"train": set(periods.train), "validation": set(periods.validation), "test": set(test[:-1] or test)}
    judged = count // 2
    wanted = {"train": count - judged, "test": judged - judged // 3, "validation": judged // 3}
    chosen: list[Period] = []
    for name, number in wanted.items():
        chosen += _spread(pools[name] - set(chosen), number, chosen, rng)
    chosen += _spread(set().union(*pools.values()) - set(chosen), count - len(chosen), chosen, rng)
    return sorted(chosen)


def _season(period: Period) -> int:
    """Return the part of a season that a period is in.

    Of a day it is the weekday, of an hour the hour of the day in UTC, of a week the month.
    """
    if isinstance(period.start, datetime):
        return period.start.hour
    return period.start.weekday() if period.unit is DAY else period.start.month


def _spread(
    periods: Collection[Period], count: int, before: Sequence[Period], rng: np.random.Generator
) -> list[Period]:
    """Return up to `count` of these periods, spread over the season.

    Each is of the part of the season that is rarest so far.
    """
    used = Counter(map(_season, before))
    waiting = [sorted(periods)[place] for place in rng.permutation(len(periods))]
    chosen: list[Period] = []
    while waiting and len(chosen) < count:
        period = min(waiting, key=lambda each: used[_season(each)])
        waiting.remove(period)
        used[_season(period)] += 1
        chosen.append(period)
    return chosen
