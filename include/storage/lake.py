"""The lake: one Delta table per kind of content, one partition per day. The only way to read or write it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from include import settings
from include.errors import AirworthyError, BadData, ColumnsWrong
from include.logic import digests
from include.logic.digests import ContentDigest
from include.storage import history, partitions, schemas
from include.storage.partitions import Partition
from include.use_case import UseCase

ATTEMPTS = 8
"""Tries at one commit; of 200 commits by eight writers at once, four needed a second."""


class NotANumber(BadData):
    """A column holds NaN, which engines read differently, or an infinity; a missing value is null."""

    def __init__(self, table: str, day: date, columns: Sequence[str]) -> None:
        super().__init__(
            f"{table} of {day} has NaN or infinities in {list(columns)}. Nothing was written. A missing value is null:"
            " return nulls from the function that makes these rows (pyarrow.array with from_pandas=True does)."
        )


class CommitLost(AirworthyError):
    """A partition could not be committed: other writers were first, again and again."""

    worth_retrying = True

    def __init__(self, table: str, day: date, cause: Exception) -> None:
        super().__init__(
            f"{table} of {day} could not be committed in {ATTEMPTS} tries; the old partition stands whole."
            f" Last conflict: {cause}. Run the task again when fewer writers are at work."
        )


@dataclass(frozen=True)
class Commit:
    """What a write did: `version` is the table's Delta version, unchanged where nothing was committed."""

    table: str
    day: date
    partition: Partition
    version: int
    changed: bool


