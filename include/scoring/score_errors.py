"""Define why a day cannot be scored with a version."""

from __future__ import annotations

from collections.abc import Mapping

from include.declaration.period import Period
from include.errors import AirworthyError, InvalidRequestError


class FutureModelError(InvalidRequestError):
    """A version was trained as of a later day than the one to score."""

    def __init__(self, use_case: str, version: str, as_of: Period, period: Period) -> None:
        self.use_case, self.version, self.as_of, self.period = use_case, version, as_of, period
        super().__init__(
            f"{use_case}: version {version} was trained as of {as_of}, so its training data may include the outcomes of"
            f" {period}, and its predictions for that period would look too good. Choose a version trained as of"
            f" {period}"
            " or an earlier period, or set `allow_future_model` to score the period with this version."
        )


class FeaturesRedeclaredError(InvalidRequestError):
    """Features of a version are no longer declared, or with another type."""

    def __init__(self, use_case: str, version: str, features: Mapping[str, tuple[str, str | None]]) -> None:
        """Build the message.

        `features` maps each one to its types then and now, None if it is not declared now.
        """
        self.use_case, self.version, self.features = use_case, version, dict(features)
        was = ", ".join(f"{name} ({then} then, {now or 'not declared'} now)" for name, (then, now) in features.items())
        super().__init__(
            f"{use_case}: version {version} needs features that are no longer declared as they were: {was}. Train a new"
            " version, or check out the code that trained this one."
        )


class RowsLostError(AirworthyError):
    """Scoring gave another number of rows than it was given."""

    def __init__(self, use_case: str, period: Period, expected: int, found: int) -> None:
        self.use_case, self.period, self.expected, self.found = use_case, period, expected, found
        super().__init__(
            f"{use_case}: {expected} rows of features of {period} became {found} predictions; nothing was written. This"
            " is a bug in the code: scoring must neither drop nor add a row."
        )
