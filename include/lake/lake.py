"""The lake: one Delta table per kind of content, one partition per day. The only way to read or write it."""

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
    soundness,
)
from include.lake.lake_format import lake_root, mark_format
from include.lake.object_store import StoragePath, unfinished_name
from include.lake.partition_writer import PartitionFile, RowsUnsortedError, write_partition_file
from include.lake.partitions import Partition
from include.lake.snapshot import AsOfSnapshot
from include.lake.sorting import sort_rows

ATTEMPTS = 8
"""Tries at one commit; of 200 commits by eight writers at once, four needed a second."""


class PartitionConflictError(AirworthyError):
    """A day is not what it was when what should replace it was made: another process was quicker."""

    retryable = True

    def __init__(self, use_case: str, table: str, period: Period) -> None:
        super().__init__(
            f"{use_case}: {table} of {period} was written by somebody else meanwhile. Nothing was written here. Run the"
            " task again: it takes what is there now."
        )


class CommitConflictError(AirworthyError):
    """A partition could not be committed: other writers were first, again and again."""

    retryable = True

    def __init__(self, table: str, period: Period, cause: Exception) -> None:
        super().__init__(
            f"{table} of {period} could not be committed in {ATTEMPTS} tries; the old partition stands whole."
            f" Last conflict: {cause}. Run the task again when fewer writers are at work."
        )


