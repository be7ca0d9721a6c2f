"""Replace the predictions of a period in a database table, in one transaction."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv as pc_csv
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, NoSuchTableError, SQLAlchemyError

from include import database_errors
from include.declaration.exports import ToSql
from include.errors import shorten_names
from include.scoring.export_errors import ExportRefusedError, ExportUnavailableError

if TYPE_CHECKING:
    from include.scoring.export import Delivery

_TEXT_LENGTH = 200
"""Longest text of a key in a created table; some databases cannot index longer ones."""


def write_table(delivery: Delivery, export: ToSql) -> None:
    """Delete the rows of the period and insert its predictions, in one transaction.

    Raises:
        ExportUnavailableError: the database does not answer; nothing was changed.
        ExportRefusedError: it refuses, or the table has other columns; nothing was changed.
    """
    project, names = delivery.project, (delivery.project.use_case.name, export.target)
    hide = project.connections.connection(export.conn_id).hide_secrets
    engine = project.connections.engine(export.conn_id)
    try:
        with engine.begin() as connection:
            table = _table(connection, delivery, export)
            if engine.dialect.name == "postgresql":  # two deliveries of a period would both insert its rows
                name = engine.dialect.identifier_preparer.format_table(table)
                connection.execute(sa.text(f"lock table {name} in share row exclusive mode"))
            connection.execute(sa.delete(table).where(table.c[export.period_column] == delivery.period.key))
            insert = _copy_batch if engine.dialect.name == "postgresql" else _insert_batch
            for batch in delivery.batches():
                insert(connection, table, _with_period(batch, export.period_column, delivery.period.key))
    except DBAPIError as error:
        words = hide(database_errors.in_one_line(error))
        if database_errors.is_temporary(error):
            raise ExportUnavailableError(*names, words) from None
        credentials = f"Correct user and password in the Connection {export.conn_id!r}."
        remedy = credentials if database_errors.are_credentials(error) else "Correct the table or its user's rights."
        raise ExportRefusedError(*names, words, remedy) from None
    except SQLAlchemyError as error:
        words = hide(database_errors.in_one_line(error))
        raise ExportRefusedError(*names, words, "Correct the table or the Connection.") from None


def _with_period(batch: pa.RecordBatch, column: str, key: str) -> pa.RecordBatch:
    """Return the rows with the key of their period in the first column."""
    period = pa.repeat(pa.scalar(key), batch.num_rows)
    return pa.record_batch([period, *batch.columns], names=[column, *batch.schema.names])


def _copy_batch(connection: sa.Connection, table: sa.Table, batch: pa.RecordBatch) -> None:
    """Insert rows by COPY, as text that Arrow writes.

    A null is empty, and an empty text has quotes.
    """
    prepare = connection.dialect.identifier_preparer
    columns = ", ".join(map(prepare.quote, batch.schema.names))
    statement = f"copy {prepare.format_table(table)} ({columns}) from stdin with (format csv)"
    written = io.BytesIO()
    pc_csv.write_csv(batch, written, pc_csv.WriteOptions(include_header=False))
    with connection.connection.cursor() as cursor:  # type: ignore[attr-defined]  # of both drivers
        try:
            if hasattr(cursor, "copy_expert"):  # psycopg2
                written.seek(0)
                cursor.copy_expert(statement, written)
                return
            with cursor.copy(statement) as copy:
                copy.write(written.getvalue())
        except connection.dialect.loaded_dbapi.Error as error:  # SQLAlchemy translates those of its own calls alone
            raise DBAPIError.instance(statement, None, error, connection.dialect.loaded_dbapi.Error) from error


def _insert_batch(connection: sa.Connection, table: sa.Table, batch: pa.RecordBatch) -> None:
    """Insert rows by the driver's `executemany`, column by column from Arrow.

    SQLAlchemy would make and convert a dictionary for each row; its statement and its conversions are used as they are.
    """
    dialect, names = connection.dialect, batch.schema.names
    statement = sa.insert(table).values(dict.fromkeys(names)).compile(dialect=dialect, column_keys=names)
    columns = {name: _driver_values(table.c[name], dialect, batch[name].to_pylist()) for name in names}
    if statement.positional:
        assert statement.positiontup is not None
        rows: Any = list(zip(*(columns[name] for name in statement.positiontup), strict=True))
    else:
        keys = [statement.escaped_bind_names.get(name, name) for name in names]
        rows = [dict(zip(keys, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    connection.exec_driver_sql(str(statement), rows)


def _driver_values(column: sa.Column[Any], dialect: sa.Dialect, values: list[Any]) -> list[Any]:
    """Return the values as the driver takes them."""
    convert = column.type.dialect_impl(dialect).bind_processor(dialect)
    return values if convert is None else [convert(value) for value in values]


def _table(connection: sa.Connection, delivery: Delivery, export: ToSql) -> sa.Table:
    """Return the table with the columns to write, created if it is missing."""
    schema, _, name = export.table.rpartition(".")
    keys = delivery.project.use_case.keys
    columns = [sa.Column(export.period_column, sa.String(32), primary_key=True)]
    for field in delivery.schema:
        is_key = field.name in keys
        columns.append(sa.Column(field.name, _type(field.type), primary_key=is_key, autoincrement=False))
    table = sa.Table(name, sa.MetaData(), *columns, schema=schema or None)
    try:
        there = {column["name"] for column in sa.inspect(connection).get_columns(name, schema=schema or None)}
    except NoSuchTableError:
        table.metadata.create_all(connection)
        return table
    if missing := sorted({column.name for column in columns} - there):
        reason = f"the table lacks the columns {shorten_names(missing)}; it has {shorten_names(sorted(there))}"
        remedy = "Add them, or name another table."
        raise ExportRefusedError(delivery.project.use_case.name, export.target, reason, remedy)
    return table


def _type(kind: pa.DataType) -> Any:
    """Return the column type of a created table."""
    for is_type, made in (
        (pa.types.is_boolean, sa.Boolean()),
        (pa.types.is_integer, sa.BigInteger()),
        (pa.types.is_floating, sa.Double()),
        (pa.types.is_date32, sa.Date()),
        (pa.types.is_timestamp, sa.DateTime(timezone=True)),
    ):
        if is_type(kind):
            return made
    return sa.String(_TEXT_LENGTH)
