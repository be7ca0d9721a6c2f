"""Split days by time: train, then validation, then test, without a common day.

Only days whose labels have matured by T are used: on later days, labels that take long are still missing. These labels
often belong to one class (a late flight lands after midnight), so testing on such a day would make every model look
better.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from include.declaration.form_limits import WINDOW_PERIODS
from include.declaration.period import Period, Unit
from include.declaration.use_case import Training, UseCase
from include.model.model_errors import SplitsTooShortError, TrainingTooEarlyError, TrainingWindowError


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
        TrainingWindowError: the window cannot hold the declared splits.
        TrainingTooEarlyError: there is no day to train on.
    """
    training = use_case.training
    periods = training.window_periods if window_periods is None else window_periods
    least = _min_window(training)
    if not isinstance(periods, int) or isinstance(periods, bool) or not least <= periods <= WINDOW_PERIODS:
        raise TrainingWindowError(
            use_case.name, periods, least, WINDOW_PERIODS, _split_sizes(training, as_of.unit), as_of
        )
    last = _last_mature_period(use_case, as_of)
    first = max(use_case.first_period, last - (periods - 1))
    if last < first:
        delay = use_case.label.label_delay_periods
        raise TrainingTooEarlyError(use_case.name, as_of, use_case.first_period, delay, earliest_training(use_case))
    return first, last


def earliest_training(use_case: UseCase) -> Period:
    """Return the first period with a history that can hold the declared splits."""
    return use_case.first_period + (_min_window(use_case.training) - 1 + use_case.label.label_delay_periods)


def split_periods(use_case: UseCase, as_of: Period, first: Period, labelled: Collection[Period]) -> Splits:
    """Split the `labelled` days by time.

    Days before `first`, and days whose labels have not matured by `as_of`, are left out. Test is the last
    `test_periods` calendar days up to the last labelled day. Before it come a gap, validation, a gap, and train with
    the remaining days.

    Raises:
        SplitsTooShortError: a split would be empty or train too short.
    """
    training = use_case.training
    known = sorted(period for period in set(labelled) if first <= period <= _last_mature_period(use_case, as_of))
    if not known:
        bounds = first, _last_mature_period(use_case, as_of)
        sizes = _split_sizes(training, as_of.unit)
        raise SplitsTooShortError(use_case.name, as_of, sizes, *bounds, labelled=0, train=0, validation=0)
    test = known[-1] - (training.test_periods - 1)
    validation = test - (training.gap_periods + training.validation_periods)
    train_end = validation - training.gap_periods
    splits = Splits(
        train=tuple(period for period in known if period < train_end),
        validation=tuple(period for period in known if validation <= period < test - training.gap_periods),
        test=tuple(period for period in known if period >= test),
    )
    if len(splits.train) < training.min_train_periods or not splits.validation:
        raise SplitsTooShortError(
            use_case.name,
            as_of,
            _split_sizes(training, as_of.unit),
            known[0],
            known[-1],
            labelled=len(known),
            train=len(splits.train),
            validation=len(splits.validation),
        )
    return splits


def _last_mature_period(use_case: UseCase, as_of: Period) -> Period:
    """Return the last day whose labels are mature at `as_of`."""
    return as_of - use_case.label.label_delay_periods


def _min_window(training: Training) -> int:
    return training.min_train_periods + training.validation_periods + training.test_periods + 2 * training.gap_periods


def _split_sizes(training: Training, unit: Unit) -> str:
    return (
        f"{unit.counted(training.min_train_periods)} to train, {training.validation_periods} to validate and"
        f" {training.test_periods}"
        f" to test on, with {training.gap_periods} left out between them"
    )
