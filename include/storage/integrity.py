"""Integrity: whether the files of a day still hold the content that the table's log says they do.

A bit that has flipped on a disk reads as another number, and nothing but the digest of the day's content tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from include.errors import MADE_BY, AirworthyError
from include.logic import digests
from include.storage import schemas

if TYPE_CHECKING:
    from include.storage.partitions import Partition
    from include.storage.view import View

GONE = "a file is gone (vacuumed, or lost)"
OTHER_COLUMNS = "a file has other columns than are declared now"
FEW_ROWS = 131_072
"""So many rows, two batches, are sorted in memory: that takes less time than DuckDB needs to start."""
_BUFFER = 1 << 20


class DayDamaged(AirworthyError):
    """The files of a day do not hold what was written."""

    def __init__(self, use_case: str, table: str, day: date, what: str) -> None:
        kind = table.partition("/")[0]
        dag = MADE_BY.get(kind, "data" if kind in ("raw", "checked", "labels") else "")
        remedy = (
            f"Run {use_case}__{dag} for {day} again: it writes anew what is damaged, and commits nothing else."
            if dag and kind != "decisions"
            else f"Restore the table's folder {table}, with its log, from a backup."
        )
        super().__init__(f"{use_case}: {table} of {day} is damaged: {what}. Nothing was made from it. {remedy}")


def require_whole(view: View, table: str, days: Mapping[date, Partition]) -> None:
    """DayDamaged unless each of those days, as far as its columns are those declared now, holds what was written."""
    for day, partition in days.items():
        what = _of_day(view, table, day, partition.digest)
        if what and what != OTHER_COLUMNS:  # of a day that was built by older code, whoever reads it takes what it has
            raise DayDamaged(view.lake.use_case.name, table, day, what)


def broken_days(view: View, table: str, since: date, until: date) -> dict[date, str]:
    """Day to what is wrong with it, of those days whose content cannot be read as it was written; a day at a time."""
    found = {
        day: _of_day(view, table, day, partition.digest)
        for day, partition in view.partitions(table, since, until).items()
    }
    return {day: what for day, what in found.items() if what}


def damage(view: View, table: str, files: Sequence[str], digest: str) -> str:
    """What is wrong with the files of a day whose content has that digest; empty where nothing is."""
    try:
        if not all(_comparable(view, table, path) for path in files):
            return OTHER_COLUMNS
        found = _in_order(view, table, files) if len(files) == 1 else ""
        if found != digest:  # several files, or one that care has joined from several: in whatever order
            found = _sorted(view, table, files)
    except FileNotFoundError:
        return GONE
    except (OSError, pa.ArrowException, ValueError, OverflowError) as error:
        return f"a file cannot be read: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    return "" if found == digest else f"holds other rows than were written: {found}, not {digest}"


def _of_day(view: View, table: str, day: date, digest: str) -> str:
    """As `damage`, of the files of that day."""
    try:
        return damage(view, table, [path for _, path in view.files(table, day, day)], digest)
    except FileNotFoundError:  # while it was fetched
        return GONE


def _comparable(view: View, table: str, path: str) -> bool:
    """Whether a file's columns are those declared now, no fewer and no more: a day that was built by older code may
    have others, and its digest speaks of those."""
    there = {field.name: field.type for field in pq.read_schema(path) if field.name not in schemas.PARTITION}
    declared = schemas.content(view.lake.use_case, table)
    same = all(there.get(field.name) == field.type for field in declared if not pa.types.is_list(field.type))
    return same and there.keys() == set(declared.names)


def _in_order(view: View, table: str, files: Sequence[str]) -> str:
    """Digest of the rows of one file in the order they have there, a batch at a time: most were written in that of
    their keys. Empty as soon as a batch begins before the end of the last."""
    schema, keys = schemas.content(view.lake.use_case, table), schemas.keys(view.lake.use_case, table)
    digest, last = digests.ContentDigest(schema), None
    for batch in _batches(files, schema):
        if not batch.num_rows:
            continue
        if last is not None and _key(batch, keys, 0) < last:
            return ""
        digest.update(batch)
        last = _key(batch, keys, batch.num_rows - 1)
    return digest.hexdigest()


def _sorted(view: View, table: str, files: Sequence[str]) -> str:
    """Digest of the rows of files whose order nobody knows; of many rows a batch at a time, sorted by the view's
    DuckDB, which spills to disk."""
    schema, keys = schemas.content(view.lake.use_case, table), schemas.keys(view.lake.use_case, table)
    batches = _batches(files, schema)
    if sum(pq.read_metadata(path).num_rows for path in files) > FEW_ROWS:
        return digests.of_batches(schema, view.ordered(schema, batches, keys)).hexdigest()
    rows = pa.Table.from_batches(batches, schema)
    return digests.of_table(rows.sort_by([(key, "ascending") for key in keys]).combine_chunks())


def _batches(files: Sequence[str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of those files in the order they have there, in little memory."""
    for path in files:
        with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
            for batch in file.iter_batches(columns=schema.names, use_threads=False):
                yield batch.select(schema.names).cast(schema)


def _key(batch: pa.RecordBatch, keys: Sequence[str], place: int) -> list[tuple[bool, Any]]:
    """What a row is ordered by; nulls come last."""
    values = [batch.column(key)[place].as_py() for key in keys]
    return [(value is None, 0 if value is None else value) for value in values]
