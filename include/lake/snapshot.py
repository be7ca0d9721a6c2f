"""Read the lake as it was known at the decision time of one day.

All rows are read through this.
"""

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
from include.errors import AirworthyError, KeysChangedError
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


class PartitionSplitError(AirworthyError):
    """A day is not in one file, so its rows have no places."""

    def __init__(self, use_case: str, table: str, period: Period, files: int) -> None:
        self.use_case, self.table, self.period, self.files = use_case, table, period, files
        super().__init__(
            f"{use_case}: {table} of {period} is in {files} files, and its rows are in order only in one. Nothing was"
            f" written. Run {use_case}__data for {period} again."
        )


class AsOfSnapshot:
    """The lake as it was known at the decision time of one day."""

    def __init__(
        self, lake: Lake, period: Period, memory: str = "2GB", deltas: Mapping[str, DeltaTable] | None = None
    ) -> None:
        self.lake = lake
        self.period = period
        self._memory = memory
        self._deltas = dict(deltas or {})
        self._duckdb: ibis.backends.duckdb.Backend | None = None
        self._tables: dict[tuple[str, Period | None, Period | None, bool], ibis.Table] = {}
        self._cache = S3Cache()
        self._whole: set[tuple[str, Period]] = set()
        self._files: dict[str, list[DataFile]] = {}

    def partitions(
        self, table: str, since: Period | None = None, until: Period | None = None
    ) -> dict[Period, Partition]:
        """Return day to partition, from `since` to `until` inclusive, in order of days.

        Days after that of the snapshot are never included.
        """
        last = min(until or self.period, self.period)
        return partitions.group_by_period(self._data_files(table), since or EARLIEST, last)

    def digest(self, table: str, period: Period) -> str:
        """Return the digest of one day's content; empty if the day was never written."""
        partition = self.partitions(table, period, period).get(period)
        return partition.digest if partition else ""

    def digest_of_periods(self, table: str, since: Period | None = None, until: Period | None = None) -> str:
        """Return one digest of the content of several days.

        Days without rows are left out: readers cannot distinguish an empty day from a missing one.
        """
        stored = self.partitions(table, since, until)
        return content_digest.digest_values({period.key: one.digest for period, one in stored.items() if one.rows})

    def note(self, table: str, period: Period) -> CommitNote | None:
        """Return the newest commit that wrote a day; None if there is none."""
        return history.newest_version(self.lake.root / table, self._delta(table), period)

    def version(self, table: str) -> int:
        """Return the Delta version of the table that this snapshot reads."""
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
        """Return the rows of these days as an Ibis table on DuckDB, with their `period`.

        The rows are read when the table is executed. `checked=False` skips the check of the files, for callers that
        only show rows. `and_dropped` adds the stored columns that are no longer declared.

        Raises:
            PartitionCorruptedError: a file of a day is damaged.
            KeysChangedError: a day was written before the present keys, period or label were declared.
            TypeNarrowedError: the declared type of a column does not hold the stored values.
        """
        if checked:
            self.require_whole(table, since, until)
        asked = (table, since, until, and_dropped)
        if asked not in self._tables:
            schema = schemas.table_schema(self.lake.use_case, table)
            if and_dropped:
                schema = pa.schema([*schema, *self.dropped_columns(table)])
            paths = self._identified(table, since, until)
            if not paths:
                return ibis.memtable(schema.empty_table())
            # The same names in each snapshot, so that the SQL of two days differs in dates only.
            name = f"rows_{len(self._tables)}"
            read = partition_reader.duckdb_table(self._connection(), self._table_name(table), paths, schema, name)
            self._tables[asked] = read
        return self._tables[asked]

    def checked_files(self, table: str, since: Period | None = None) -> list[str]:
        """Return the paths on disk of these days' files, for another engine than DuckDB.

        They are checked as `table` does, and raise the same errors. Files on S3 are copied to disk, and removed with
        the snapshot.
        """
        self.require_whole(table, since)
        return self._identified(table, since, None)

    def dropped_columns(self, table: str) -> list[pa.Field]:
        """Return the stored columns that are not declared now, in order of names."""
        stored = pa.schema(self._delta(table).schema().to_arrow())
        known = {*schemas.table_schema(self.lake.use_case, table).names, *schemas.PARTITION}
        return sorted((field for field in stored if field.name not in known), key=lambda field: field.name)

    def absent_columns(
        self, table: str, since: Period | None = None, until: Period | None = None
    ) -> dict[str, list[Period]]:
        """Return declared column to the days whose files have rows but lack the column."""
        rows, names = self.partitions(table, since, until), schemas.content_schema(self.lake.use_case, table).names
        absent: dict[str, list[Period]] = {}
        for period, path in self.files(table, since, until):
            stored = partition_reader.read_file_schema(path).names if rows[period].rows else names
            for name in names:
                if name not in stored:
                    absent.setdefault(name, []).append(period)
        return absent

    def _identified(self, table: str, since: Period | None, until: Period | None) -> list[str]:
        """Return the days' files, after checking that they have the declared keys.

        Raises:
            KeysChangedError: a file lacks a key: read as null it would match nothing, and rows would be lost silently.
        """
        required = schemas.identity_columns(self.lake.use_case, table)
        absent = {
            name: periods for name, periods in self.absent_columns(table, since, until).items() if name in required
        }
        if absent:
            periods = sorted(set().union(*absent.values()))
            raise KeysChangedError(self.lake.use_case.name, table, sorted(absent), periods)
        return [path for _, path in self.files(table, since, until)]

    def unreadable_reason(self, table: str, since: Period | None = None, until: Period | None = None) -> str:
        """Return why these days cannot be read with the declared columns.

        Returns an empty text if they can.
        """
        schema = schemas.content_schema(self.lake.use_case, table)
        try:
            for path in self._identified(table, since, until):
                partition_reader.require_readable(self._table_name(table), path, schema)
        except (partition_reader.TypeNarrowedError, KeysChangedError) as error:
            return str(error)
        return ""

    def _table_name(self, table: str) -> str:
        return f"{self.lake.use_case.name}/{table}"

    def read(
        self, table: str, since: Period | None = None, until: Period | None = None, order_by: Sequence[str] = ()
    ) -> pa.Table:
        """Return the rows of these days as an Arrow table, including `period`.

        For days that fit into memory. DuckDB is not used: starting it takes longer than reading a small day. Raises
        the same errors as `table`.
        """
        self.require_whole(table, since, until)
        schema = schemas.table_schema(self.lake.use_case, table)
        paths = self._identified(table, since, until)
        rows = partition_reader.read_table(self._table_name(table), paths, schema)
        return sort_rows(rows, order_by) if order_by else rows

    def batches(
        self,
        table: str,
        since: Period | None = None,
        until: Period | None = None,
        order_by: Sequence[str] = (),
        batch_rows: int = 65_536,
    ) -> pa.RecordBatchReader:
        """Stream the same rows as `read` in constant memory; sorting spills to disk."""
        schema = schemas.table_schema(self.lake.use_case, table)
        rows = self.table(table, since, until)
        if order_by:
            rows = rows.order_by(list(order_by))
        reader = rows.to_pyarrow_batches(chunk_size=batch_rows)
        return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in reader))

    def stored_rows(
        self, table: str, period: Period, names: Sequence[str], rows: range, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield these columns of rows of one day, by their places in the file.

        Stored order is key order.

        Raises:
            PartitionSplitError: the day is not in one file.
            PartitionCorruptedError, KeysChangedError, TypeNarrowedError: as for `read`.
        """
        self.require_whole(table, period, period)
        paths = self._identified(table, period, period)
        if len(paths) != 1:
            raise PartitionSplitError(self.lake.use_case.name, table, period, len(paths))
        declared = schemas.content_schema(self.lake.use_case, table)
        schema = pa.schema([declared.field(name) for name in names])
        yield from partition_reader.read_rows(self._table_name(table), paths[0], schema, rows, batch_rows)

    def require_whole(self, table: str, since: Period | None = None, until: Period | None = None) -> None:
        """Check the files of these days; each day is checked once.

        Raises:
            PartitionCorruptedError: a file is damaged; names the first such day.
        """
        periods = [period for period in self.partitions(table, since, until) if (table, period) not in self._whole]
        if not periods:
            return
        for period, damage in integrity.damaged_periods(self, table, periods[0], periods[-1]):
            if damage:
                raise PartitionCorruptedError(self.lake.use_case.name, table, period, damage)
            self._whole.add((table, period))

    @contextlib.contextmanager
    def diagnose_read_errors(
        self, table: str, since: Period | None = None, until: Period | None = None
    ) -> Iterator[None]:
        """Run a block that reads these days without hashing their files.

        If the block fails, the files are checked.

        Raises:
            PartitionCorruptedError: a file is not signed by this installation; or the block fails and a file is
                damaged.
        """
        if forged := self.forged_periods(table, since, until):
            raise PartitionCorruptedError(self.lake.use_case.name, table, min(forged), FORGED)
        try:
            yield
        except (FileNotFoundError, duckdb.Error):
            self.require_whole(table, since, until)
            raise

    def files(self, table: str, since: Period | None, until: Period | None) -> list[tuple[Period, str]]:
        """Return day and path on disk of each file of these days.

        Days after that of the snapshot are never included. Files on S3 are copied to disk now. The copies are removed
        with the snapshot and all tables read from it.
        """
        stored = self.storage_paths(table, since, until)
        paths = self._cache.local_paths(self.lake.root, [place for _, place in stored])
        return [(period, str(path)) for (period, _), path in zip(stored, paths, strict=True)]

    def storage_paths(
        self, table: str, since: Period | None = None, until: Period | None = None
    ) -> list[tuple[Period, StoragePath]]:
        """Return day and stored path of each file, without copying it to disk."""
        root = self.lake.root / table
        return [(file.period, root / file.path) for file in self._files_between(table, since, until)]

    def forged_periods(self, table: str, since: Period | None = None, until: Period | None = None) -> set[Period]:
        """Return the days with a file that this installation did not write for that day."""
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
            self._files[table] = partitions.list_data_files(self._delta(table), self.lake.use_case.calendar)
        return self._files[table]

    def _delta(self, table: str) -> DeltaTable:
        if table not in self._deltas:
            self._deltas[table] = self.lake.delta(table)
        return self._deltas[table]

    def _connection(self) -> ibis.backends.duckdb.Backend:
        if self._duckdb is None:
            # DuckDB spills to the system's temporary folder, not to the working directory, which may be read-only. It
            # creates the folder when needed and removes it.
            spill = f"{tempfile.gettempdir()}/airworthy-spill-{os.getpid()}-{id(self):x}"
            self._duckdb = ibis.duckdb.connect(
                memory_limit=self._memory, temp_directory=spill, preserve_insertion_order=False
            )
            self._duckdb.raw_sql("set enable_progress_bar = false")  # it would fill the task's log
            # Otherwise DuckDB would read timestamps in the time zone of the machine.
            self._duckdb.raw_sql("set TimeZone = 'UTC'")
            # An Ibis table references its connection, not the snapshot: the copies must live as long as either.
            weakref.finalize(self._duckdb, S3Cache.keep_alive, self._cache)
        return self._duckdb
