"""Define what every source of a feed offers, and the errors that they share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

import pyarrow as pa

from include.declaration import clock
from include.declaration.data_declaration import DataDeclaration
from include.declaration.feeds import Feed
from include.declaration.period import Period
from include.errors import AirworthyError, DataError, NotReadyError
from include.lake import schemas
from include.project import DataProject

TRIES = 8
"""Tries within the declared wait; Airflow makes a few more."""


class SourceUnavailableError(AirworthyError):
    """A source does not answer now; another try may succeed."""

    retryable = True

    def __init__(
        self, use_case: str, feed: str, where: str, reason: str, retry_after: timedelta = timedelta(0)
    ) -> None:
        self.retry_after = retry_after
        super().__init__(
            f"{use_case}: the source of feed {feed!r}, {where}, does not answer: {reason}. Nothing was written. The"
            " task is tried again; if that does not help, check the address in the Connection and the server."
        )


class SourceRefusedError(AirworthyError):
    """A source refuses to deliver, for a reason that another try does not change."""

    def __init__(self, use_case: str, feed: str, where: str, reason: str, remedy: str) -> None:
        super().__init__(
            f"{use_case}: the source of feed {feed!r}, {where}, refuses: {reason}. Nothing was written. {remedy}"
        )


class SourceColumnsError(DataError):
    """The rows of a source do not fit the declared columns.

    The source does not have these columns, or a value has another type than its column.
    """

    def __init__(self, use_case: str, feed: str, where: str, reason: str) -> None:
        super().__init__(
            f"{use_case}: the source of feed {feed!r}, {where}, does not fit the declaration: {reason}. Nothing was"
            " written. Correct the source, or the columns of the feed."
        )


class NotDeliveredError(NotReadyError):
    """A source has no rows of a period yet.

    Until the end of the declared wait another try may find them, and after it, none is made.
    """

    def __init__(self, context: Context, period: Period, where: str, reason: str) -> None:
        source, (use_case, feed) = context.feed.source, context.names
        self.use_case, self.feed, self.period, self.where = use_case, feed, period, where
        wait: timedelta = getattr(source, "wait", timedelta(0))
        left = context.project.use_case.decision_time(period) + wait - clock.now()
        self.retryable = left > timedelta(0)
        self.retry_after = min(left + timedelta(seconds=1), wait / TRIES) if self.retryable else timedelta(0)
        waits = f" The task is tried again until {wait} after the decision time." if self.retryable else ""
        super().__init__(
            f"{use_case}: the source of feed {feed!r}, {where}, has not delivered {period}: {reason}. Nothing was"
            f" written.{waits} Clear the task when the rows have arrived, or correct the source. If they will never"
            " arrive, add the period to the feed's missing_periods; if a period may have no rows, declare"
            " may_be_empty=True."
        )


class FileInvalidError(DataError):
    """A file does not match the feed's declaration."""

    def __init__(self, use_case: str, feed: str, period: Period, where: str, reason: str) -> None:
        self.use_case, self.feed, self.period, self.where, self.reason = use_case, feed, period, where, reason
        super().__init__(
            f"{use_case}: feed {feed!r} of {period}: the file {where} cannot be read: {reason}. Nothing was written."
            " Ask the supplier for the file again, or change the feed's columns or its source."
        )


@dataclass(frozen=True)
class Context:
    """What a source needs to read a feed."""

    project: DataProject
    feed: Feed
    folder: Path
    """An empty folder, which is removed after reading."""

    @property
    def names(self) -> tuple[str, str]:
        """Return the names of use case and feed, for errors."""
        return self.project.use_case.name, self.feed.name

    @property
    def schema(self) -> pa.Schema:
        """Return the columns to deliver."""
        return schemas.content_schema(self.project.use_case, f"raw/{self.feed.name}")

    @property
    def zone(self) -> ZoneInfo:
        """Return the use case's time zone."""
        return ZoneInfo(self.project.use_case.time_zone)


def require_rows(context: Context, period: Period, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a period.

    Raises:
        NotDeliveredError: they have no rows, and the declaration does not say that there are none.
    """
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        yield batch
    is_declared = getattr(context.feed.source, "may_be_empty", False) or period in context.feed.missing_periods
    if not rows and not is_declared:
        raise NotDeliveredError(context, period, type(context.feed.source).__name__, "it has no rows of the period")


class FeedReader(Protocol):
    """A source of a feed, read for one period."""

    @property
    def inputs(self) -> Mapping[str, str]:
        """Return what was read, name to digest; complete when the batches have been read."""

    def batches(self, period: Period) -> Iterator[pa.RecordBatch]:
        """Yield the rows that became known for the run of a period.

        They have the columns of the feed. A batch fits into memory, whatever the number of rows.

        Raises:
            SourceUnavailableError: the source does not answer; another try may help.
            SourceRefusedError: it refuses, such as for wrong credentials or a missing table.
            SourceColumnsError, FileInvalidError: its rows do not fit the declaration.
        """


@dataclass(frozen=True)
class Window:
    """The instants and the dates of a local period; the end is excluded."""

    start: datetime
    """UTC."""
    end: datetime
    period: Period

    @property
    def next_period(self) -> Period:
        """Return the period that begins at the end."""
        return self.period + 1


def window_of(period: Period, delay_periods: int, use_case: DataDeclaration) -> Window:
    """Return the local period, in UTC, whose rows a run reads.

    Days of a clock change have 23 or 25 hours.
    """
    known = period - delay_periods
    return Window(use_case.decision_time(known), use_case.decision_time(known + 1), known)
