"""Define why no model can be trained on the given days."""

from __future__ import annotations

from include.declaration.period import Period
from include.errors import InvalidRequestError, NotReadyError


class TrainingWindowError(InvalidRequestError):
    """A training window cannot hold the declared splits, or is too long."""

    def __init__(self, use_case: str, periods: object, least: int, most: int, splits: str, as_of: Period) -> None:
        self.use_case, self.periods, self.least, self.most = use_case, periods, least, most
        super().__init__(
            f"{use_case}: a training window of {periods!r} {as_of.unit.name}s cannot hold {splits}, or is too long."
            f" Enter a whole number of {as_of.unit.name}s from {least} to {most}."
        )


class TrainingTooEarlyError(InvalidRequestError):
    """No day has mature labels as of a training."""

    def __init__(self, use_case: str, as_of: Period, first: Period, label_delay: int, enough: Period) -> None:
        self.use_case, self.as_of, self.first, self.enough = use_case, as_of, first, enough
        super().__init__(
            f"{use_case}: a training as of {as_of} has no {as_of.unit.name} to train on: the first is {first}, and"
            f" labels mature"
            f" after {as_of.unit.counted(label_delay)}. Train as of {enough} or later."
        )


class SplitsTooShortError(NotReadyError):
    """The labelled days do not suffice for the declared splits."""

    def __init__(
        self,
        use_case: str,
        as_of: Period,
        splits: str,
        first: Period,
        last: Period,
        *,
        labelled: int,
        train: int,
        validation: int,
    ) -> None:
        """Build the message; `first` and `last` are the labelled days, or those of the window if no day is."""
        self.use_case, self.as_of, self.first, self.last = use_case, as_of, first, last
        self.labelled, self.train, self.validation = labelled, train, validation
        there = (
            f"there are labelled rows for {as_of.unit.counted(labelled)} from {first} to {last}, which leaves {train}"
            f" to train and"
            f" {validation} to validate on"
            if labelled
            else f"no {as_of.unit.name} from {first} to {last} has a labelled row"
        )
        super().__init__(
            f"{use_case}: a training as of {as_of} needs {splits}; {there}. Build more {as_of.unit.name}s with"
            f" {use_case}__data,"
            " train as of a later period, or change Training in the use case."
        )


class IntervalRowsError(NotReadyError):
    """Too few validation rows determine the quantiles of an interval."""

    def __init__(self, lower: float, upper: float, least: int, found: int) -> None:
        self.lower, self.upper, self.least, self.found = lower, upper, least, found
        super().__init__(
            f"An interval from the {lower:g} to the {upper:g} quantile needs at least {least} labelled rows on the"
            f" validation periods; there are {found}. Validate on more periods, or declare a narrower interval."
        )


class SeasonTooLongError(NotReadyError):
    """No train row has a label one season earlier: the season is longer than the history."""

    def __init__(self, season: int | None, feature: str, rows: int) -> None:
        self.season, self.feature, self.rows = season, feature, rows
        none = f"none of the {rows} train rows has"
        if season is None:
            super().__init__(
                f"seasonal_feature={feature!r}: {none} a value of it: its season is longer than the history, or than"
                " the look-back of the features. Train on later periods, declare more look_back_periods, or declare no"
                " seasonal_feature."
            )
        else:
            super().__init__(
                f"season={season}: {none} a label of the same keys one season earlier that was known at its decision"
                " time: the season is longer than the history, or no key returns. Train on later periods, or declare a"
                " shorter season or none."
            )
