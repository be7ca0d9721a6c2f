"""Scan: some columns of one day of a table, a batch at a time, whichever of them its files have."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.storage import schemas
from include.storage.view import View

BATCH_ROWS = 65_536
_BUFFER = 1 << 20
"""Bytes of a column that are read ahead; otherwise its whole part of a row group is, or even the whole file."""


def opened(path: Path | str) -> pq.ParquetFile:
    """A Parquet file, to be read a batch at a time in little memory."""
    return pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)


def columns(view: View, table: str, days: Collection[date]) -> frozenset[str]:
    """The columns that all files of those days have: a day that was built by older code may lack one."""
    found = [frozenset(pq.read_schema(path).names) for day, path in _files(view, table, days)]
    return frozenset.intersection(*found) if found else frozenset()


def batches(
    view: View, table: str, day: date, names: Collection[str], batch_rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Those of the declared columns that the day's files have as they are declared, in no order of rows.

    A column that a file has with another type is left out like one that it lacks: nobody knows what it means.
    """
    declared = schemas.content(view.lake.use_case, table)
    view.require_whole(table, day, day)
    for _, path in _files(view, table, [day]):
        with opened(path) as file:
            there = {field.name: field.type for field in file.schema_arrow}
            chosen = pa.schema([f for f in declared if f.name in names and _same(there.get(f.name), f.type)])
            for batch in file.iter_batches(batch_rows, columns=chosen.names):
                yield batch.select(chosen.names).cast(chosen)


def _same(stored: pa.DataType | None, declared: pa.DataType) -> bool:
    """Whether they are one type; a file may know several kinds of string, which are."""
    if stored is None or stored.equals(declared):
        return stored is not None
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(kind(stored) for kind in kinds) and pa.types.is_string(declared)


def _files(view: View, table: str, days: Collection[date]) -> list[tuple[date, str]]:
    found = view.files(table, min(days), max(days)) if days else []
    return [(day, path) for day, path in found if day in days]
