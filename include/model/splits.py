"""Splits by time: train, validation and test never share a day, and always lie in this order.

Only days whose labels have matured by T take part: of a later day, what took long is not known yet. Long waits go with
one class (a late flight lands after midnight), so such a day, tested on, would make every model look better.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from include.declaration.form_limits import WINDOW_DAYS
from include.declaration.period import Period
from include.declaration.use_case import Training, UseCase
from include.errors import InvalidRequestError, NotReadyError


@dataclass(frozen=True)
class Splits:
    """The days of each split that have rows, in order; the gaps between them belong to none."""

    train: tuple[Period, ...]
    validation: tuple[Period, ...]
    test: tuple[Period, ...]

    def items(self) -> tuple[tuple[str, tuple[Period, ...]], ...]:
        """Name and days of each split, in order of time."""
        return (("train", self.train), ("validation", self.validation), ("test", self.test))

    def bounds(self) -> dict[str, dict[str, object]]:
        """First day, last day and number of days of each split, ready for JSON."""
        return {name: {"first": days[0].key, "last": days[-1].key, "days": len(days)} for name, days in self.items()}


def training_window(use_case: UseCase, as_of: Period, window_periods: int | None = None) -> tuple[Period, Period]:
    """First and last day that a training as of `as_of` reads features of: `window_periods`, the last one matured by
    then.

    Raises InvalidRequestError for a window that cannot hold the declared splits.
    """
    training = use_case.training
    days = training.window_periods if window_periods is None else window_periods
    least = _least(training)
    if not isinstance(days, int) or isinstance(days, bool) or not least <= days <= WINDOW_DAYS:
        raise InvalidRequestError(
            f"{use_case.name}: a training window of {days!r} days cannot hold {_shape(training)}, or is too"
            f" long. Give a whole number of days from {least} to {WINDOW_DAYS}."
        )
    last = _last(use_case, as_of)
    first = max(use_case.first_period, last - (days - 1))
    if last < first:
        enough = use_case.first_period + (least - 1 + use_case.label.label_delay_periods)
        raise InvalidRequestError(
            f"{use_case.name}: a training as of {as_of} has no day to learn from: the first day is"
            f" {use_case.first_period}, and labels mature after {use_case.label.label_delay_periods} days."
            f" Train as of {enough} or later."
        )
    return first, last


def split_days(use_case: UseCase, as_of: Period, first: Period, labelled: Collection[Period]) -> Splits:
    """Cut the days that have labelled rows, from `first` to the last whose labels have matured by `as_of`, by time.

    Test is the last `test_periods` calendar days up to the last of them; before it a gap, validation, a gap, and train
    is what is left.
    Raises NotReadyError, with what is there, when a split would be empty or train too short.
    """
    training = use_case.training
    known = sorted(day for day in set(labelled) if first <= day <= _last(use_case, as_of))
    say = f"{use_case.name}: a training as of {as_of} needs {_shape(training)}"
    hint = f" Build more days with {use_case.name}__data, train as of a later day, or change Training in the use case."
    if not known:
        raise NotReadyError(f"{say}; no day from {first} to {_last(use_case, as_of)} has a labelled row.{hint}")
    test = known[-1] - (training.test_periods - 1)
    validation = test - (training.gap_periods + training.validation_periods)
    train_end = validation - training.gap_periods
    splits = Splits(
        train=tuple(day for day in known if day < train_end),
        validation=tuple(day for day in known if validation <= day < test - training.gap_periods),
        test=tuple(day for day in known if day >= test),
    )
    if len(splits.train) < training.min_train_periods or not splits.validation:
        raise NotReadyError(
            f"{say}; {len(known)} days have labelled rows, from {known[0]} to {known[-1]}, which leaves"
            f" {len(splits.train)} to train and {len(splits.validation)} to validate on.{hint}"
        )
    return splits


def _last(use_case: UseCase, as_of: Period) -> Period:
    """The last day whose labels are complete, as far as they will ever be, at `as_of`."""
    return as_of - use_case.label.label_delay_periods


def _least(training: Training) -> int:
    return training.min_train_periods + training.validation_periods + training.test_periods + 2 * training.gap_periods


def _shape(training: Training) -> str:
    return (
        f"{training.min_train_periods} days to train, {training.validation_periods} to validate and"
        f" {training.test_periods}"
        f" to test on, with {training.gap_periods} left out between them"
    )
