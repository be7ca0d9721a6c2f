"""Define the result of a commit to a table, and the errors of one that failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include.declaration.period import Period
from include.errors import AirworthyError
from include.lake import (
    s3,
)
from include.lake.partitions import Partition

if TYPE_CHECKING:
    pass

ATTEMPTS = 8
"""Attempts at one commit. Of 200 commits by eight concurrent writers, four needed a second attempt."""


class PartitionConflictError(AirworthyError):
    """Another process changed a day while its replacement was being made."""

    retryable = True

    def __init__(self, use_case: str, table: str, period: Period) -> None:
        self.use_case, self.table, self.period = use_case, table, period
        super().__init__(
            f"{use_case}: another process wrote {table} of {period} meanwhile. Nothing was written here. Run the task"
            " again: it reads the new content."
        )


class CommitConflictError(AirworthyError):
    """A partition could not be committed.

    Other writers committed first in every attempt.
    """

    retryable = True

    def __init__(self, table: str, period: Period, cause: Exception) -> None:
        self.table, self.period = table, period
        super().__init__(
            f"{table} of {period} could not be committed in {ATTEMPTS} attempts; the old partition is unchanged."
            f" Last conflict: {cause}. Run the task again when fewer processes write to the table."
        )


@dataclass(frozen=True)
class Commit:
    """The result of a write.

    `version` is the table's Delta version, unchanged if nothing was committed.
    """

    table: str
    period: Period
    partition: Partition
    version: int
    changed: bool


@dataclass(frozen=True)
class CommitNotes:
    """What a commit of rows records in addition to them."""

    stage: str
    inputs: Mapping[str, str]
    """Name to digest."""
    code: str = ""
    """Digest of the code that made the rows."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """Table to the Delta version that was read."""
    cpu_since: float = 0.0
    """The processor time of this process when the step began."""
    counts: Callable[[], Mapping[str, int]] = dict
    """Returns name to what was counted, when all rows were read."""
    cpu_elsewhere: Callable[[], float] = float
    """Returns the processor time that other processes took for the rows, when all were read."""


def commit_error(table: str, period: Period, failure: Exception | None) -> AirworthyError:
    """Return the error for a commit that failed in every attempt.

    It has the last failure.
    """
    if isinstance(failure, s3.ConnectionLostError):
        return failure
    conflict = CommitConflictError(table, period, failure or RuntimeError("unknown"))
    conflict.__cause__ = failure
    return conflict
