"""The lake: one Delta table per kind of content, one partition per day. The only way to read or write it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from include import settings
from include.errors import AirworthyError, BadData, ColumnsWrong
from include.logic import digests
from include.logic.digests import ContentDigest
from include.storage import history, integrity, partitions, s3, schemas
from include.storage.partitions import Partition
from include.storage.place import Place
from include.storage.view import View
from include.use_case import UseCase

ATTEMPTS = 8
"""Tries at one commit; of 200 commits by eight writers at once, four needed a second."""

COMPARING_MEMORY = "256MB"
"""What DuckDB may use to compare what is there with what is about to be written, beside what made that."""


class NotANumber(BadData):
    """A column holds NaN, which engines read differently, or an infinity; a missing value is null."""

    def __init__(self, table: str, day: date, columns: Sequence[str]) -> None:
        super().__init__(
            f"{table} of {day} has NaN or infinities in {list(columns)}. Nothing was written. A missing value is null:"
            " return nulls from the function that makes these rows (pyarrow.array with from_pandas=True does)."
        )


class NotText(BadData):
    """A column of strings holds bytes that are no UTF-8, on which whoever reads them would break."""

    def __init__(self, table: str, day: date, columns: Sequence[str]) -> None:
        super().__init__(
            f"{table} of {day} has strings in {list(columns)} that are no UTF-8. Nothing was written. Decode them by"
            " their own encoding in the function that makes these rows, or correct the source."
        )


class DayMoved(AirworthyError):
    """A day is not what it was when what should replace it was made: another process was quicker."""

    worth_retrying = True

    def __init__(self, use_case: str, table: str, day: date) -> None:
        super().__init__(
            f"{use_case}: {table} of {day} was written by somebody else meanwhile. Nothing was written here. Run the"
            " task again: it takes what is there now."
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
    root: Place = field(repr=False)

    @classmethod
    def of(cls, use_case: UseCase) -> Lake:
        return cls(use_case, Place.of(settings.current().lake) / use_case.name)

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
        return (self.root / table).uri

    def delta(self, table: str) -> DeltaTable:
        """The Delta table, made empty if it is not there yet."""
        return s3.again(self.uri(table), lambda: self._opened(table))

    def _opened(self, table: str) -> DeltaTable:
        uri = self.uri(table)
        for attempt in range(ATTEMPTS):
            if DeltaTable.is_deltatable(uri, s3.options(uri)):
                return history.at(uri)
            try:
                return self._made(table)
            except DeltaError:  # others may have made it meanwhile
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def _made(self, table: str) -> DeltaTable:
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
            storage_options=s3.options(place.uri),
        )

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
        instead_of: str | None = None,
    ) -> Commit:
        """Make `rows` the whole content of one day, in one commit; commit nothing where it is the same already.

        `rows` have the table's columns without `day` and `digest`. A table is sorted by the table's keys here; a
        reader must deliver that order, and is spooled to a temporary file, so that memory stays flat in rows.
        `inputs` (name to digest), `versions` (table to the Delta version that was read) and the row count are kept
        with the commit; versions alone never make one. With `unless_there`, a day that has any content keeps it; with
        `instead_of`, a day that has other content than of that digest (empty: none) does, and DayMoved is raised.
        Raises ColumnsWrong for other columns or types, NotANumber for NaN or infinities, NotText for strings that are
        no UTF-8, CommitLost after too many conflicts.
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
            if digest.not_text:
                raise NotText(f"{self.use_case.name}: {table}", day, sorted(digest.not_text))
            partition = Partition(digest.hexdigest(), digest.rows)
            notes = {"day": day, "stage": stage, "digest": partition.digest, "rows": partition.rows}
            notes |= {f"{history.INPUT}{name}": digest for name, digest in inputs.items()}
            notes |= {f"{history.VERSION}{name}": version for name, version in (versions or {}).items()}
            properties = CommitProperties(custom_metadata={key: str(value) for key, value in notes.items()})
            return self._commit_once(table, day, content, partition, properties, unless_there, instead_of)

    def _commit_once(
        self,
        table: str,
        day: date,
        rows: pa.Table,
        partition: Partition,
        notes: CommitProperties,
        unless_there: bool,
        instead_of: str | None,
    ) -> Commit:
        """Commit unless the day holds this content (or any) already; on a conflict look again, then try again."""
        failure: Exception | None = None
        for _ in range(ATTEMPTS):
            delta = self.delta(table)
            there = partitions.of(delta, day, day).get(day)
            same = there == partition and self._is_whole(delta, table, day, partition)
            if same or (there is None and partition.rows == 0) or (there and unless_there):
                return Commit(table, day, there or partition, delta.version(), changed=False)
            if instead_of is not None and there != partition and instead_of != (there.digest if there else ""):
                raise DayMoved(self.use_case.name, table, day)
            try:
                with s3.told(self.uri(table)):
                    self._commit(delta, table, day, rows, partition, notes)
            except (CommitFailedError, s3.ConnectionCut) as conflict:  # a cut tells nothing of what is there now
                failure = conflict
            else:
                return Commit(table, day, partition, delta.version(), changed=True)
        if isinstance(failure, s3.ConnectionCut):
            raise failure
        raise CommitLost(table, day, failure or RuntimeError("unknown")) from failure

    def _is_whole(self, delta: DeltaTable, table: str, day: date, partition: Partition) -> bool:
        """Whether the day's files hold what they should: running a day again mends what was damaged."""
        view = View(self, day, COMPARING_MEMORY, {table: delta})
        try:
            files = [path for _, path in view.files(table, day, day)]
        except FileNotFoundError:
            return False
        return not integrity.damage(view, table, files, partition.digest)

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
            if there.names.count(f.name) == 1 and there.field(f.name).type != f.type
        ]
        types += [f"{name} stands there more than once" for name in declared.names if there.names.count(name) > 1]
        if missing or extra or types:
            hint = "Make the function that returns them, or the declaration, say the same (Delta would cast silently)."
            raise ColumnsWrong(f"{self.use_case.name}: {table}", day, missing, extra, types, hint)
        return list(declared.names)


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


def _in_partition(batch: pa.RecordBatch, day: date, partition: Partition, stored: pa.Schema) -> pa.RecordBatch:
    """The batch with its partition columns."""
    constants = [pa.scalar(day, pa.date32()), pa.scalar(partition.digest)]
    return pa.record_batch([*batch.columns, *(pa.repeat(value, batch.num_rows) for value in constants)], schema=stored)
