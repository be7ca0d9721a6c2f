"""Read and write the lake of a use case.

It has one Delta table per kind of content, with one partition per day. Nothing else reads or writes the tables.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError

from include.declaration.data_declaration import DataDeclaration
from include.declaration.feature_group import FeatureGroup
from include.declaration.period import Period
from include.lake import history, s3, schemas
from include.lake.lake_format import lake_root, mark_format
from include.lake.object_store import StoragePath
from include.lake.opened_tables import OpenedTables
from include.lake.snapshot import AsOfSnapshot
from include.lake.table_commit import ATTEMPTS, Commit, CommitNotes
from include.lake.table_writer import TableWriter


@dataclass(frozen=True)
class Lake:
    """The tables of one use case or feature group, under `<lake>/<use case>/<table>`."""

    use_case: DataDeclaration
    """The use case or the feature group."""
    root: StoragePath = field(repr=False)
    address: str = field(default="", repr=False)
    """The folder or S3 address of the lake, if it is not that of the settings."""
    _opened: OpenedTables = field(default_factory=OpenedTables, init=False, repr=False, compare=False)

    @classmethod
    def open(cls, use_case: DataDeclaration, lake: str = "") -> Lake:
        """Return the use case's part of `lake`.

        Without `lake`, the lake of the settings is used.

        Raises:
            LakeFormatError: the lake has another format.
        """
        return cls(use_case, lake_root(use_case.name, lake), lake)

    def of_group(self, group: FeatureGroup) -> Lake:
        """Return the tables of a feature group in the same lake.

        Raises:
            LakeFormatError: the group's tables have another format.
        """
        return Lake.open(group, self.address)

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
        """Return the newest state of a table, for reading; create an empty table."""
        return self._opened.share(table, self.root / table, lambda: self._connected(table))

    def peek_delta(self, table: str) -> DeltaTable:
        """Return the same for a caller that does not keep it."""
        return self._opened.peek(table, self.root / table, lambda: self._connected(table))

    @contextlib.contextmanager
    def delta_to_write(self, table: str) -> Iterator[DeltaTable]:
        """Yield the same for a writer, whose commits change the state; no reader has it."""
        delta = self._opened.take(table, self.root / table, lambda: self._connected(table))
        yield delta
        self._opened.give_back(table, delta)  # not after an error: then the state may be any

    def _connected(self, table: str) -> DeltaTable:
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
        cpu_since: float | None = None,
        cpu_elsewhere: Callable[[], float] = float,
        counts: Callable[[], Mapping[str, int]] = dict,
    ) -> Commit:
        """Replace the content of one day by `rows` in one commit.

        No rows are committed if the content is equal. `rows` have the table's columns without `period` and `digest`. A
        `pa.Table` is sorted by the table's keys here; a reader must deliver that order, and is read in constant memory.
        Zero rows are content too: the day was run and is empty. The commit stores `inputs` (name to digest), `code`
        (digest of the code that made the rows), `versions` (table to the Delta version that was read), the row count,
        the processor time since `cpu_since` (of `time.process_time()`; None: now) plus what `cpu_elsewhere` returns,
        and what `counts` returns; both are called when all rows were read. If the content is equal but inputs, code or
        counts differ, only these notes are committed. With `if_absent`, a day that has content keeps it; with
        `expected_digest`, the day is replaced only if its content
        has this digest (empty: no content).

        Raises:
            ColumnsError: columns or types differ from the declared ones.
            NonFiniteValueError: a value is NaN or infinite.
            InvalidUtf8Error: a string is not UTF-8.
            NotADateError: a date is outside the years 1 to 9999.
            RowsUnsortedError: a reader is not in key order.
            PartitionConflictError: the content of the day does not have `expected_digest`.
            CommitConflictError: there were too many conflicts.
        """
        writer = TableWriter(self, table)
        began = time.process_time() if cpu_since is None else cpu_since
        notes = CommitNotes(stage, inputs, code, versions or {}, began, counts, cpu_elsewhere)
        return writer.replace(period, rows, notes, if_absent=if_absent, expected_digest=expected_digest)

    def find_unchanged(self, table: str, period: Period, *, inputs: Mapping[str, str], code: str) -> Commit | None:
        """Return a day's partition if it was made from these inputs by this code.

        Reads the table's log and the bytes of the day's file, but no rows. Returns None if the day was never written,
        was made otherwise, or has a damaged file.
        """
        return TableWriter(self, table).find_unchanged(period, inputs, code)

    def remove_partition(self, table: str, period: Period, *, stage: str) -> Commit:
        """Remove a day from a table, as if never written.

        Its files stay in the table's history.
        """
        return TableWriter(self, table).remove_partition(period, stage)

    def start_generation(self, table: str, since: Period, periods: Sequence[Period]) -> int:
        """Remove these days from the table and set the declared columns, in one commit.

        Returns the Delta version of the commit; earlier versions still hold the removed days.

        Raises:
            ColumnCaseError: a column of the remaining days differs from a declared one in case only.
            CommitConflictError: there were too many conflicts.
        """
        return TableWriter(self, table).start_generation(since, periods)
