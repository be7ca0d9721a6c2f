"""Sorting: rows put in the order of their keys by DuckDB, which spills to disk what its memory does not hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import duckdb
import numpy as np
import pyarrow as pa

BATCH_ROWS = 65_536
_PLACE = "airworthy_place"


def ordered(
    connection: duckdb.DuckDBPyConnection, schema: pa.Schema, batches: Iterable[pa.RecordBatch], keys: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The rows of those batches, all of that schema, as `pyarrow.Table.sort_by` orders them: ascending, nulls last,
    rows with equal keys as they came. ValueError for what DuckDB does not take, such as strings that are no UTF-8.
    """
    order = ", ".join([*(f"{key(schema.field(name))} asc nulls last" for name in keys), f"{_PLACE} asc"])
    with connection.cursor() as cursor:  # of the same memory; what the connection still reads goes on
        try:
            _take(cursor, schema, batches)
        except duckdb.InvalidInputException as error:
            raise ValueError(str(error)) from error
        for batch in cursor.table("taken").order(order).to_arrow_reader(BATCH_ROWS):
            yield batch.select(schema.names).cast(schema)


def _take(cursor: duckdb.DuckDBPyConnection, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Put the rows, with the place of each among all, into a table of this cursor: a batch at a time, as DuckDB has a
    stream of Arrow read ahead, up to a gigabyte of it."""
    placed = schema.append(pa.field(_PLACE, pa.int64()))
    cursor.register("batch", placed.empty_table())
    cursor.execute("create temp table taken as from batch")
    first = 0
    for batch in batches:
        places = pa.array(np.arange(first, first + batch.num_rows))
        cursor.register("batch", pa.Table.from_arrays([*batch.columns, places], schema=placed))
        cursor.execute("insert into taken from batch")
        first += batch.num_rows
    cursor.unregister("batch")


def key(field: pa.Field) -> str:
    """What to order by, quoted, so that no name of a column is read as SQL (duckdb.ColumnExpression drops quotes).

    A column of floats is ordered by a copy: DuckDB gives back 0 for -0 in one it orders by.
    """
    name = '"' + field.name.replace('"', '""') + '"'
    return f"{name} + 0.0" if pa.types.is_floating(field.type) else name
