"""Read some columns of one day of a table a batch at a time, those of them that its files have."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.declaration.period import Period
from include.lake import partition_reader, schemas
from include.lake.snapshot import AsOfSnapshot

BATCH_ROWS = 65_536


def open_files(path: Path | str) -> pq.ParquetFile:
    """Open a Parquet file to be read a batch at a time in little memory."""
    return partition_reader.open_file(path)


def column_batches(view: AsOfSnapshot, table: str, days: Collection[Period]) -> frozenset[str]:
    """Return the columns that all files of those days have: a day that was built by older code may lack one."""
    return partition_reader.columns_of(path for _, path in _files(view, table, days))


def row_batches(
    view: AsOfSnapshot, table: str, period: Period, names: Collection[str], batch_rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Yield those of the declared columns that the day's files have, as they are declared, in the order of the rows.

    A column whose stored values the declared type does not hold is left out like one that the file lacks. Raises
    PartitionCorruptedError.
    """
    declared, name = schemas.content(view.lake.use_case, table), f"{view.lake.use_case.name}/{table}"
    view.require_whole(table, period, period)
    for _, path in _files(view, table, [period]):
        chosen = partition_reader.readable_columns(path, declared, names)
        yield from partition_reader.read_batches(name, path, chosen, batch_rows)


def _files(view: AsOfSnapshot, table: str, days: Collection[Period]) -> list[tuple[Period, str]]:
    found = view.files(table, min(days), max(days)) if days else []
    return [(day, path) for day, path in found if day in days]
