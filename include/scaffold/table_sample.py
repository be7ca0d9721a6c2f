"""Read the rows of a table as a sample."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError

from include import database_errors
from include.connections import Connections
from include.declaration.problems import DeclarationError, Problem
from include.ingestion.plain_values import PlainValueError, to_array
from include.scaffold.sample import Sample, SampleTable, typed_sample

BATCH_ROWS = 10_000
MOST_ROWS = 2_000_000
"""Rows that are read at most; they are kept in memory."""
_TYPES: tuple[tuple[type, pa.DataType], ...] = (
    (sa.Boolean, pa.bool_()),
    (sa.Integer, pa.int64()),
    (sa.Numeric, pa.float64()),
    (sa.Float, pa.float64()),
    (sa.Date, pa.date32()),
    (sa.String, pa.string()),
)
"""Kind of a column of a database to the type in which it is read."""
_UNUSABLE = (":", "{", "\\")
"""Characters of a name that a query of a declaration cannot have."""


def read_table_sample(connections: Connections, conn_id: str, table: str) -> Sample:
    """Read a whole table or view.

    Raises:
        DeclarationError: there is no such table, or it cannot be read; it has no rows, or too many.
        ConnectionMissingError, ConnectionInvalidError: the Connection cannot be used.
    """
    engine = connections.engine(conn_id)
    hide = connections.connection(conn_id).hide_secrets
    schema, _, name = table.rpartition(".")
    try:
        with engine.connect() as connection:
            found = sa.Table(name, sa.MetaData(), schema=schema or None, autoload_with=connection)
            kinds = {column.name: _arrow_type(column) for column in found.columns}
            rows = _rows(connection, found, {name: kind for name, kind in kinds.items() if kind is not None})
    except NoSuchTableError:
        raise _refused(f"there is no table {table!r} in the Connection {conn_id!r}, or it may not be read") from None
    except SQLAlchemyError as error:
        raise _refused(f"{table} cannot be read: {hide(database_errors.in_one_line(error))}") from None
    except PlainValueError as error:
        raise _refused(f"{table} cannot be read: {error}") from None
    if not rows.num_rows:
        raise _refused(f"{table} has no rows, or no columns that can be declared")
    prepare = engine.dialect.identifier_preparer
    quoted = {column.name: prepare.quote(column.name) for column in found.columns} | {
        table: prepare.format_table(found)
    }
    sample = typed_sample(None, rows, table=SampleTable(conn_id, table, engine.dialect.name, quoted))
    unread = {column.name: f"its type is {column.type!s}" for column in found.columns if kinds[column.name] is None}
    return Sample(None, sample.rows, sample.columns, {**sample.left_out, **unread}, table=sample.table)


def _rows(connection: sa.Connection, table: sa.Table, kinds: dict[str, pa.DataType]) -> pa.Table:
    schema = pa.schema(kinds)
    statement = sa.select(*(table.c[name] for name in kinds)).limit(MOST_ROWS + 1)
    batches, read = list[pa.RecordBatch](), 0
    for part in connection.execution_options(yield_per=BATCH_ROWS).execute(statement).partitions():
        columns = zip(*part, strict=True)
        arrays = [to_array(field.name, values, field.type) for field, values in zip(schema, columns, strict=True)]
        batches.append(pa.record_batch(arrays, schema=schema))
        read += len(part)
    if read > MOST_ROWS:
        raise _refused(f"{table.name} has more than {MOST_ROWS:,} rows; make a view of the last months, and name that")
    return pa.Table.from_batches(batches, schema)


def _arrow_type(column: sa.Column[Any]) -> pa.DataType | None:
    """Return the type of a column; None if it cannot be declared.

    Nor can one with a name that a declared query cannot hold.
    """
    kind = column.type
    if any(mark in column.name for mark in _UNUSABLE):
        return None
    if isinstance(kind, sa.DateTime):  # local times; an instant has no local day without a time zone
        return None if kind.timezone else pa.timestamp("us")
    return next((arrow for known, arrow in _TYPES if isinstance(kind, known)), None)


def _refused(problem: str) -> DeclarationError:
    return DeclarationError([Problem("sample_table", f"{problem}.")])
