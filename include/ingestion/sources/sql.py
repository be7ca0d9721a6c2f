"""Read a table or a query of a database, a batch at a time, with bound parameters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, NoSuchTableError, SQLAlchemyError

from include import database_errors
from include.declaration.known import ByColumn, FirstSeen
from include.declaration.period import HOUR, Period
from include.declaration.sources import Sql, parameters_of
from include.errors import shorten_names
from include.ingestion.plain_values import PlainValueError, to_array
from include.ingestion.sources import adbc
from include.ingestion.sources.base import (
    Context,
    NotDeliveredError,
    SourceColumnsError,
    SourceRefusedError,
    SourceUnavailableError,
    Window,
    window_of,
)

BATCH_ROWS = 10_000
"""Rows that are fetched and converted at once."""
_SESSION = {
    "postgresql": ("set time zone 'UTC'", "set transaction read only"),
    "mysql": ("set time_zone = '+00:00'", "set session transaction read only"),
}
"""Dialect to the statements after which times without a zone are UTC and nothing can be written."""


class SqlReader:
    """A table or query of a feed: see `FeedReader`."""

    def __init__(self, context: Context, source: Sql) -> None:
        self._context, self._source = context, source
        self._where = f"{source.table or 'its query'} in the Connection {source.conn_id!r}"
        self.inputs: dict[str, str] = {}

    def batches(self, period: Period) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a period.

        A server-side cursor keeps the others in the database.
        """
        connections, conn_id = self._context.project.connections, self._source.conn_id
        engine = connections.engine(conn_id)
        with self._translated(), engine.connect() as connection:
            for statement in _SESSION.get(engine.dialect.name, ()):
                connection.execute(sa.text(statement))
            self._require_complete(connection, period)
            statement, values = self._statement(connection, period)
            with self._arrow_result(engine, statement, values) as found:
                if found is not None:
                    yield from found
                    return
            streaming = connection.execution_options(yield_per=BATCH_ROWS)  # by a server-side cursor
            result = streaming.execute(statement, values)
            self._require_columns([*result.keys()])
            read = 0
            for rows in result.partitions():
                yield self._converted([*result.keys()], rows, read)
                read += len(rows)

    @contextmanager
    def _arrow_result(
        self, engine: sa.Engine, statement: Any, values: dict[str, Any]
    ) -> Iterator[Iterator[pa.RecordBatch] | None]:
        """Yield the rows through ADBC, or None if they cannot be read so."""
        if not adbc.is_usable(engine.dialect.name):
            yield None
            return
        session = _SESSION[engine.dialect.name]
        try:
            with adbc.open_result(engine.url, session, statement, values, self._context.schema) as found:
                yield found
        except adbc.ArrowReadError as error:
            hide = self._context.project.connections.connection(self._source.conn_id).hide_secrets
            words = hide(" ".join(str(error).split()))
            raise SourceUnavailableError(*self._context.names, self._where, words) from None

    def _require_complete(self, connection: sa.Connection, period: Period) -> None:
        """Check, in the transaction that reads the rows, that the period is complete."""
        statement, known = self._source.complete, self._source.known
        if not statement or period in self._context.feed.missing_periods:
            return
        delay = 0 if isinstance(known, FirstSeen) else known.delay_periods
        window = window_of(period, delay, self._context.project.use_case)
        values = _values(window, connection.dialect.name == "sqlite", with_zone=True)
        found = connection.execute(sa.text(statement), {name: values[name] for name in parameters_of(statement)})
        if not found.scalar():
            raise NotDeliveredError(self._context, period, self._where, "its query `complete` says so")

    def _statement(self, connection: sa.Connection, period: Period) -> tuple[Any, dict[str, Any]]:
        """Return the statement to execute and the values of its parameters."""
        source, known = self._source, self._source.known
        if isinstance(known, FirstSeen):
            statement = sa.text(source.query) if source.query else self._select(connection)
            return statement, {}
        window = window_of(period, known.delay_periods, self._context.project.use_case)
        as_text = connection.dialect.name == "sqlite"
        if source.query:
            values = _values(window, as_text, with_zone=True)
            return sa.text(source.query), {name: values[name] for name in source.parameters}
        assert isinstance(known, ByColumn), known
        statement = self._select(connection)
        column: sa.ColumnClause[Any] = sa.column(known.column)
        kind = self._type_of(connection, known.column)
        by_date = self._is_date(kind)
        if by_date and self._context.project.use_case.calendar.unit is HOUR:
            reason = f"its column {known.column!r} has dates, which do not say the hour; name one of timestamps"
            raise SourceColumnsError(*self._context.names, self._where, reason)
        names = ("start_date", "end_date") if by_date else ("start", "end")
        values = _values(window, as_text, with_zone=getattr(kind, "timezone", False))
        first, end = names
        chosen = statement.where(column >= sa.bindparam(first), column < sa.bindparam(end))
        return chosen, {name: values[name] for name in names}

    def _select(self, connection: sa.Connection) -> Any:
        """Return the statement that selects the declared columns of the table."""
        names = self._context.schema.names
        known = self._source.known
        wanted = {*names, known.column} if isinstance(known, ByColumn) else {*names}
        there = {column["name"] for column in self._columns(connection)}
        if missing := sorted(wanted - there):
            reason = f"it lacks the columns {shorten_names(missing)}; it has {shorten_names(sorted(there))}"
            raise SourceColumnsError(*self._context.names, self._where, reason)
        schema, _, table = self._source.table.rpartition(".")
        return sa.select(*map(sa.column, names)).select_from(sa.table(table, schema=schema or None))

    def _columns(self, connection: sa.Connection) -> list[Any]:
        schema, _, table = self._source.table.rpartition(".")
        return [*sa.inspect(connection).get_columns(table, schema=schema or None)]

    def _type_of(self, connection: sa.Connection, name: str) -> Any:
        return next(column["type"] for column in self._columns(connection) if column["name"] == name)

    def _is_date(self, kind: Any) -> bool:
        """Return whether a column has dates.

        One without such a type, as in SQLite, has what the feed declares.
        """
        if isinstance(kind, sa.Date | sa.DateTime):
            return isinstance(kind, sa.Date)
        assert isinstance(self._source.known, ByColumn)
        return self._context.feed.columns.get(self._source.known.column, "date32") == "date32"

    def _require_columns(self, names: list[str]) -> None:
        declared = self._context.schema.names
        if sorted(names) != sorted(declared):
            reason = f"it returns the columns {shorten_names(names)}; the declared ones are {shorten_names(declared)}"
            raise SourceColumnsError(*self._context.names, self._where, reason)

    def _converted(self, names: list[str], rows: Any, before: int) -> pa.RecordBatch:
        schema, columns = self._context.schema, dict(zip(names, zip(*rows, strict=True), strict=True))
        try:
            arrays = [to_array(field.name, columns[field.name], field.type) for field in schema]
        except PlainValueError as error:
            reason = f"row {before + error.row + 1} of the answer: {error}"
            raise SourceColumnsError(*self._context.names, self._where, reason) from error
        return pa.record_batch(arrays, schema=schema)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise errors of the database as errors of the source, without secrets."""
        names, where, conn_id = self._context.names, self._where, self._source.conn_id
        hide = self._context.project.connections.connection(conn_id).hide_secrets
        try:
            yield
        except NoSuchTableError as error:
            remedy = "Correct the table's name, add its schema, or give the user the right to read it."
            raise SourceRefusedError(*names, where, "there is no such table", remedy) from error
        except DBAPIError as error:
            words = hide(database_errors.in_one_line(error))
            if database_errors.is_temporary(error):
                raise SourceUnavailableError(*names, where, words) from None
            if database_errors.are_credentials(error):
                remedy = f"Correct user and password in the Connection {conn_id!r}."
            else:
                remedy = "Correct the table or the query, or what its user may read."
            raise SourceRefusedError(*names, where, words, remedy) from None
        except SQLAlchemyError as error:
            words = hide(database_errors.in_one_line(error))
            raise SourceRefusedError(*names, where, words, "Correct the query or the Connection.") from None


def _values(window: Window, as_text: bool, *, with_zone: bool) -> dict[str, Any]:
    """Return the parameters of a window.

    SQLite compares texts as its own functions write them.
    """
    dates = {"start_date": window.period.start_date, "end_date": window.next_period.start_date}
    instants = {"start": window.start.astimezone(UTC), "end": window.end.astimezone(UTC)}
    if as_text:
        return {
            **{name: period.isoformat() for name, period in dates.items()},
            **{name: f"{instant:%Y-%m-%d %H:%M:%S}" for name, instant in instants.items()},
        }
    return {**dates, **(instants if with_zone else {name: _without_zone(at) for name, at in instants.items()})}


def _without_zone(instant: datetime) -> datetime:
    return instant.replace(tzinfo=None)
