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


class TooManyShardsError(InvalidRequestError):
    """A period would have more shards than Airflow makes tasks."""

    def __init__(self, use_case: str, period: Period, rows: int, shard_rows: int, most: int) -> None:
        self.use_case, self.period, self.rows, self.shard_rows, self.most = use_case, period, rows, shard_rows, most
        super().__init__(
            f"{use_case}: {period} has {rows:,} rows, which are more than {most:,} shards of {shard_rows:,} rows."
            f" Nothing was scored. Declare Scoring(shard_rows={-(-rows // most)}) or more."
        )


class ShardPlanOutdatedError(AirworthyError):
    """What a period is scored with changed after its shards were planned."""

    def __init__(self, use_case: str, period: Period, changed: Mapping[str, tuple[object, object]]) -> None:
        """Build the message; `changed` has what changed, planned and now."""
        self.use_case, self.period, self.changed = use_case, period, dict(changed)
        was = ", ".join(f"{name} ({then} when it was planned, {now} now)" for name, (then, now) in changed.items())
        super().__init__(
            f"{use_case}: what {period} is scored with changed after its shards were planned: {was}. Nothing was"
            " written. Clear the task plan_shards of this run with all tasks after it, or start another run."
        )


class ShardMissingError(AirworthyError):
    """The predictions of a shard are not there, or damaged."""

    def __init__(self, use_case: str, period: Period, number: int, count: int, problem: str) -> None:
        self.use_case, self.period, self.number, self.count, self.problem = use_case, period, number, count, problem
        super().__init__(
            f"{use_case}: the predictions of shard {number} of {period} ({count} shards, from 0) cannot be used:"
            f" {problem}. Nothing was written. Clear the task score_shard of this run with all tasks after it: shards"
            " that were scored are not scored again."
        )
