"""Read the partitions and files of a Delta table from the table's state alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable

from include.declaration.calendars import Calendar
from include.declaration.period import HOUR, Period
from include.errors import AirworthyError


class LogCorruptedError(AirworthyError):
    """A table's log names a file without its partition's values.

    These are day, digest and number of rows.
    """

    def __init__(self, table: str, path: str) -> None:
        self.table, self.path = table, path
        super().__init__(
            f"The log of the table {table} is damaged: it names {path} without period, digest or rows. Nothing was read"
            " from it. Restore the table's folder, with its log, from a backup."
        )


@dataclass(frozen=True)
class Partition:
    """The content of one day of a table. A day that was run and is empty has 0 rows."""

    digest: str
    rows: int


@dataclass(frozen=True)
class DataFile:
    """A file of a table, with its partition."""

    period: Period
    path: str
    """Relative to the table."""
    digest: str
    """Digest of the content of its partition."""
    rows: int


def partition_values(period: Period, digest: str) -> dict[str, str | None]:
    """Return the values of the partition columns, as a table's log has them."""
    return {"period": partition_value(period), "digest": digest}


def partition_value(period: Period) -> str:
    """Return the start of a period as the Delta protocol writes values of the column."""
    return f"{period.naive_start}:00:00.000000Z" if period.unit is HOUR else period.naive_start


def period_of_value(value: str, calendar: Calendar) -> Period:
    """Return the period of a value in a table's log.

    Raises:
        ValueError: the text is no such value.
        WrongCalendarError: it is none of the calendar.
    """
    is_instant = calendar.unit is HOUR
    return calendar.period_of(datetime.fromisoformat(value) if is_instant else date.fromisoformat(value))


def list_data_files(delta: DeltaTable, calendar: Calendar) -> list[DataFile]:
    """Return the files of a table, in order of days.

    Raises:
        LogCorruptedError: the log names a file without day, digest or number of rows.
        WrongCalendarError: a partition is none of the calendar.
    """
    actions = pa.table(delta.get_add_actions(flatten=True))
    rows = actions.select(["partition.period", "path", "partition.digest", "num_records"]).to_pylist()
    for row in rows:
        if None in row.values():
            raise LogCorruptedError(delta.table_uri, unquote(row["path"]))
    data_files = (
        DataFile(calendar.period_of(r["partition.period"]), unquote(r["path"]), r["partition.digest"], r["num_records"])
        for r in rows
    )
    return sorted(data_files, key=lambda file: (file.period, file.path))


def group_by_period(data_files: Iterable[DataFile], since: Period, until: Period) -> dict[Period, Partition]:
    """Return day to partition, in order of days, from `since` to `until` inclusive."""
    periods: dict[Period, Partition] = {}
    for file in data_files:
        if since <= file.period <= until:
            before = periods[file.period].rows if file.period in periods else 0
            periods[file.period] = Partition(file.digest, before + file.rows)
    return periods


def list_partitions(delta: DeltaTable, calendar: Calendar, since: Period, until: Period) -> dict[Period, Partition]:
    """Return day to partition of a table, from `since` to `until` inclusive.

    They are in order of days.

    Raises:
        LogCorruptedError: the log names a file without day, digest or number of rows.
    """
    return group_by_period(list_data_files(delta, calendar), since, until)
