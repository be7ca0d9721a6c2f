"""Read the columns that the files of a day have, in batches."""

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
    """Open a Parquet file for reading in batches with little memory."""
    return partition_reader.open_file(path)


def common_columns(view: AsOfSnapshot, table: str, periods: Collection[Period]) -> frozenset[str]:
    """Return the columns that all files of these days have.

    A day built by older code may lack a column.
    """
    return partition_reader.columns_of(path for _, path in _files(view, table, periods))


def row_batches(
    view: AsOfSnapshot, table: str, period: Period, names: Collection[str], batch_rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a day in stored order, in batches.

    Batches have the declared columns of `names` that the files have. Columns have their declared types. A column whose
    stored values the declared type does not hold is left out, like one that the file lacks.

    Raises:
        PartitionCorruptedError: a file of the day is damaged.
    """
    declared, name = schemas.content_schema(view.lake.use_case, table), f"{view.lake.use_case.name}/{table}"
    view.require_whole(table, period, period)
    for _, path in _files(view, table, [period]):
        chosen = partition_reader.readable_columns(path, declared, names)
        yield from partition_reader.read_batches(name, path, chosen, batch_rows)


def _files(view: AsOfSnapshot, table: str, periods: Collection[Period]) -> list[tuple[Period, str]]:
    files = view.files(table, min(periods), max(periods)) if periods else []
    return [(period, path) for period, path in files if period in periods]
