"""Write rows to a Parquet file on disk, and read them in the order of their keys.

They are read in bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from include.declaration.data_declaration import DataDeclaration
from include.declaration.feeds import Feed
from include.declaration.period import Period
from include.ingestion.known_at import require_known_in_time
from include.ingestion.read_budget import Budget
from include.ingestion.row_spool import BATCH_BYTES, BATCH_ROWS, VECTOR_ROWS, row_groups
from include.lake import external_sort, partition_reader

MEMORY = "512MB"
"""Memory for sorting a period before it spills to disk."""


@dataclass(frozen=True)
class SpooledRows:
    """A Parquet file with rows of a feed."""

    path: Path
    rows: int
    rows_at_once: int
    """Rows that fit into memory together, in any order."""


def rows_at_once(budget: Budget) -> int:
    """Return how many rows, without long ones, fit into BATCH_BYTES in any order.

    The number is at most BATCH_ROWS.
    """
    return min(BATCH_ROWS, max(VECTOR_ROWS, BATCH_BYTES // max(budget.longest_short_row, 1)))


def spool_rows(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> SpooledRows:
    """Write batches with the columns of `schema` to a Parquet file.

    Raises:
        UntrustedContentError: a row is too long, or too many rows are long.
    """
    budget = Budget(max_bytes=0, max_rows=1 << 62)
    texts = [field.name for field in schema if pa.types.is_string(field.type)]

    def counted() -> Iterable[pa.RecordBatch]:
        for batch in batches:
            budget.take_rows([batch.column(name) for name in texts], batch.num_rows)
            yield batch

    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in row_groups(iter(counted())):
            writer.write_table(group, row_group_size=group.num_rows)
    return SpooledRows(path, budget.rows, rows_at_once(budget))


def require_known(use_case: DataDeclaration, feed: Feed, period: Period, delivered: Sequence[Path]) -> None:
    """Check the delivered rows by `require_known_in_time`, a batch at a time."""
    if feed.known_at is None:
        return
    columns = [*dict.fromkeys([*feed.keys, feed.known_at])]
    for path in delivered:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=columns):
                require_known_in_time(use_case, feed, period, batch)


def in_order(
    connection: duckdb.DuckDBPyConnection, spooled: Sequence[Path], keys: Sequence[str], at_once: int
) -> pa.RecordBatchReader:
    """Return the rows of these files in order of their keys, using at most MEMORY."""
    connection.execute("set enable_progress_bar = false")  # it would fill the task's log
    connection.execute("set TimeZone = 'UTC'")  # otherwise timestamps are in the machine's time zone
    schema = pq.read_schema(spooled[0])
    order = ", ".join(external_sort.sort_key(schema.field(name)) for name in keys)
    paths = [partition_reader.escaped(str(path)) for path in spooled]
    return connection.read_parquet(paths, hive_partitioning=False).order(order).to_arrow_reader(at_once)