@dataclass(frozen=True)
class Lake:
    """The tables of one use case, under `<lake>/<use case>/<table>`."""

    use_case: UseCase
    root: Path = field(repr=False)

    @classmethod
    def of(cls, use_case: UseCase) -> Lake:
        return cls(use_case, Path(settings.current().lake) / use_case.name)

    def as_of(self, day: date, memory: str = "2GB") -> View:
        """What was known at the decision time of `day`: partitions up to `day`, never later ones.

        `memory` is what DuckDB may use at most; beyond it, it spills to disk.
        """
        return View(self, day, memory)

    def pinned(self, day: date, versions: Mapping[str, int | None]) -> View:
        """As `as_of`, of tables as they were at those Delta versions (None: as they are now), and making none.

        Raises history.VersionGone where one cannot be read.
        """
        return View(self, day, deltas={name: history.at(self.uri(name), version) for name, version in versions.items()})

    def uri(self, table: str) -> str:
        """Where a table is."""
        return str(self.root / table)

    def delta(self, table: str) -> DeltaTable:
        """The Delta table, made empty if it is not there yet."""
        uri = self.uri(table)
        for attempt in range(ATTEMPTS):
            if DeltaTable.is_deltatable(uri):
                return DeltaTable(uri)
            try:
                Path(uri).mkdir(parents=True, exist_ok=True)
                return DeltaTable.create(
                    uri,
                    schema=Schema.from_arrow(schemas.stored(self.use_case, table)),
                    mode="ignore",
                    partition_by=[*schemas.PARTITION],
                    # With clean-up on, a checkpoint drops log files that old versions need to be loaded.
                    configuration={"delta.enableExpiredLogCleanup": "false"},
                )
            except DeltaError:
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def replace(
        self,
        table: str,
        day: date,
        rows: pa.Table | pa.RecordBatchReader,
        *,
        inputs: Mapping[str, str],
        stage: str,
        versions: Mapping[str, int] | None = None,
        unless_there: bool = False,
    ) -> Commit:
        """Make `rows` the whole content of one day, in one commit; commit nothing where it is the same already.

        `rows` have the table's columns without `day` and `digest`. A table is sorted by the table's keys here; a
        reader must deliver that order, and is spooled to a temporary file, so that memory stays flat in rows.
        `inputs` (name to digest), `versions` (table to the Delta version that was read) and the row count are kept
        with the commit; versions alone never make one. With `unless_there`, a day that has any content keeps it.
        Raises ColumnsWrong for other columns or types, NotANumber for NaN or infinities, CommitLost after too many
        conflicts.
        """
        names = self._checked(table, day, rows.schema)
        with tempfile.TemporaryDirectory(prefix="airworthy-") as spool:
            if isinstance(rows, pa.Table):
                content = rows.select(names).sort_by([(k, "ascending") for k in schemas.keys(self.use_case, table)])
                digest = digests.of_batches(content.schema, content.to_batches())
            else:
                content, digest = _spooled(rows, names, Path(spool) / "rows.arrow")
            if digest.not_finite:
                raise NotANumber(f"{self.use_case.name}: {table}", day, sorted(digest.not_finite))
            partition = Partition(digest.hexdigest(), digest.rows)
            notes = {"day": day, "stage": stage, "digest": partition.digest, "rows": partition.rows}
            notes |= {f"{history.INPUT}{name}": digest for name, digest in inputs.items()}
            notes |= {f"{history.VERSION}{name}": version for name, version in (versions or {}).items()}
            properties = CommitProperties(custom_metadata={key: str(value) for key, value in notes.items()})
            return self._commit_once(table, day, content, partition, properties, unless_there)

    def _commit_once(
        self, table: str, day: date, rows: pa.Table, partition: Partition, notes: CommitProperties, unless_there: bool
    ) -> Commit:
        """Commit unless the day holds this content (or any) already; on a conflict look again, then try again."""
        failure: Exception | None = None
        for _ in range(ATTEMPTS):
            delta = self.delta(table)
            there = partitions.of(delta, day, day).get(day)
            if there == partition or (there is None and partition.rows == 0) or (there and unless_there):
                return Commit(table, day, there or partition, delta.version(), changed=False)
            try:
                self._commit(delta, table, day, rows, partition, notes)
            except CommitFailedError as conflict:
                failure = conflict
            else:
                return Commit(table, day, partition, delta.version(), changed=True)
        raise CommitLost(table, day, failure or RuntimeError("unknown")) from failure

    def _commit(
        self, delta: DeltaTable, table: str, day: date, rows: pa.Table, partition: Partition, notes: CommitProperties
    ) -> None:
        where = f"day = '{day.isoformat()}'"
        if partition.rows == 0:
            delta.delete(where, commit_properties=notes)
            return
        stored = schemas.stored(self.use_case, table)
        reader = pa.RecordBatchReader.from_batches(
            stored, (_in_partition(batch, day, partition, stored) for batch in rows.to_batches(max_chunksize=65_536))
        )
        write_deltalake(delta, reader, mode="overwrite", predicate=where, commit_properties=notes)

    def _checked(self, table: str, day: date, there: pa.Schema) -> list[str]:
        """The declared column names, in order; ColumnsWrong unless exactly these are there, of these types."""
        declared = schemas.content(self.use_case, table)
        missing, extra = set(declared.names) - set(there.names), set(there.names) - set(declared.names)
        types = [
            f"{f.name} is {there.field(f.name).type}, declared {f.type}"
            for f in declared
            if f.name not in missing and there.field(f.name).type != f.type
        ]
        if missing or extra or types:
            hint = "Make the function that returns them, or the declaration, say the same (Delta would cast silently)."
            raise ColumnsWrong(f"{self.use_case.name}: {table}", day, missing, extra, types, hint)
        return list(declared.names)


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

    def table(self, table: str, since: date | None = None, until: date | None = None) -> ibis.Table:
        """The rows of those days as an Ibis table on DuckDB, with their `day`; read when it is executed."""
        files, schema = self.files(table, since, until), schemas.read(self.lake.use_case, table)
        if not files:
            return ibis.memtable(schema.empty_table())
        found = self._connection().read_parquet([path for _, path in files], hive_partitioning=True)
        return found.mutate(day=found.day.cast("date")).select(*schema.names)

    def read(
        self, table: str, since: date | None = None, until: date | None = None, order_by: Sequence[str] = ()
    ) -> pa.Table:
        """The rows of those days as an Arrow table with exactly the stored types, `day` included. For days that fit
        into memory: it does without DuckDB, whose start costs more than reading a small day."""
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

    def files(self, table: str, since: date | None, until: date | None) -> list[tuple[date, str]]:
        """Day and path of each file of those days, never of a later day than the view's."""
        root, first, last = Path(self.lake.uri(table)), since or date.min, min(until or self.day, self.day)
        found = partitions.files(self._delta(table))
        return [(day, str(root / unquote(path))) for day, path in found if first <= day <= last]

    def _delta(self, table: str) -> DeltaTable:
        if table not in self._deltas:
            self._deltas[table] = self.lake.delta(table)
        return self._deltas[table]

    def _connection(self) -> ibis.backends.duckdb.Backend:
        if self._duckdb is None:
            self._duckdb = ibis.duckdb.connect(memory_limit=self._memory, preserve_insertion_order=False)
        return self._duckdb


def _spooled(reader: pa.RecordBatchReader, names: Sequence[str], path: Path) -> tuple[pa.Table, ContentDigest]:
    """The reader's rows in a memory-mapped file, and what they are."""
    schema = pa.schema([reader.schema.field(name) for name in names])
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:

        def written() -> Iterator[pa.RecordBatch]:
            for batch in reader:
                writer.write_batch(chosen := batch.select(names))
                yield chosen

        digest = digests.of_batches(schema, written())
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all(), digest


def _with_day(rows: pa.Table, day: date) -> pa.Table:
    return rows.append_column("day", pa.repeat(pa.scalar(day, pa.date32()), rows.num_rows))


def _in_partition(batch: pa.RecordBatch, day: date, partition: Partition, stored: pa.Schema) -> pa.RecordBatch:
    """The batch with its partition columns."""
    constants = [pa.scalar(day, pa.date32()), pa.scalar(partition.digest)]
    return pa.record_batch([*batch.columns, *(pa.repeat(value, batch.num_rows) for value in constants)], schema=stored)
