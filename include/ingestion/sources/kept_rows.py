"""Keep the rows of a file in the order of the column that selects a period.

Later periods do not read the file again.

A file is read once for each content that it has. Its kept copy is a Parquet file in the home of this machine; removing
it costs another reading and nothing else. Maintenance removes a copy that no period has read for long.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.declaration.sources import Files
from include.ingestion.row_spool import RowSelection, RowSpool, encoded, with_selection
from include.ingestion.sources.base import Context
from include.ingestion.spooled_rows import MEMORY
from include.lake.object_store import unfinished_name

GROUP_ROWS = 65_536
"""Rows of a row group, the least that a period reads."""
SETTLED_SECONDS = 2.0
"""Age from which on a changed file has another time stamp."""
_EVERYTHING = 1 << 62
_NOTE, _LOCK = "kept.json", "lock"


@dataclass(frozen=True)
class LocalCopy:
    """A file on disk, with the digest of its bytes."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class KeptRows:
    """What a kept copy was made of."""

    identity: str
    """What tells the file's content without reading it, such as size and time; empty: nothing does."""
    sha256: str
    rules: str
    """Digest of the columns and the format with which the file was read."""
    rows: int
    bytes: int
    """Uncompressed bytes of the file."""


def keep_rows(
    context: Context,
    source: Files,
    selection: RowSelection,
    name: str,
    identity: str,
    opened: Callable[[], AbstractContextManager[LocalCopy]],
) -> tuple[KeptRows, pq.ParquetFile]:
    """Return the kept copy of a file, and that copy opened for reading.

    It is made if there is none of the file's content.

    Raises:
        UntrustedContentError: the file cannot be read as declared.
    """
    folder = _folder(context, name)
    folder.mkdir(parents=True, exist_ok=True)
    schema = with_selection(context.schema, selection)
    rules = _digest(
        encoded(schema), source.format, source.delimiter, *source.nulls, "-", *sorted(source.ignored_columns)
    )
    with _locked(folder):  # other periods wait for the one that reads the file
        kept = _kept(folder)
        if kept and identity and (kept.identity, kept.rules) == (identity, rules) and (file := _file(folder)):
            os.utime(folder / _NOTE)  # when it was last read
            return kept, file
        with opened() as copy:
            if kept and (kept.sha256, kept.rules) == (copy.sha256, rules) and (file := _file(folder)):
                _write(folder, replace(kept, identity=identity))
                return kept, file
            kept = _convert(context, source, selection.column, copy, name, folder)
        kept = replace(kept, identity=identity, rules=rules)
        _write(folder, kept)
        return kept, pq.ParquetFile(folder / "rows.parquet")


@dataclass(frozen=True)
class KeptCopy:
    """The kept copy of a file, or what a killed process left of one."""

    folder: Path
    bytes: int
    last_read: datetime


def list_copies(home: Path, use_case: str) -> list[KeptCopy]:
    """Return the copies of a use case's files on this machine, by their folders."""
    found = []
    for lock in sorted((home / "kept_rows" / use_case).glob(f"*/*/{_LOCK}")):
        stats = []
        for path in _contents(lock.parent):
            with contextlib.suppress(FileNotFoundError):  # an unfinished file may just be finished
                stats.append(path.stat())
        if stats:
            last = datetime.fromtimestamp(max(each.st_mtime for each in stats), UTC)
            found.append(KeptCopy(lock.parent, sum(each.st_size for each in stats), last))
    return found


def remove_copy(home: Path, use_case: str, folder: Path, unread_since: datetime) -> bool:
    """Remove a copy unless it was read meanwhile; return whether it is removed.

    Its lock stays: a process may be waiting for it.
    """
    if not folder.is_dir():
        return True
    with _locked(folder):
        current = (copy for copy in list_copies(home, use_case) if copy.folder == folder)
        if any(copy.last_read >= unread_since for copy in current):
            return False
        for path in _contents(folder):
            path.unlink(missing_ok=True)
    return True


def _contents(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name != _LOCK]


def selected_rows(file: pq.ParquetFile, selection: RowSelection, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the selected rows, reading only the row groups that may have some."""
    column = file.schema_arrow.get_field_index(selection.column)
    is_date = pa.types.is_date32(file.schema_arrow.field(column).type)
    kind = pa.int32() if is_date else pa.int64()
    metadata = file.metadata
    chosen = []
    for group in range(metadata.num_row_groups):
        values = metadata.row_group(group).column(column).statistics
        if values is None or not values.has_min_max:
            chosen.append(group)
            continue
        low, high = (_number(pa.scalar(end, file.schema_arrow.field(column).type)) for end in (values.min, values.max))
        if low < selection.end and high >= selection.first:
            chosen.append(group)
    if not chosen:
        return
    for batch in file.iter_batches(row_groups=chosen):
        values = batch.column(column).cast(kind)
        rows = batch.filter(pc.and_(pc.greater_equal(values, selection.first), pc.less(values, selection.end)))
        if rows.num_rows:
            yield rows.select(schema.names).cast(schema)


def identity_of(path: Path) -> str:
    """Return what tells the content of a file on disk; empty if it is very new."""
    found = path.stat()
    is_settled = time.time() - found.st_mtime > SETTLED_SECONDS
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ctime_ns}-{found.st_ino}" if is_settled else ""


def _convert(context: Context, source: Files, column: str, copy: LocalCopy, name: str, folder: Path) -> KeptRows:
    """Read the file in a process of its own, and write its rows in order."""
    everything = RowSelection(column, -_EVERYTHING, _EVERYTHING)
    schema = with_selection(context.schema, everything)
    spool = RowSpool(context.folder / "spool.parquet", schema, source, everything, source.ignored_columns)
    with spool:
        spool.append(copy.path, name)
        (unordered,) = spool.finish()
    unfinished = folder / unfinished_name()
    try:
        with duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(context.folder)}) as connection:
            connection.execute("set enable_progress_bar = false")
            connection.execute("set TimeZone = 'UTC'")
            # The number keeps rows of a period in the order of the file.
            rows = connection.read_parquet(str(unordered), hive_partitioning=False, file_row_number=True)
            rows.create_view("spooled")
            quoted = '"' + column.replace('"', '""') + '"'
            ordered = f"select * exclude (file_row_number) from spooled order by {quoted}, file_row_number"  # noqa: S608  # nosec B608  # a declared column
            connection.sql(ordered).write_parquet(str(unfinished), compression="zstd", row_group_size=GROUP_ROWS)
        unfinished.replace(folder / "rows.parquet")
    finally:
        unfinished.unlink(missing_ok=True)
        unordered.unlink(missing_ok=True)
    return KeptRows("", copy.sha256, "", spool.budget.rows, spool.budget.bytes)


def _folder(context: Context, name: str) -> Path:
    return context.project.settings.home / "kept_rows" / Path(*context.names) / _digest(name)[:32]


def _kept(folder: Path) -> KeptRows | None:
    try:
        return KeptRows(**json.loads((folder / _NOTE).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _write(folder: Path, kept: KeptRows) -> None:
    unfinished = folder / unfinished_name()
    unfinished.write_text(json.dumps(asdict(kept)))
    unfinished.replace(folder / _NOTE)


def _file(folder: Path) -> pq.ParquetFile | None:
    try:
        return pq.ParquetFile(folder / "rows.parquet")
    except (OSError, pa.ArrowException):  # removed or damaged: it is made again
        return None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / _LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _number(value: pa.Scalar) -> int:
    """Return a date in days, or a time in microseconds, since 1970."""
    return int(value.value)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
