"""Read the partitions and files of a Delta table from the table's state alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable

from include.declaration.period import Period
from include.errors import AirworthyError


class LogCorruptedError(AirworthyError):
    """A table's log names a file without its partition's values.

    These are day, digest and number of rows.
    """

    def __init__(self, table: str, path: str) -> None:
        self.table, self.path = table, path
        super().__init__(
            f"The log of the table {table} is damaged: it names {path} without day, digest or rows. Nothing was read"
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


def list_data_files(delta: DeltaTable) -> list[DataFile]:
    """Return the files of a table, in order of days.

    Raises:
        LogCorruptedError: the log names a file without day, digest or number of rows.
    """
    actions = pa.table(delta.get_add_actions(flatten=True))
    rows = actions.select(["partition.period", "path", "partition.digest", "num_records"]).to_pylist()
    for row in rows:
        if None in row.values():
            raise LogCorruptedError(delta.table_uri, unquote(row["path"]))
    data_files = (
        DataFile(Period.from_date(r["partition.period"]), unquote(r["path"]), r["partition.digest"], r["num_records"])
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


def list_partitions(delta: DeltaTable, since: Period, until: Period) -> dict[Period, Partition]:
    """Return day to partition of a table, from `since` to `until` inclusive.

    They are in order of days.

    Raises:
        LogCorruptedError: the log names a file without day, digest or number of rows.
    """
    return group_by_period(list_data_files(delta), since, until)
