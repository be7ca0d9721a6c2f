"""Choose the windows of a new use case from the length of its history."""

from __future__ import annotations

from dataclasses import dataclass

from include.scaffold.rhythm import Rhythm


@dataclass(frozen=True)
class PlannedTraining:
    """The declared numbers of periods, and of rows in a leaf."""

    window: int
    validation: int
    test: int
    gap: int
    min_train: int
    min_data_in_leaf: int
    windows: tuple[int, ...]
    """Trailing windows of the features."""


def plan_training(periods: int, label_delay: int, rows: int, rhythm: Rhythm) -> PlannedTraining | None:
    """Return the splits for a history of that length.

    The result is None if the history is too short for a test.
    """
    mature = periods - label_delay
    day = rhythm.per_day
    test, validation = _between(2 * day, mature // 6, 28 * day), _between(2 * day, mature // 8, 14 * day)
    gap, min_train = min(label_delay, 7 * day), _between(4 * day, mature // 4, 60 * day)
    if mature < test + validation + 2 * gap + min_train:
        return None
    return PlannedTraining(
        window=min(mature, 365 * day),
        validation=validation,
        test=test,
        gap=gap,
        min_train=min_train,
        min_data_in_leaf=_between(5, rows // 200, 200),
        windows=rhythm.windows(mature),
    )


def _between(least: int, value: int, most: int) -> int:
    return max(least, min(value, most))
