"""Read PostgreSQL as Arrow through its ADBC driver, if that is installed.

Arrow's columns come from the driver, so no row becomes Python values. A value is the same as through SQLAlchemy: a
result with a column whose type is not exactly the declared one is left to it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from include.printable import printable_logger

log = printable_logger(__name__)

BATCH_ROWS = 10_000
"""Rows that are passed on at once; the driver fetches about 16 MB."""
DRIVER = "adbc_driver_postgresql"


class ArrowReadError(Exception):
    """The connection was lost, or a value could not be read, after the first row."""


def is_usable(dialect: str) -> bool:
    """Return whether a database of this dialect can be read through ADBC here."""
    return dialect == "postgresql" and importlib.util.find_spec(DRIVER) is not None


@contextmanager
def open_result(
    url: sa.URL, session: Sequence[str], statement: Any, values: Mapping[str, Any], schema: pa.Schema
) -> Iterator[Iterator[pa.RecordBatch] | None]:
    """Execute a statement; yield its rows in batches with the columns of `schema`.

    Yields None if the driver cannot connect or execute it, or if a column has not exactly its declared type.

    Raises:
        ArrowReadError: the rows cannot be read to their end.
    """
    dbapi = importlib.import_module(f"{DRIVER}.dbapi")  # not typed, and often not installed
    error: type[Exception] = dbapi.Error
    sql, parameters = _compiled(statement, values)
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        connection = dbapi.connect(address)
    except error:  # the other path says why
        yield None
        return
    with connection, connection.cursor() as cursor:
        try:
            for setting in session:
                cursor.execute(setting)
            cursor.execute(sql, parameters or None)
            reader = cursor.fetch_record_batch()
        except error:
            yield None
            return
        if not _fits(reader.schema, schema):
            log.info("ADBC is not used: the result has other types than declared, %s.", reader.schema.types)
            yield None
            return
        yield _batches(reader, schema, error)


def _compiled(statement: Any, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Return the statement with parameters $1, $2, …, and their values."""
    from sqlalchemy.dialects.postgresql import asyncpg

    compiled = statement.compile(dialect=asyncpg.dialect())  # type: ignore[no-untyped-call]
    return str(compiled), [values[name] for name in compiled.positiontup or ()]


def _fits(given: pa.Schema, declared: pa.Schema) -> bool:
    return sorted(given.names) == sorted(declared.names) and all(
        _is_exact(given.field(field.name).type, field.type) for field in declared
    )


def _is_exact(given: pa.DataType, declared: pa.DataType) -> bool:
    """Return whether each value of one type is the same value of the other."""
    if pa.types.is_signed_integer(given) and pa.types.is_signed_integer(declared):
        return bool(given.bit_width <= declared.bit_width)
    if pa.types.is_timestamp(given) and pa.types.is_timestamp(declared):  # one without a zone is in UTC
        return given.unit == declared.unit and given.tz in (None, "UTC")
    return bool(given == declared)


def _batches(reader: pa.RecordBatchReader, schema: pa.Schema, error: type[Exception]) -> Iterator[pa.RecordBatch]:
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except (error, OSError, pa.ArrowException) as failure:
            raise ArrowReadError(str(failure)) from failure
        columns = [_plain(batch.column(batch.schema.get_field_index(field.name)), field.type) for field in schema]
        rows = pa.record_batch(columns, schema=schema)
        yield from (rows.slice(first, BATCH_ROWS) for first in range(0, rows.num_rows, BATCH_ROWS))


def _plain(values: pa.Array, declared: pa.DataType) -> pa.Array:
    """Return the values in the declared type; NaN is a missing value."""
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values.cast(declared)
