"""Read and write the lake of a use case.

It has one Delta table per kind of content, with one partition per day. Nothing else reads or writes the tables.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction

from include.declaration.period import EARLIEST, LATEST, Period
from include.declaration.use_case import UseCase
from include.errors import AirworthyError, ColumnsError
from include.lake import (
    file_signature,
    history,
    integrity,
    partition_reader,
    partitions,
    s3,
    schema_evolution,
    schemas,
    storable_values,
)
from include.lake.lake_format import lake_root, mark_format
from include.lake.object_store import StoragePath, unfinished_name
from include.lake.partition_writer import PartitionFile, RowsUnsortedError, write_partition_file
from include.lake.partitions import Partition
from include.lake.snapshot import AsOfSnapshot
from include.lake.sorting import sort_rows

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
    """A partition could not be committed: other writers committed first in every attempt."""

    retryable = True

    def __init__(self, table: str, period: Period, cause: Exception) -> None:
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
class Lake:
    """The tables of one use case, under `<lake>/<use case>/<table>`."""

    use_case: UseCase
    root: StoragePath = field(repr=False)

    @classmethod
    def open(cls, use_case: UseCase, lake: str = "") -> Lake:
        """Return the use case's part of `lake`.

        Without `lake`, the lake of the settings is used.

        Raises:
            LakeFormatError: the lake has another format.
        """
        return cls(use_case, lake_root(use_case.name, lake))

    def as_of(self, period: Period, memory: str = "2GB") -> AsOfSnapshot:
        """Return the lake as it was known at the decision time of `period`.

        Later partitions are never read. `memory` is DuckDB's limit; beyond it, DuckDB spills to disk.
        """
        return AsOfSnapshot(self, period, memory)

    def at_versions(self, period: Period, versions: Mapping[str, int | None]) -> AsOfSnapshot:
        """Return the same as `as_of`, with tables at these Delta versions.

        None means the newest version. Creates no table.

        Raises:
            TableVersionMissingError: a version cannot be read.
        """
        return AsOfSnapshot(
            self,
            period,
            deltas={name: history.open_table(self.uri(name), version) for name, version in versions.items()},
        )

    def uri(self, table: str) -> str:
        """Return the address of a table."""
        return (self.root / table).uri

    def delta(self, table: str) -> DeltaTable:
        """Return the Delta table; create it empty if it does not exist."""
        return s3.retry_cut_connection(self.uri(table), lambda: self._open_or_create(table))

    def _open_or_create(self, table: str) -> DeltaTable:
        uri = self.uri(table)
        for attempt in range(ATTEMPTS):
            if DeltaTable.is_deltatable(uri, s3.storage_options(uri)):
                return history.open_table(uri)
            try:
                return self._create(table)
            except DeltaError:  # another process may have created it meanwhile
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def _create(self, table: str) -> DeltaTable:
        mark_format(self.root)
        place = self.root / table
        if place.is_local:
            place.path.mkdir(parents=True, exist_ok=True)
        return DeltaTable.create(
            place.uri,
            schema=Schema.from_arrow(schemas.stored_schema(self.use_case, table)),
            mode="ignore",
            partition_by=[*schemas.PARTITION],
            # With clean-up on, a checkpoint would delete log files that are needed to load old versions.
            configuration={"delta.enableExpiredLogCleanup": "false"},
            storage_options=s3.storage_options(place.uri),
        )

    def replace(
        self,
        table: str,
        period: Period,
        rows: pa.Table | pa.RecordBatchReader,
        *,
        inputs: Mapping[str, str],
        stage: str,
        code: str = "",
        versions: Mapping[str, int] | None = None,
        if_absent: bool = False,
        expected_digest: str | None = None,
    ) -> Commit:
        """Replace the content of one day by `rows` in one commit.

        No rows are committed if the content is equal. `rows` have the table's columns without `day` and `digest`. A
        `pa.Table` is sorted by the table's keys here; a reader must deliver that order, and is read in constant memory.
        Zero rows are content too: the day was run and is empty. The commit stores `inputs` (name to digest), `code`
        (digest of the code that made the rows), `versions` (table to the Delta version that was read) and the row
        count. If the content is equal but inputs or code differ, only these notes are committed. With `if_absent`, a
        day that has content keeps it; with `expected_digest`, the day is replaced only if its content has this digest
        (empty: no content).

        Raises:
            ColumnsError: columns or types differ from the declared ones.
            NonFiniteValueError: a value is NaN or infinite.
            InvalidUtf8Error: a string is not UTF-8.
            NotADateError: a date is outside the years 1 to 9999.
            RowsUnsortedError: a reader is not in key order.
            PartitionConflictError: the content of the day does not have `expected_digest`.
            CommitConflictError: there were too many conflicts.
        """
        names = self._require_columns(table, period, rows.schema)
        delta = self.delta(table)
        self._evolve_schema(delta, table)  # refuses a clashing type before anything is written
        schema, keys = schemas.content_schema(self.use_case, table), schemas.sort_keys(self.use_case, table)
        with self._temporary_file(table) as path:
            if isinstance(rows, pa.Table):
                batches: Iterable[pa.RecordBatch] = sort_rows(rows.select(names), keys).to_batches()
            else:
                batches = (batch.select(names) for batch in rows)
            batches = (pa.record_batch(batch.columns, schema=schema) for batch in batches)  # drops foreign metadata
            file = write_partition_file(path, schema, batches, keys, period, schemas.row_keys(self.use_case, table))
            self._require_sound(table, period, file)
            notes = history.to_metadata(
                period=period,
                stage=stage,
                digest=file.content.hexdigest(),
                rows=file.content.rows,
                inputs=inputs,
                versions=versions or {},
                code=code,
            )
            return self._commit_once(delta, table, period, file, notes, if_absent, expected_digest)

    def remove_partition(self, table: str, period: Period, *, stage: str) -> Commit:
        """Remove a day from a table, as if never written.

        Its files stay in the table's history.
        """
        notes = history.to_metadata(period=period, stage=stage, digest="", rows=0, inputs={}, versions={}, code="")
        failure: Exception | None = None
        for _ in range(ATTEMPTS):
            delta = self.delta(table)
            if period not in partitions.list_partitions(delta, period, period):
                return Commit(table, period, Partition("", 0), delta.version(), changed=False)
            try:
                with s3.translate_s3_errors(self.uri(table)):
                    version = self._commit(delta, table, period, [], notes)
            except (CommitFailedError, s3.ConnectionLostError) as conflict:
                failure = conflict
            else:
                return Commit(table, period, Partition("", 0), version, changed=True)
        raise _commit_error(table, period, failure)

    def start_generation(self, table: str, since: Period, periods: Sequence[Period]) -> int:
        """Remove these days from the table and set the declared columns, in one commit.

        Returns the Delta version of the commit; earlier versions still hold the removed days.

        Raises:
            ColumnCaseError: a column of the remaining days differs from a declared one in case only.
            CommitConflictError: there were too many conflicts.
        """
        failure: Exception | None = None
        for _ in range(ATTEMPTS):
            delta = self.delta(table)
            before, declared = delta.version(), schemas.content_schema(self.use_case, table)
            remaining = partitions.list_partitions(delta, EARLIEST, LATEST).keys() - set(periods)
            if remaining:
                schema_evolution.require_cases(self.use_case.name, table, _columns(delta), declared)
            others = [field for field in _columns(delta) if remaining and field.name not in declared.names]
            transactions = [Transaction(history.transaction_id(period), before + 1) for period in periods or [since]]
            notes = {"stage": "rebuild", "from": since.key, "removed": str(len(periods))}
            try:
                with s3.translate_s3_errors(self.uri(table)):
                    delta.create_write_transaction(
                        [],
                        mode="overwrite",
                        schema=Schema.from_arrow(schemas.with_partition(pa.schema([*declared, *others]))),
                        partition_by=[*schemas.PARTITION],
                        partition_filters=[("period", "in", [period.key for period in periods or [since]])],
                        commit_properties=CommitProperties(custom_metadata=notes, app_transactions=transactions),
                    )
            except (CommitFailedError, s3.ConnectionLostError) as conflict:
                failure = conflict
            else:
                return before + 1
        raise _commit_error(table, since, failure)

    @contextlib.contextmanager
    def _temporary_file(self, table: str) -> Iterator[Path]:
        """Yield a path for a new file, on the table's disk if the table is local.

        The file is removed at the end.
        """
        place = self.root / table
        if not place.is_local:
            with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
                yield Path(folder) / "rows.parquet"
            return
        place.path.mkdir(parents=True, exist_ok=True)
        path = place.path / unfinished_name()
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _require_sound(self, table: str, period: Period, file: PartitionFile) -> None:
        name = f"{self.use_case.name}: {table}"
        storable_values.require_sound(self.use_case.name, table, period, file.unsound)
        if not file.ascending:
            raise RowsUnsortedError(name, period, schemas.sort_keys(self.use_case, table))

    def _commit_once(
        self,
        delta: DeltaTable,
        table: str,
        period: Period,
        file: PartitionFile,
        notes: Mapping[str, str],
        if_absent: bool,
        expected_digest: str | None,
    ) -> Commit:
        """Commit the file unless the day has this content (or any) already.

        After a conflict, the content is compared again.
        """
        partition = Partition(file.content.hexdigest(), file.content.rows)
        failure: Exception | None = None
        action: AddAction | None = None
        for attempt in range(ATTEMPTS):
            delta = self.delta(table) if attempt else delta
            stored = partitions.list_partitions(delta, period, period).get(period)
            same = stored == partition and self._is_whole(delta, table, period)
            if stored and (if_absent or (same and not self._notes_differ(delta, table, period, notes))):
                return Commit(table, period, stored, delta.version(), changed=False)
            if (
                expected_digest is not None
                and stored != partition
                and expected_digest != (stored.digest if stored else "")
            ):
                raise PartitionConflictError(self.use_case.name, table, period)
            try:
                with s3.translate_s3_errors(self.uri(table)):
                    if not same and action is None:
                        action = self._store_file(table, period, file, partition)
                    actions = None if same or action is None else [action]
                    version = self._commit(delta, table, period, actions, notes)
            except (
                CommitFailedError,
                s3.ConnectionLostError,
            ) as conflict:  # after a lost connection, it is unknown whether the commit succeeded
                failure = conflict
            else:
                return Commit(table, period, partition, version, changed=not same)
        raise _commit_error(table, period, failure)

    def _is_whole(self, delta: DeltaTable, table: str, period: Period) -> bool:
        """Return whether the day's file is undamaged: running a day again replaces a damaged file."""
        return not integrity.broken_periods(AsOfSnapshot(self, period, deltas={table: delta}), table, period, period)

    def _notes_differ(self, delta: DeltaTable, table: str, period: Period, notes: Mapping[str, str]) -> bool:
        """Return whether inputs or code differ from those of the day's newest commit."""
        newest = history.newest_version(self.root / table, delta, period)
        return newest is None or newest.made_from != history.commit_inputs(notes)

    def _store_file(self, table: str, period: Period, file: PartitionFile, partition: Partition) -> AddAction:
        """Move the file into the table, under a name with its checksum and a signature."""
        signed = (f"{self.use_case.name}/{table}", period, partition.digest, partition.rows, file.sha256)
        path = f"period={period}/{file_signature.signed_name(*signed)}"
        (self.root / table / path).put(file.path)
        return AddAction(
            path=path,
            size=file.size,
            partition_values={"period": period.key, "digest": partition.digest},
            modification_time=int(time.time() * 1000),
            data_change=True,
            stats=json.dumps({"numRecords": partition.rows}),
        )

    def _commit(
        self,
        delta: DeltaTable,
        table: str,
        period: Period,
        actions: Sequence[AddAction] | None,
        notes: Mapping[str, str],
    ) -> int:
        """Replace the day's files by those of `actions`.

        With None, the files are kept and the notes alone are committed. Returns the Delta version of the commit.
        Writers of one day use the same application id, so the second of two concurrent writers fails even if the day is
        new; writers of different days do not conflict.
        """
        before = delta.version()
        schema = self._evolve_schema(delta, table) if actions else _columns(delta)
        transaction = Transaction(app_id=history.transaction_id(period), version=before + 1)
        delta.create_write_transaction(
            list(actions or []),
            mode="append" if actions is None else "overwrite",
            schema=Schema.from_arrow(schemas.with_partition(schema)),
            partition_by=[*schemas.PARTITION],
            partition_filters=[("period", "=", period.key)],
            commit_properties=CommitProperties(custom_metadata=dict(notes), app_transactions=[transaction]),
        )
        delta.update_incremental()
        if delta.version() == before + 1:
            return before + 1
        mine = history.newest_version(self.root / table, delta, period)
        return mine.version if mine else delta.version()

    def _evolve_schema(self, delta: DeltaTable, table: str) -> pa.Schema:
        """Return the columns of the table from the next commit on.

        Raises:
            ColumnCaseError: a declared name differs from a stored one in case only.
            SchemaNarrowedError: a declared type does not hold the stored values.
        """
        declared = schemas.content_schema(self.use_case, table)
        stored = _columns(delta)
        if stored.equals(declared):
            return declared
        view = AsOfSnapshot(self, LATEST, deltas={table: delta})
        if not view.partitions(table):
            return declared

        def is_exact(column: str, bound: int) -> bool:
            files = [path for _, path in view.files(table, None, None)]
            return all(partition_reader.is_within(path, column, bound) for path in files)

        return schema_evolution.evolve(self.use_case.name, table, stored, declared, is_exact)

    def _require_columns(self, table: str, period: Period, schema: pa.Schema) -> list[str]:
        """Return the declared column names, in order.

        Raises:
            ColumnsError: columns or types differ from the declared ones.
        """
        declared, counts = schemas.content_schema(self.use_case, table), Counter(schema.names)
        missing, extra = set(declared.names) - counts.keys(), counts.keys() - set(declared.names)
        types = [
            f"{f.name} is {schema.field(f.name).type}, declared {f.type}"
            for f in declared
            if counts[f.name] == 1 and schema.field(f.name).type != f.type
        ]
        types += [f"{name} is there more than once" for name in declared.names if counts[name] > 1]
        if missing or extra or types:
            hint = "Correct the function that returns the rows, or the declaration (Delta would cast silently)."
            raise ColumnsError(f"{self.use_case.name}: {table}", period, missing, extra, types, hint)
        return list(declared.names)


def _columns(delta: DeltaTable) -> pa.Schema:
    """Return the columns of a table without those of its partitions."""
    schema = pa.schema(delta.schema().to_arrow())
    return pa.schema([field for field in schema if field.name not in schemas.PARTITION])


def _commit_error(table: str, period: Period, failure: Exception | None) -> AirworthyError:
    """Return the error for a commit that failed in every attempt, with the last failure."""
    if isinstance(failure, s3.ConnectionLostError):
        return failure
    conflict = CommitConflictError(table, period, failure or RuntimeError("unknown"))
    conflict.__cause__ = failure
    return conflict