@dataclass(frozen=True)
class Commit:
    """What a write did: `version` is the table's Delta version, unchanged where nothing was committed."""

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
        """Return the use case's part of `lake`, or else of the one that the settings name.

        Raises:
            LakeFormatError: it is stored in another format.
        """
        return cls(use_case, lake_root(use_case.name, lake))

    def as_of(self, period: Period, memory: str = "2GB") -> AsOfSnapshot:
        """What was known at the decision time of `period`: partitions up to `period`, never later ones.

        `memory` is what DuckDB may use at most; beyond it, it spills to disk.
        """
        return AsOfSnapshot(self, period, memory)

    def at_versions(self, period: Period, versions: Mapping[str, int | None]) -> AsOfSnapshot:
        """As `as_of`, of tables as they were at those Delta versions (None: as they are now), and making none.

        Raises history.VersionGone where one cannot be read.
        """
        return AsOfSnapshot(
            self,
            period,
            deltas={name: history.open_table(self.uri(name), version) for name, version in versions.items()},
        )

    def uri(self, table: str) -> str:
        """Where a table is."""
        return (self.root / table).uri

    def delta(self, table: str) -> DeltaTable:
        """The Delta table, made empty if it is not there yet."""
        return s3.retry_cut_connection(self.uri(table), lambda: self._opened(table))

    def _opened(self, table: str) -> DeltaTable:
        uri = self.uri(table)
        for attempt in range(ATTEMPTS):
            if DeltaTable.is_deltatable(uri, s3.storage_options(uri)):
                return history.open_table(uri)
            try:
                return self._made(table)
            except DeltaError:  # others may have made it meanwhile
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def _made(self, table: str) -> DeltaTable:
        mark_format(self.root)
        place = self.root / table
        if place.is_local:
            place.path.mkdir(parents=True, exist_ok=True)
        return DeltaTable.create(
            place.uri,
            schema=Schema.from_arrow(schemas.stored(self.use_case, table)),
            mode="ignore",
            partition_by=[*schemas.PARTITION],
            # With clean-up on, a checkpoint drops log files that old versions need to be loaded.
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
        """Make `rows` the whole content of one day in one commit; commit no rows where the content is equal already.

        `rows` have the table's columns without `period` and `digest`. A table is sorted by the table's keys here; a
        reader must deliver that order, and memory stays flat in its rows. No rows are content too: the day was run and
        is empty. `inputs` (name to digest), `code` (digest of the code that made the rows), `versions` (table to the
        Delta version that was read) and the row count are kept with the commit. Where the content is equal and inputs
        or code are others, these notes alone are committed. With `if_absent`, a day that has any content keeps it;
        with `expected_digest`, a day that has other content than of that digest (empty: none) keeps it.

        Raises:
            ColumnsError: other columns or types than declared.
            NotANumber: NaN or infinities.
            InvalidUtf8Error: strings that are not UTF-8.
            NotADateError: dates outside the years 1 to 9999.
            RowsUnsortedError: a reader that is not in key order.
            PartitionConflictError: the day has other content than `expected_digest`.
            CommitConflictError: too many conflicts.
        """
        names = self._checked(table, period, rows.schema)
        delta = self.delta(table)
        self._evolved(delta, table)  # refuses a clashing type before anything is written
        schema, keys = schemas.content(self.use_case, table), schemas.keys(self.use_case, table)
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

    def withdraw(self, table: str, period: Period, *, stage: str) -> Commit:
        """Remove a day from a table, so that it is missing again; its files stay in the table's history."""
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
        raise _commit_lost(table, period, failure)

    def start_generation(self, table: str, since: Period, days: Sequence[Period]) -> int:
        """Remove these days from the table and give it the columns that are declared now, in one commit.

        Returns the Delta version of the commit; the versions before it hold the table as it was.

        Raises:
            ColumnCaseError: of the days that are left, a column differs from a declared one in case only.
            CommitConflictError: too many conflicts.
        """
        failure: Exception | None = None
        for _ in range(ATTEMPTS):
            delta = self.delta(table)
            before, declared = delta.version(), schemas.content(self.use_case, table)
            left = partitions.list_partitions(delta, EARLIEST, LATEST).keys() - set(days)
            if left:
                schema_evolution.require_cases(self.use_case.name, table, _columns(delta), declared)
            others = [field for field in _columns(delta) if left and field.name not in declared.names]
            transactions = [Transaction(history.transaction_of(day), before + 1) for day in days or [since]]
            notes = {"stage": "rebuild", "from": since.key, "removed": str(len(days))}
            try:
                with s3.translate_s3_errors(self.uri(table)):
                    delta.create_write_transaction(
                        [],
                        mode="overwrite",
                        schema=Schema.from_arrow(schemas.with_partition(pa.schema([*declared, *others]))),
                        partition_by=[*schemas.PARTITION],
                        partition_filters=[("day", "in", [day.key for day in days or [since]])],
                        commit_properties=CommitProperties(custom_metadata=notes, app_transactions=transactions),
                    )
            except (CommitFailedError, s3.ConnectionLostError) as conflict:
                failure = conflict
            else:
                return before + 1
        raise _commit_lost(table, since, failure)

    @contextlib.contextmanager
    def _temporary_file(self, table: str) -> Iterator[Path]:
        """Yield a path for a file to be written, on the disk of the table if that is local; removed at the end."""
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
        soundness.require_sound(self.use_case.name, table, period, file.unsound)
        if not file.ascending:
            raise RowsUnsortedError(name, period, schemas.keys(self.use_case, table))

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
        """Commit unless the day holds this content (or any) already; on a conflict look again, then try again."""
        partition = Partition(file.content.hexdigest(), file.content.rows)
        failure: Exception | None = None
        action: AddAction | None = None
        for attempt in range(ATTEMPTS):
            delta = self.delta(table) if attempt else delta
            there = partitions.list_partitions(delta, period, period).get(period)
            same = there == partition and self._is_whole(delta, table, period)
            if there and (if_absent or (same and not self._notes_differ(delta, table, period, notes))):
                return Commit(table, period, there, delta.version(), changed=False)
            if (
                expected_digest is not None
                and there != partition
                and expected_digest != (there.digest if there else "")
            ):
                raise PartitionConflictError(self.use_case.name, table, period)
            try:
                with s3.translate_s3_errors(self.uri(table)):
                    if not same and action is None:
                        action = self._stored(table, period, file, partition)
                    actions = None if same or action is None else [action]
                    version = self._commit(delta, table, period, actions, notes)
            except (CommitFailedError, s3.ConnectionLostError) as conflict:  # a cut tells nothing of what is there now
                failure = conflict
            else:
                return Commit(table, period, partition, version, changed=not same)
        raise _commit_lost(table, period, failure)

    def _is_whole(self, delta: DeltaTable, table: str, period: Period) -> bool:
        """Whether the day's file holds what was written: running a day again replaces a damaged one."""
        return not integrity.broken_days(AsOfSnapshot(self, period, deltas={table: delta}), table, period, period)

    def _notes_differ(self, delta: DeltaTable, table: str, period: Period, notes: Mapping[str, str]) -> bool:
        """Whether the day was made from other inputs, or by other code, than its newest commit says."""
        newest = history.newest_version(self.root / table, delta, period)
        return newest is None or newest.made_from != history.commit_inputs(notes)

    def _stored(self, table: str, period: Period, file: PartitionFile, partition: Partition) -> AddAction:
        """Move the file to its place in the table, under a name that holds its checksum and a signature."""
        signed = (f"{self.use_case.name}/{table}", period, partition.digest, partition.rows, file.sha256)
        path = f"day={period}/{file_signature.signed_name(*signed)}"
        (self.root / table / path).put(file.path)
        return AddAction(
            path=path,
            size=file.size,
            partition_values={"day": period.key, "digest": partition.digest},
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
        """Replace the day's files by those of `actions`; None leaves them and commits the notes alone.

        Returns the Delta version of the commit. Two writers of one day name the same application, so that the second
        of them fails even where the day is new; writers of different days do not.
        """
        before = delta.version()
        schema = self._evolved(delta, table) if actions else _columns(delta)
        transaction = Transaction(app_id=history.transaction_of(period), version=before + 1)
        delta.create_write_transaction(
            list(actions or []),
            mode="append" if actions is None else "overwrite",
            schema=Schema.from_arrow(schemas.with_partition(schema)),
            partition_by=[*schemas.PARTITION],
            partition_filters=[("day", "=", period.key)],
            commit_properties=CommitProperties(custom_metadata=dict(notes), app_transactions=[transaction]),
        )
        delta.update_incremental()
        if delta.version() == before + 1:
            return before + 1
        mine = history.newest_version(self.root / table, delta, period)
        return mine.version if mine else delta.version()

    def _evolved(self, delta: DeltaTable, table: str) -> pa.Schema:
        """Return the columns that the table has from the next commit on. Raises SchemaNarrowedError."""
        declared = schemas.content(self.use_case, table)
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

    def _checked(self, table: str, period: Period, schema: pa.Schema) -> list[str]:
        """The declared column names, in order; ColumnsError unless exactly these are there, of these types."""
        declared, times = schemas.content(self.use_case, table), Counter(schema.names)
        missing, extra = set(declared.names) - times.keys(), times.keys() - set(declared.names)
        types = [
            f"{f.name} is {schema.field(f.name).type}, declared {f.type}"
            for f in declared
            if times[f.name] == 1 and schema.field(f.name).type != f.type
        ]
        types += [f"{name} stands there more than once" for name in declared.names if times[name] > 1]
        if missing or extra or types:
            hint = "Make the function that returns them, or the declaration, say the same (Delta would cast silently)."
            raise ColumnsError(f"{self.use_case.name}: {table}", period, missing, extra, types, hint)
        return list(declared.names)


def _columns(delta: DeltaTable) -> pa.Schema:
    """Return the columns of a table without those of its partitions."""
    schema = pa.schema(delta.schema().to_arrow())
    return pa.schema([field for field in schema if field.name not in schemas.PARTITION])


def _commit_lost(table: str, period: Period, failure: Exception | None) -> AirworthyError:
    if isinstance(failure, s3.ConnectionLostError):
        return failure
    lost = CommitConflictError(table, period, failure or RuntimeError("unknown"))
    lost.__cause__ = failure
    return lost
