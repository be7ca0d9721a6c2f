"""Define why a backtest cannot run."""

from __future__ import annotations

from include.declaration.period import Period
from include.errors import InvalidRequestError


class BacktestEmptyError(InvalidRequestError):
    """The last day of a backtest is before its first."""

    def __init__(self, use_case: str, first: Period, last: Period) -> None:
        self.use_case, self.first, self.last = use_case, first, last
        super().__init__(f"{use_case}: a replay from {first} to {last} has no period. Give the earlier period first.")


class BacktestEngineError(InvalidRequestError):
    """A use case whose trainings run on a cluster is backtested."""

    def __init__(self, use_case: str, engine: str) -> None:
        self.use_case, self.engine = use_case, engine
        super().__init__(
            f"{use_case}: a backtest trains many models in one process, and this use case declares Training(engine=…)"
            f" for trainings that one process cannot hold ({engine}). Declare no engine to backtest it on fewer rows."
        )


class FirstModelError(InvalidRequestError):
    """No model can be trained as of the first day of a backtest."""

    def __init__(self, use_case: str, first: Period, reason: str) -> None:
        self.use_case, self.first, self.reason = use_case, first, reason
        super().__init__(f"{use_case}: a replay starts with a model trained as of its first period. {reason}")


class LastLabelsError(InvalidRequestError):
    """The labels of the last day of a backtest cannot be built."""

    def __init__(
        self, use_case: str, last: Period, needed: Period, period: Period, label_delay: int, reason: str
    ) -> None:
        """Build the message.

        Of the days up to `needed`, `period` cannot be built, for the `reason`.
        """
        self.use_case, self.last, self.needed, self.period = use_case, last, needed, period
        super().__init__(
            f"{use_case}: a replay up to {last} needs labels that become known up to {needed}, and {period} cannot be"
            f" built. End it {label_delay} periods before the last period of the data. {reason}"
        )
