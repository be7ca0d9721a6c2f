"""Read which partitions a Delta table holds, and in which files, from the table's state alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable

from include.errors import AirworthyError


class LogCorruptedError(AirworthyError):
    """The log of a table names a file without the day, digest or number of rows of its partition."""

    def __init__(self, table: str, path: str) -> None:
        self.table, self.path = table, path
        super().__init__(
            f"The log of the table {table} is damaged: it names {path} without day, digest or rows. Nothing was made"
            " from it. Restore the table's folder, with its log, from a backup."
        )


@dataclass(frozen=True)
class Partition:
    """What one day of one table holds. A day that was run and is empty is a partition of 0 rows."""

    digest: str
    rows: int


@dataclass(frozen=True)
class DataFile:
    """A file of a table, and the partition that it belongs to."""

    day: date
    path: str
    """Relative to the table."""
    digest: str
    """Of the content of its partition."""
    rows: int


def days_from(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included; none if `last` is before."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def files(delta: DeltaTable) -> list[DataFile]:
    """Return the files of a table, in order of days.

    Raises:
        LogCorruptedError: the log names a file without its day, digest or number of rows.
    """
    actions = pa.table(delta.get_add_actions(flatten=True))
    rows = actions.select(["partition.day", "path", "partition.digest", "num_records"]).to_pylist()
    for row in rows:
        if None in row.values():
            raise LogCorruptedError(delta.table_uri, unquote(row["path"]))
    found = (DataFile(r["partition.day"], unquote(r["path"]), r["partition.digest"], r["num_records"]) for r in rows)
    return sorted(found, key=lambda file: (file.day, file.path))


def of_files(data_files: Iterable[DataFile], since: date, until: date) -> dict[date, Partition]:
    """Return day to partition, in order of days, from `since` to `until`, both included."""
    days: dict[date, Partition] = {}
    for file in data_files:
        if since <= file.day <= until:
            before = days[file.day].rows if file.day in days else 0
            days[file.day] = Partition(file.digest, before + file.rows)
    return days


def list_partitions(delta: DeltaTable, since: date, until: date) -> dict[date, Partition]:
    """Return day to partition, as `of_files`, of a table as it is."""
    return of_files(files(delta), since, until)
