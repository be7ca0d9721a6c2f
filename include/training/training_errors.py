"""Define why a training or a search of parameters is refused."""

from __future__ import annotations

from collections.abc import Iterable

from include.declaration.period import Period
from include.errors import AirworthyError, InvalidRequestError, NotReadyError


class TrainingFailedError(AirworthyError):
    """A training failed on the declared engine, such as on a worker of a cluster."""


class SearchSpaceMissingError(InvalidRequestError):
    """A use case without a search space is tuned."""

    def __init__(self, use_case: str) -> None:
        self.use_case = use_case
        super().__init__(
            f"{use_case} declares no search space, so there is nothing to tune. Leave tune_trials empty, or declare one"
            ' in its Training, such as search_space={"num_leaves": SearchRange(4, 64, log=True)}.'
        )


class SearchSpaceFixedError(InvalidRequestError):
    """The given parameters leave nothing to search."""

    def __init__(self, use_case: str, parameters: Iterable[str]) -> None:
        self.use_case, self.parameters = use_case, tuple(sorted(parameters))
        super().__init__(
            f"{use_case}: the given parameters fix the whole search space ({', '.join(self.parameters)}), so there is"
            " nothing to tune. Give fewer parameters, or leave tune_trials empty."
        )


class TrialsError(InvalidRequestError):
    """The number of trials is not a whole number within its limits."""

    def __init__(self, use_case: str, trials: object, most: int) -> None:
        self.use_case, self.trials, self.most = use_case, trials, most
        super().__init__(f"{use_case}: tuning needs a whole number of trials from 1 to {most}, not {trials!r}.")


class MinutesError(InvalidRequestError):
    """The time for tuning is not a number within its limits."""

    def __init__(self, use_case: str, minutes: object, most: int) -> None:
        self.use_case, self.minutes, self.most = use_case, minutes, most
        super().__init__(f"{use_case}: tuning needs a number of minutes above 0, at most {most}, not {minutes!r}.")


class SampleWeightError(NotReadyError):
    """Weights of rows are null, not finite or negative, or all are 0."""

    def __init__(self, use_case: str, column: str, wrong: int, rows: int, first: Period, last: Period) -> None:
        self.use_case, self.column, self.wrong, self.rows = use_case, column, wrong, rows
        what = f"{wrong} of {rows} are null, not finite or negative" if wrong else "all are 0"
        super().__init__(
            f"{use_case}: sample_weight={column!r} cannot weigh the rows from {first} to {last}: {what}. Correct the"
            " feature in features.py, or declare no weight."
        )


class OneLabelError(NotReadyError):
    """All train rows have the same label."""

    def __init__(
        self,
        use_case: str,
        as_of: Period,
        needs: str,
        value: str,
        rows: int,
        periods: tuple[Period, Period],
        *,
        others: int,
        window_rows: int,
    ) -> None:
        """Build the message.

        `value` is the label of all `rows` of train, whose first and last day are `periods`; `others` of the
        `window_rows` have another one.
        """
        self.use_case, self.as_of, self.value, self.rows, self.others = use_case, as_of, value, rows, others
        problem = (
            f"{use_case}: a training as of {as_of} needs rows {needs}; all {rows} labelled rows from {periods[0]} to"
            f" {periods[1]} have {value}"
        )
        super().__init__(
            f"{problem}, while {others} of validation and test have another value. Train on a longer window."
            if others
            else f"{problem}, and so have all {window_rows} of the window. If that is wrong, `labels` in features.py"
            " returns the same for every row: check its arguments and result in one period."
        )
