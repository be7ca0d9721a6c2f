"""The file in which rows leave the quarantine for an editor, and come back: CSV or Parquet."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from include.errors import BadRequest
from include.model.spreadsheet import mark_formulas, unmark_formulas

ROW, REASONS = "quarantined_row", "reasons"
"""Columns of an export besides the feed's: the id of each row, by which it is known when it comes back, and why it was
quarantined, which is only for reading."""


def written(rows: pa.Table, ids: list[str], reasons: list[list[str]]) -> bytes:
    """The feed's columns, behind ids and reasons, as CSV: a missing value is nothing, an empty text is `""`.

    A text that a spreadsheet would run as a formula has a mark, which `read` takes off again.
    """
    texts = pa.array(["; ".join(each) for each in reasons], pa.string())
    table = pa.table(
        {ROW: pa.array(ids, pa.string()), REASONS: texts, **dict(zip(rows.column_names, rows.columns, strict=True))}
    )
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(mark_formulas(table), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def read(name: str, content: bytes, schema: pa.Schema) -> tuple[pa.Table, list[str | None] | None]:
    """The rows of a file called so, with exactly the feed's columns, and the ids that it gives them (None: it has no
    such column). BadRequest for what cannot be read, other columns or other types."""
    try:
        table = _parquet(content) if name.endswith(".parquet") else _csv(name, content, schema)
    except (pa.ArrowException, OSError) as error:
        raise BadRequest(
            f"{name} cannot be read: {str(error).splitlines()[0]} Correct what an export has written, and keep its"
            " header."
        ) from error
    return _declared(name, table, schema)


def _parquet(content: bytes) -> pa.Table:
    return pq.read_table(pa.BufferReader(content))


def _csv(name: str, content: bytes, schema: pa.Schema) -> pa.Table:
    if not name.endswith(".csv"):
        raise BadRequest(f"{name!r} is neither a .csv nor a .parquet file.")
    types: dict[str, Any] = {field.name: field.type for field in schema} | {ROW: pa.string(), REASONS: pa.string()}
    table = pyarrow.csv.read_csv(
        pa.BufferReader(content),
        # In a file of one column an empty line is a row whose value is missing.
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=len(schema) > 1),
        # Only nothing at all is a missing value: a carrier may be called NA.
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    return unmark_formulas(table, types)


def _declared(name: str, table: pa.Table, schema: pa.Schema) -> tuple[pa.Table, list[str | None] | None]:
    there = table.column_names
    twice = sorted({column for column in there if there.count(column) > 1})
    missing, extra = sorted(set(schema.names) - set(there)), sorted(set(there) - {*schema.names, ROW, REASONS})
    if twice or missing or extra:
        wrong = [("lacks", missing), ("has undeclared", extra), ("has twice", twice)]
        said = ", ".join(f"{what} {columns}" for what, columns in wrong if columns)
        raise BadRequest(
            f"{name} {said}; a file of this feed has {schema.names}, and may have {[ROW, REASONS]} besides."
        )
    types = [
        f"{field.name} is {table.schema.field(field.name).type}, declared {field.type}"
        for field in schema
        if table.schema.field(field.name).type != field.type
    ]
    if types:
        raise BadRequest(f"{name} has other types than the feed declares: {'; '.join(types)}.")
    if table.num_rows == 0:
        raise BadRequest(f"{name} holds no rows.")
    rows = table.select(schema.names).replace_schema_metadata(None).cast(schema).combine_chunks()
    return rows, table[ROW].cast(pa.string()).to_pylist() if ROW in there else None
