"""Write the partitions of one Delta table.

Each write is one commit, repeated after a conflict.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction

from include.declaration.calendars import Calendar
from include.declaration.period import EARLIEST, LATEST, Period
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
from include.lake.column_check import require_declared_columns
from include.lake.object_store import file_for
from include.lake.partition_writer import PartitionFile, RowsUnsortedError, write_partition_file
from include.lake.partitions import Partition
from include.lake.snapshot import AsOfSnapshot
from include.lake.sorting import sort_rows
from include.lake.table_commit import ATTEMPTS, Commit, CommitNotes, PartitionConflictError, commit_error

if TYPE_CHECKING:
    from include.declaration.data_declaration import DataDeclaration
    from include.lake.lake import Lake


@dataclass(frozen=True)
class TableWriter:
    """Writes one table of a lake."""

    lake: Lake
    table: str

    @property
    def _use_case(self) -> DataDeclaration:
        return self.lake.use_case

    @property
    def _calendar(self) -> Calendar:
        return self._use_case.calendar

    def replace(
        self,
        period: Period,
        rows: pa.Table | pa.RecordBatchReader,
        notes: CommitNotes,
        *,
        if_absent: bool = False,
        expected_digest: str | None = None,
    ) -> Commit:
        """Replace the content of one day by `rows` in one commit, see `Lake.replace`."""
        names = require_declared_columns(self._use_case, self.table, period, rows.schema)
        with self.lake.delta_to_write(self.table) as delta:
            self._evolve_schema(delta)  # refuses a clashing type before anything is written
        schema = schemas.content_schema(self._use_case, self.table)
        keys, row_keys = schemas.sort_keys(self._use_case, self.table), schemas.row_keys(self._use_case, self.table)
        with file_for(self.lake.root / self.table) as path:
            if isinstance(rows, pa.Table):
                batches: Iterable[pa.RecordBatch] = sort_rows(rows.select(names), keys).to_batches()
                checked: Sequence[str] = ()  # they are in order
            else:
                batches, checked = (batch.select(names) for batch in rows), keys
            batches = (pa.record_batch(batch.columns, schema=schema) for batch in batches)  # drops foreign metadata
            file = write_partition_file(
                path, schema, batches, checked, period, row_keys, personal=self._use_case.personal_columns
            )
            self._require_sound(period, file)
            metadata = history.to_metadata(
                period=period,
                stage=notes.stage,
                digest=file.content.hexdigest(),
                rows=file.content.rows,
                inputs=notes.inputs,
                versions=notes.versions,
                code=notes.code,
                cpu_seconds=time.process_time() - notes.cpu_since + notes.cpu_elsewhere(),
                counts=notes.counts(),
            )
            return self._commit_once(period, file, metadata, if_absent, expected_digest)

    def find_unchanged(self, period: Period, inputs: Mapping[str, str], code: str) -> Commit | None:
        """Return the day's partition if it was made from this, see `Lake.find_unchanged`."""
        delta = self.lake.peek_delta(self.table)
        stored = partitions.list_partitions(delta, self._calendar, period, period).get(period)
        note = history.newest_version(self.lake.root / self.table, delta, period) if stored else None
        if stored is None or note is None or (note.digest, note.inputs, note.code) != (stored.digest, inputs, code):
            return None
        is_whole = self._is_whole(delta, period)
        return Commit(self.table, period, stored, delta.version(), changed=False) if is_whole else None

    def remove_partition(self, period: Period, stage: str) -> Commit:
        """Remove a day from the table, see `Lake.remove_partition`."""
        notes = history.to_metadata(period=period, stage=stage, digest="", rows=0, inputs={}, versions={}, code="")
        failure: Exception | None = None
        for _ in range(ATTEMPTS):
            try:
                with self.lake.delta_to_write(self.table) as delta, s3.translate_s3_errors(self.lake.uri(self.table)):
                    if period not in partitions.list_partitions(delta, self._calendar, period, period):
                        return Commit(self.table, period, Partition("", 0), delta.version(), changed=False)
                    version = self._commit(delta, period, [], notes)
            except (CommitFailedError, s3.ConnectionLostError) as conflict:
                failure = conflict
            else:
                return Commit(self.table, period, Partition("", 0), version, changed=True)
        raise commit_error(self.table, period, failure)

    def start_generation(self, since: Period, periods: Sequence[Period]) -> int:
        """Remove these days and set the declared columns, see `Lake.start_generation`."""
        failure: Exception | None = None
        for _ in range(ATTEMPTS):
            try:
                with self.lake.delta_to_write(self.table) as delta, s3.translate_s3_errors(self.lake.uri(self.table)):
                    return self._start_generation(delta, since, periods)
            except (CommitFailedError, s3.ConnectionLostError) as conflict:
                failure = conflict
        raise commit_error(self.table, since, failure)

    def _start_generation(self, delta: DeltaTable, since: Period, periods: Sequence[Period]) -> int:
        before, declared = delta.version(), schemas.content_schema(self._use_case, self.table)
        remaining = partitions.list_partitions(delta, self._calendar, EARLIEST, LATEST).keys() - set(periods)
        if remaining:
            schema_evolution.require_cases(self._use_case.name, self.table, _columns(delta), declared)
        others = [field for field in _columns(delta) if remaining and field.name not in declared.names]
        transactions = [Transaction(history.transaction_id(period), before + 1) for period in periods or [since]]
        notes = {"stage": "rebuild", "from": since.key, "removed": str(len(periods))}
        delta.create_write_transaction(
            [],
            mode="overwrite",
            schema=Schema.from_arrow(schemas.with_partition(pa.schema([*declared, *others]), self._calendar.unit)),
            partition_by=[*schemas.PARTITION],
            partition_filters=[("period", "in", [*map(partitions.partition_value, periods or [since])])],
            commit_properties=CommitProperties(custom_metadata=notes, app_transactions=transactions),
        )
        delta.update_incremental()
        return before + 1

    def _require_sound(self, period: Period, file: PartitionFile) -> None:
        name = f"{self._use_case.name}: {self.table}"
        storable_values.require_sound(self._use_case.name, self.table, period, file.unsound)
        if not file.ascending:
            raise RowsUnsortedError(name, period, schemas.sort_keys(self._use_case, self.table))

    def _commit_once(
        self,
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
        for _ in range(ATTEMPTS):
            try:
                with self.lake.delta_to_write(self.table) as delta, s3.translate_s3_errors(self.lake.uri(self.table)):
                    stored = partitions.list_partitions(delta, self._calendar, period, period).get(period)
                    same = stored == partition and self._is_whole(delta, period)
                    if stored and (if_absent or (same and not self._notes_differ(delta, period, notes))):
                        return Commit(self.table, period, stored, delta.version(), changed=False)
                    self._require_expected(period, stored, partition, expected_digest)
                    if not same and action is None:
                        action = self._store_file(period, file, partition)
                    version = self._commit(delta, period, None if same or action is None else [action], notes)
                    return Commit(self.table, period, partition, version, changed=not same)
            except (
                CommitFailedError,
                s3.ConnectionLostError,
            ) as conflict:  # after a lost connection, it is unknown whether the commit succeeded
                failure = conflict
        raise commit_error(self.table, period, failure)

    def _require_expected(
        self, period: Period, stored: Partition | None, partition: Partition, expected_digest: str | None
    ) -> None:
        """Check that the day has the expected content, or that of the file already.

        Raises:
            PartitionConflictError: it has not.
        """
        if expected_digest is None or stored == partition:
            return
        if expected_digest != (stored.digest if stored else ""):
            raise PartitionConflictError(self._use_case.name, self.table, period)

    def _is_whole(self, delta: DeltaTable, period: Period) -> bool:
        """Return whether the day's file is undamaged.

        Running a day again replaces a damaged file.
        """
        view = AsOfSnapshot(self.lake, period, deltas={self.table: delta})
        return not integrity.broken_periods(view, self.table, period, period)

    def _notes_differ(self, delta: DeltaTable, period: Period, notes: Mapping[str, str]) -> bool:
        """Return whether the notes differ from those of the day's newest commit."""
        newest = history.newest_version(self.lake.root / self.table, delta, period)
        return newest is None or not history.says_the_same(newest, notes)

    def _store_file(self, period: Period, file: PartitionFile, partition: Partition) -> AddAction:
        """Move the file into the table, under a name with its checksum and a signature."""
        signed = (f"{self._use_case.name}/{self.table}", period, partition.digest, partition.rows, file.sha256)
        path = f"period={period}/{file_signature.signed_name(*signed)}"
        (self.lake.root / self.table / path).put(file.path)
        return AddAction(
            path=path,
            size=file.size,
            partition_values=partitions.partition_values(period, partition.digest),
            modification_time=int(time.time() * 1000),
            data_change=True,
            stats=json.dumps({"numRecords": partition.rows}),
        )

    def _commit(
        self,
        delta: DeltaTable,
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
        schema = self._evolve_schema(delta) if actions else _columns(delta)
        transaction = Transaction(app_id=history.transaction_id(period), version=before + 1)
        delta.create_write_transaction(
            list(actions or []),
            mode="append" if actions is None else "overwrite",
            schema=Schema.from_arrow(schemas.with_partition(schema, self._calendar.unit)),
            partition_by=[*schemas.PARTITION],
            partition_filters=[("period", "=", partitions.partition_value(period))],
            commit_properties=CommitProperties(custom_metadata=dict(notes), app_transactions=[transaction]),
        )
        delta.update_incremental()
        if delta.version() == before + 1:
            return before + 1
        mine = history.newest_version(self.lake.root / self.table, delta, period)
        return mine.version if mine else delta.version()

    def _evolve_schema(self, delta: DeltaTable) -> pa.Schema:
        """Return the columns of the table from the next commit on.

        Raises:
            ColumnCaseError: a declared name differs from a stored one in case only.
            SchemaNarrowedError: a declared type does not hold the stored values.
        """
        declared = schemas.content_schema(self._use_case, self.table)
        stored = _columns(delta)
        if stored.equals(declared):
            return declared
        view = AsOfSnapshot(self.lake, LATEST, deltas={self.table: delta})
        if not view.partitions(self.table):
            return declared

        def is_exact(column: str, bound: int) -> bool:
            files = [path for _, path in view.files(self.table, None, None)]
            return all(partition_reader.is_within(path, column, bound) for path in files)

        return schema_evolution.evolve(self._use_case.name, self.table, stored, declared, is_exact)


def _columns(delta: DeltaTable) -> pa.Schema:
    """Return the columns of a table without those of its partitions."""
    schema = pa.schema(delta.schema().to_arrow())
    return pa.schema([field for field in schema if field.name not in schemas.PARTITION])
