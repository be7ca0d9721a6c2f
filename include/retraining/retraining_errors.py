"""Define why a retraining cannot be reserved or recorded."""

from __future__ import annotations

from include.declaration.period import Period
from include.errors import InvalidRequestError


class NotDecidedError(InvalidRequestError):
    """A training is reserved for a day that was not decided to retrain."""

    def __init__(self, use_case: str, period: Period, outcome: str | None) -> None:
        """Build the message.

        `outcome` is that of the day's decision, or None.
        """
        self.use_case, self.period, self.outcome = use_case, period, outcome
        state = f"was decided to {outcome}" if outcome else "is not decided yet"
        super().__init__(
            f"{use_case}: {period} {state}, so no training was reserved for it. To train anyway, trigger"
            f" {use_case}__train with that period and a reason."
        )


class NoTrainingError(InvalidRequestError):
    """An outcome is recorded for a day on which no training was decided."""

    def __init__(self, use_case: str, period: Period) -> None:
        self.use_case, self.period = use_case, period
        super().__init__(f"{use_case}: no training was decided on {period}, so there is no outcome to record.")
