"""The view: the lake as it was known at one day's decision time. Whoever reads rows reads them through it."""

from __future__ import annotations

import contextlib
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from include.logic import digests
from include.storage import integrity, partitions, schemas, sorting
from include.storage.fetched import Fetched
from include.storage.partitions import Partition
from include.storage.place import Place

if TYPE_CHECKING:
    from include.storage.lake import Lake


class View:
    """The lake as it was known at one day's decision time."""

    def __init__(
        self, lake: Lake, day: date, memory: str = "2GB", deltas: Mapping[str, DeltaTable] | None = None
    ) -> None:
        self.lake = lake
        self.day = day
        self._memory = memory
        self._deltas = dict(deltas or {})
        self._duckdb: ibis.backends.duckdb.Backend | None = None
        self._fetched = Fetched()
        self._whole: set[tuple[str, date]] = set()
        self._files: dict[str, list[tuple[date, str]]] = {}

    def partitions(self, table: str, since: date | None = None, until: date | None = None) -> dict[date, Partition]:
        """Day to partition, in order of days, from `since` to `until` (both included, never later than the view)."""
        return partitions.of(self._delta(table), since or date.min, min(until or self.day, self.day))

    def digest(self, table: str, day: date) -> str:
        """Digest of one day's content; empty where the day has no rows."""
        found = self.partitions(table, day, day).get(day)
        return found.digest if found else ""

    def digest_of_days(self, table: str, since: date | None = None, until: date | None = None) -> str:
        """One digest over the content of several days."""
        found = self.partitions(table, since, until)
        return digests.of_values({day.isoformat(): partition.digest for day, partition in found.items()})

    def version(self, table: str) -> int:
        """The Delta version that this view reads."""
        return int(self._delta(table).version())

    def table(
        self, table: str, since: date | None = None, until: date | None = None, *, checked: bool = True
    ) -> ibis.Table:
        """The rows of those days as an Ibis table on DuckDB, with their `day`; read when it is executed.

        Raises DayDamaged for a day whose files do not hold what was written; not for whoever makes nothing of them,
        and says so by `checked=False`.
        """
        if checked:
            self.require_whole(table, since, until)
        files, schema = self.files(table, since, until), schemas.read(self.lake.use_case, table)
        if not files:
            return ibis.memtable(schema.empty_table())
        found = self._connection().read_parquet([path for _, path in files], hive_partitioning=True)
        return found.mutate(day=found.day.cast("date")).select(*schema.names)

    def read(
        self, table: str, since: date | None = None, until: date | None = None, order_by: Sequence[str] = ()
    ) -> pa.Table:
        """The rows of those days as an Arrow table with exactly the stored types, `day` included. For days that fit
        into memory: it does without DuckDB, whose start costs more than reading a small day. Raises DayDamaged."""
        self.require_whole(table, since, until)
        schema = schemas.read(self.lake.use_case, table)
        parts = [
            _with_day(pq.read_table(path, partitioning=None), day) for day, path in self.files(table, since, until)
        ]
        rows = pa.concat_tables([part.select(schema.names).cast(schema) for part in parts] or [schema.empty_table()])
        return rows.sort_by([(name, "ascending") for name in order_by]) if order_by else rows

    def batches(
        self,
        table: str,
        since: date | None = None,
        until: date | None = None,
        order_by: Sequence[str] = (),
        batch_rows: int = 65_536,
    ) -> pa.RecordBatchReader:
        """As `read`, streamed: sorting spills to disk, so memory stays flat in rows."""
        schema = schemas.read(self.lake.use_case, table)
        rows = self.table(table, since, until)
        if order_by:
            rows = rows.order_by(list(order_by))
        reader = rows.to_pyarrow_batches(chunk_size=batch_rows)
        return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in reader))

    def require_whole(self, table: str, since: date | None = None, until: date | None = None) -> None:
        """DayDamaged for the first of those days whose files do not hold what was written; each is looked at once."""
        with contextlib.suppress(FileNotFoundError):  # told below, where it is known of which day it is
            self.files(table, since, until)  # of a lake on S3, several at a time
        for day, partition in self.partitions(table, since, until).items():
            if (table, day) not in self._whole:
                integrity.require_whole(self, table, {day: partition})
                self._whole.add((table, day))

    @contextlib.contextmanager
    def explaining(self, table: str, since: date | None = None, until: date | None = None) -> Iterator[None]:
        """For whoever reads those days unchecked: DayDamaged where that breaks and one of them is damaged."""
        try:
            yield
        except (FileNotFoundError, duckdb.Error):
            self.require_whole(table, since, until)
            raise

    def ordered(
        self, schema: pa.Schema, batches: Iterable[pa.RecordBatch], keys: Sequence[str]
    ) -> Iterator[pa.RecordBatch]:
        """Those rows in the order of their keys, in the memory that this view may use: see `sorting`."""
        return sorting.ordered(self._connection().con, schema, batches, keys)

    def files(self, table: str, since: date | None, until: date | None) -> list[tuple[date, str]]:
        """Day and path on disk of each file of those days, never of a later day than the view's.

        Of a lake on S3 they are fetched now, unless they were, and go when the view, and what reads from it, is gone.
        """
        found = self.places(table, since, until)
        paths = self._fetched.paths(self.lake.root, [place for _, place in found])
        return [(day, str(path)) for (day, _), path in zip(found, paths, strict=True)]

    def places(self, table: str, since: date | None = None, until: date | None = None) -> list[tuple[date, Place]]:
        """As `files`, where they are, without fetching any."""
        root, first, last = self.lake.root / table, since or date.min, min(until or self.day, self.day)
        if table not in self._files:
            self._files[table] = partitions.files(self._delta(table))
        return [(day, root / path) for day, path in self._files[table] if first <= day <= last]

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
            weakref.finalize(self._duckdb, Fetched.remain, self._fetched)
        return self._duckdb


def _with_day(rows: pa.Table, day: date) -> pa.Table:
    return rows.append_column("day", pa.repeat(pa.scalar(day, pa.date32()), rows.num_rows))
