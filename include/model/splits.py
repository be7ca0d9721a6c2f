"""Split days by time: train, then validation, then test, without a common day.

Only days whose labels have matured by T are used: on later days, labels that take long are still missing. These labels
often belong to one class (a late flight lands after midnight), so testing on such a day would make every model look
better.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from include.declaration.form_limits import WINDOW_PERIODS
from include.declaration.period import Period
from include.declaration.use_case import Training, UseCase
from include.errors import InvalidRequestError, NotReadyError


@dataclass(frozen=True)
class Splits:
    """The days of each split that have rows, in order.

    Days in the gaps are in no split.
    """

    train: tuple[Period, ...]
    validation: tuple[Period, ...]
    test: tuple[Period, ...]

    def items(self) -> tuple[tuple[str, tuple[Period, ...]], ...]:
        """Return name and days of each split, in order of time."""
        return (("train", self.train), ("validation", self.validation), ("test", self.test))

    def bounds(self) -> dict[str, dict[str, object]]:
        """Return first day, last day and number of days of each split, as JSON values."""
        return {
            name: {"first": periods[0].key, "last": periods[-1].key, "periods": len(periods)}
            for name, periods in self.items()
        }


def training_window(use_case: UseCase, as_of: Period, window_periods: int | None = None) -> tuple[Period, Period]:
    """Return the first and last day whose features a training as of `as_of` reads.

    The window has `window_periods` days (None: as declared); the labels of its last day have just matured.

    Raises:
        InvalidRequestError: the window cannot hold the declared splits, or there is no day to train on.
    """
    training = use_case.training
    periods = training.window_periods if window_periods is None else window_periods
    least = _min_window(training)
    if not isinstance(periods, int) or isinstance(periods, bool) or not least <= periods <= WINDOW_PERIODS:
        raise InvalidRequestError(
            f"{use_case.name}: a training window of {periods!r} days cannot hold {_split_sizes(training)}, or is too"
            f" long. Enter a whole number of days from {least} to {WINDOW_PERIODS}."
        )
    last = _last_mature_period(use_case, as_of)
    first = max(use_case.first_period, last - (periods - 1))
    if last < first:
        enough = use_case.first_period + (least - 1 + use_case.label.label_delay_periods)
        raise InvalidRequestError(
            f"{use_case.name}: a training as of {as_of} has no day to train on: the first day is"
            f" {use_case.first_period}, and labels mature after {use_case.label.label_delay_periods} days."
            f" Train as of {enough} or later."
        )
    return first, last


def split_periods(use_case: UseCase, as_of: Period, first: Period, labelled: Collection[Period]) -> Splits:
    """Split the `labelled` days by time.

    Days before `first`, and days whose labels have not matured by `as_of`, are left out. Test is the last
    `test_periods` calendar days up to the last labelled day. Before it come a gap, validation, a gap, and train with
    the remaining days.

    Raises:
        NotReadyError: a split would be empty or train too short; names the labelled days.
    """
    training = use_case.training
    known = sorted(period for period in set(labelled) if first <= period <= _last_mature_period(use_case, as_of))
    need = f"{use_case.name}: a training as of {as_of} needs {_split_sizes(training)}"
    hint = f" Build more days with {use_case.name}__data, train as of a later day, or change Training in the use case."
    if not known:
        raise NotReadyError(
            f"{need}; no day from {first} to {_last_mature_period(use_case, as_of)} has a labelled row.{hint}"
        )
    test = known[-1] - (training.test_periods - 1)
    validation = test - (training.gap_periods + training.validation_periods)
    train_end = validation - training.gap_periods
    splits = Splits(
        train=tuple(period for period in known if period < train_end),
        validation=tuple(period for period in known if validation <= period < test - training.gap_periods),
        test=tuple(period for period in known if period >= test),
    )
    if len(splits.train) < training.min_train_periods or not splits.validation:
        raise NotReadyError(
            f"{need}; there are labelled rows for {len(known)} days from {known[0]} to {known[-1]}, which leaves"
            f" {len(splits.train)} to train and {len(splits.validation)} to validate on.{hint}"
        )
    return splits


def _last_mature_period(use_case: UseCase, as_of: Period) -> Period:
    """Return the last day whose labels are mature at `as_of`."""
    return as_of - use_case.label.label_delay_periods


def _min_window(training: Training) -> int:
    return training.min_train_periods + training.validation_periods + training.test_periods + 2 * training.gap_periods


def _split_sizes(training: Training) -> str:
    return (
        f"{training.min_train_periods} days to train, {training.validation_periods} to validate and"
        f" {training.test_periods}"
        f" to test on, with {training.gap_periods} left out between them"
    )
