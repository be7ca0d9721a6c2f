"""Read which partitions a Delta table holds, and in which files, from the table's state alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable

from include.declaration.period import Period
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

    period: Period
    path: str
    """Relative to the table."""
    digest: str
    """Of the content of its partition."""
    rows: int


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
    found = (
        DataFile(Period.from_date(r["partition.day"]), unquote(r["path"]), r["partition.digest"], r["num_records"])
        for r in rows
    )
    return sorted(found, key=lambda file: (file.period, file.path))


def of_files(data_files: Iterable[DataFile], since: Period, until: Period) -> dict[Period, Partition]:
    """Return day to partition, in order of days, from `since` to `until`, both included."""
    days: dict[Period, Partition] = {}
    for file in data_files:
        if since <= file.period <= until:
            before = days[file.period].rows if file.period in days else 0
            days[file.period] = Partition(file.digest, before + file.rows)
    return days


def list_partitions(delta: DeltaTable, since: Period, until: Period) -> dict[Period, Partition]:
    """Return day to partition, as `of_files`, of a table as it is."""
    return of_files(files(delta), since, until)
