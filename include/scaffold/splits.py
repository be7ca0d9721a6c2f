"""Choose the windows of a new use case from the length of its history."""

from __future__ import annotations

from dataclasses import dataclass


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
    """Trailing windows of the features, in days."""


def plan_training(periods: int, label_delay: int, rows: int) -> PlannedTraining | None:
    """Return the splits for a history of that length.

    The result is None if the history is too short for a test.
    """
    mature = periods - label_delay
    test, validation, gap = _between(2, mature // 6, 28), _between(2, mature // 8, 14), min(label_delay, 7)
    min_train = _between(4, mature // 4, 60)
    if mature < test + validation + 2 * gap + min_train:
        return None
    return PlannedTraining(
        window=min(mature, 365),
        validation=validation,
        test=test,
        gap=gap,
        min_train=min_train,
        min_data_in_leaf=_between(5, rows // 200, 200),
        windows=(7, 28) if mature >= 90 else (3, 7),
    )


def _between(least: int, value: int, most: int) -> int:
    return max(least, min(value, most))
