"""The view: the lake as it was known at one day's decision time. Whoever reads rows reads them through it."""

from __future__ import annotations

import contextlib
import os
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import duckdb
import ibis
import pyarrow as pa
from deltalake import DeltaTable

from include.declaration.period import EARLIEST, Period
from include.errors import KeysChangedError
from include.lake import content_digest, history, integrity, partition_reader, partitions, schemas
from include.lake.file_signature import FORGED, is_genuine
from include.lake.history import CommitNote
from include.lake.integrity import PartitionCorruptedError
from include.lake.object_store import StoragePath
from include.lake.partitions import DataFile, Partition
from include.lake.s3_cache import S3Cache
from include.lake.signing import load_signing_keys
from include.lake.sorting import sort_rows

if TYPE_CHECKING:
    from include.lake.lake import Lake


class AsOfSnapshot:
    """The lake as it was known at one day's decision time."""

    def __init__(
        self, lake: Lake, period: Period, memory: str = "2GB", deltas: Mapping[str, DeltaTable] | None = None
    ) -> None:
        self.lake = lake
        self.period = period
        self._memory = memory
        self._deltas = dict(deltas or {})
        self._duckdb: ibis.backends.duckdb.Backend | None = None
        self._fetched = S3Cache()
        self._whole: set[tuple[str, Period]] = set()
        self._files: dict[str, list[DataFile]] = {}

    def partitions(
        self, table: str, since: Period | None = None, until: Period | None = None
    ) -> dict[Period, Partition]:
        """Day to partition, in order of days, from `since` to `until` (both included, never later than the view)."""
        return partitions.of_files(self._data_files(table), since or EARLIEST, min(until or self.period, self.period))

    def digest(self, table: str, period: Period) -> str:
        """Return the digest of one day's content; an empty string where the day was never written."""
        found = self.partitions(table, period, period).get(period)
        return found.digest if found else ""

    def digest_of_periods(self, table: str, since: Period | None = None, until: Period | None = None) -> str:
        """Return one digest over the content of several days. Days without rows do not count: recorded as empty or
        missing, they read the same."""
        found = self.partitions(table, since, until)
        return content_digest.digest_values({day.key: there.digest for day, there in found.items() if there.rows})

    def note(self, table: str, period: Period) -> CommitNote | None:
        """Return the newest commit that wrote a day; None if there is none."""
        return history.newest_version(self.lake.root / table, self._delta(table), period)

    def version(self, table: str) -> int:
        """The Delta version that this view reads."""
        return int(self._delta(table).version())

    def table(
        self,
        table: str,
        since: Period | None = None,
        until: Period | None = None,
        *,
        checked: bool = True,
        and_dropped: bool = False,
    ) -> ibis.Table:
        """Return the rows of those days as an Ibis table on DuckDB, with their `day`; read when it is executed.

        `checked=False` leaves out the check of the files, for callers that make nothing of the rows. `and_dropped`
        adds the columns that the table has and that are no longer declared.

        Raises:
            PartitionCorruptedError: the files of a day do not hold what was written.
            KeysChangedError: a day was written before a key, the period or the label was declared so.
            TypeNarrowedError: a column is declared with a type that does not hold the stored values.
        """
        if checked:
            self.require_whole(table, since, until)
        schema = schemas.table_schema(self.lake.use_case, table)
        if and_dropped:
            schema = pa.schema([*schema, *self.dropped_columns(table)])
        paths = self._identified(table, since, until)
        if not paths:
            return ibis.memtable(schema.empty_table())
        return partition_reader.duckdb_table(self._connection(), self._name(table), paths, schema)

    def dropped_columns(self, table: str) -> list[pa.Field]:
        """Return the columns of a table that are no longer declared, in order of names."""
        stored = pa.schema(self._delta(table).schema().to_arrow())
        known = {*schemas.table_schema(self.lake.use_case, table).names, *schemas.PARTITION}
        return sorted((field for field in stored if field.name not in known), key=lambda field: field.name)

    def absent_columns(
        self, table: str, since: Period | None = None, until: Period | None = None
    ) -> dict[str, list[Period]]:
        """Return declared column to the days with rows whose files lack it, so that it reads as null there."""
        rows, names = self.partitions(table, since, until), schemas.content(self.lake.use_case, table).names
        found: dict[str, list[Period]] = {}
        for day, path in self.files(table, since, until):
            there = partition_reader.stored_schema(path).names if rows[day].rows else names
            for name in names:
                if name not in there:
                    found.setdefault(name, []).append(day)
        return found

    def _identified(self, table: str, since: Period | None, until: Period | None) -> list[str]:
        """Return the paths of those days' files, whose rows all have the keys that are declared now.

        Raises:
            KeysChangedError: they have not: read as null, a key would join nothing, and rows would be lost in silence.
        """
        wanted = schemas.identity(self.lake.use_case, table)
        absent = {name: days for name, days in self.absent_columns(table, since, until).items() if name in wanted}
        if absent:
            days = sorted(set().union(*absent.values()))
            raise KeysChangedError(self.lake.use_case.name, table, sorted(absent), days)
        return [path for _, path in self.files(table, since, until)]

    def unreadable_reason(self, table: str, since: Period | None = None, until: Period | None = None) -> str:
        """Return why those days cannot be read with the declared columns; an empty string if they can."""
        schema = schemas.content(self.lake.use_case, table)
        try:
            for path in self._identified(table, since, until):
                partition_reader.require_readable(self._name(table), path, schema)
        except (partition_reader.TypeNarrowedError, KeysChangedError) as error:
            return str(error)
        return ""

    def _name(self, table: str) -> str:
        return f"{self.lake.use_case.name}/{table}"

    def read(
        self, table: str, since: Period | None = None, until: Period | None = None, order_by: Sequence[str] = ()
    ) -> pa.Table:
        """The rows of those days as an Arrow table with exactly the stored types, `day` included. For days that fit
        into memory: it does without DuckDB, whose start costs more than reading a small day. Raises as `table`."""
        self.require_whole(table, since, until)
        schema = schemas.table_schema(self.lake.use_case, table)
        paths = self._identified(table, since, until)
        rows = partition_reader.read_table(self._name(table), paths, schema)
        return sort_rows(rows, order_by) if order_by else rows

    def batches(
        self,
        table: str,
        since: Period | None = None,
        until: Period | None = None,
        order_by: Sequence[str] = (),
        batch_rows: int = 65_536,
    ) -> pa.RecordBatchReader:
        """As `read`, streamed: sorting spills to disk, so memory stays flat in rows."""
        schema = schemas.table_schema(self.lake.use_case, table)
        rows = self.table(table, since, until)
        if order_by:
            rows = rows.order_by(list(order_by))
        reader = rows.to_pyarrow_batches(chunk_size=batch_rows)
        return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in reader))

    def require_whole(self, table: str, since: Period | None = None, until: Period | None = None) -> None:
        """Raise PartitionCorruptedError for the first of those days whose files do not hold what was written."""
        days = [day for day in self.partitions(table, since, until) if (table, day) not in self._whole]
        if not days:
            return
        for day, damage in integrity.damaged_days(self, table, days[0], days[-1]):
            if damage:
                raise PartitionCorruptedError(self.lake.use_case.name, table, day, damage)
            self._whole.add((table, day))

    @contextlib.contextmanager
    def diagnose_read_errors(
        self, table: str, since: Period | None = None, until: Period | None = None
    ) -> Iterator[None]:
        """Explain what breaks a block that reads those days without hashing their files.

        Raises:
            PartitionCorruptedError: a file is not signed by this installation; or the block breaks, and a day is
            damaged.
        """
        if forged := self.forged_days(table, since, until):
            raise PartitionCorruptedError(self.lake.use_case.name, table, min(forged), FORGED)
        try:
            yield
        except (FileNotFoundError, duckdb.Error):
            self.require_whole(table, since, until)
            raise

    def files(self, table: str, since: Period | None, until: Period | None) -> list[tuple[Period, str]]:
        """Day and path on disk of each file of those days, never of a later day than the view's.

        Of a lake on S3 they are fetched now, unless they were, and go when the view, and what reads from it, is gone.
        """
        found = self.places(table, since, until)
        paths = self._fetched.paths(self.lake.root, [place for _, place in found])
        return [(day, str(path)) for (day, _), path in zip(found, paths, strict=True)]

    def places(
        self, table: str, since: Period | None = None, until: Period | None = None
    ) -> list[tuple[Period, StoragePath]]:
        """As `files`, where they are, without fetching any."""
        root = self.lake.root / table
        return [(file.period, root / file.path) for file in self._files_between(table, since, until)]

    def forged_days(self, table: str, since: Period | None = None, until: Period | None = None) -> set[Period]:
        """Return those of the days that the log counts a file to which was not written here as that day's content."""
        keys, name = load_signing_keys(), f"{self.lake.use_case.name}/{table}"
        return {
            file.period
            for file in self._files_between(table, since, until)
            if not is_genuine(keys, name, file.period, file.digest, file.rows, PurePosixPath(file.path).name)
        }

    def _files_between(self, table: str, since: Period | None, until: Period | None) -> list[DataFile]:
        first, last = since or EARLIEST, min(until or self.period, self.period)
        return [file for file in self._data_files(table) if first <= file.period <= last]

    def _data_files(self, table: str) -> list[DataFile]:
        if table not in self._files:
            self._files[table] = partitions.files(self._delta(table))
        return self._files[table]

    def _delta(self, table: str) -> DeltaTable:
        if table not in self._deltas:
            self._deltas[table] = self.lake.delta(table)
        return self._deltas[table]

    def _connection(self) -> ibis.backends.duckdb.Backend:
        if self._duckdb is None:
            # What does not fit goes to the system's place for such, not into the folder where the process stands, which
            # may not be written; DuckDB makes the folder when it needs it, and removes it.
            spill = f"{tempfile.gettempdir()}/airworthy-spill-{os.getpid()}-{id(self):x}"
            self._duckdb = ibis.duckdb.connect(
                memory_limit=self._memory, temp_directory=spill, preserve_insertion_order=False
            )
            # Else DuckDB would read instants in the time zone of the machine, and hours would depend on it.
            self._duckdb.raw_sql("set TimeZone = 'UTC'")
            # An Ibis table holds its connection, not the view: what was fetched lives as long as either.
            weakref.finalize(self._duckdb, S3Cache.keep_alive, self._fetched)
        return self._duckdb
