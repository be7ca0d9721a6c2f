"""Read what a feed's function in source.py returns.

That is Arrow, a frame of pandas or polars, or an iterator of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from include.declaration.period import Period
from include.errors import AirworthyError, ColumnsError, DataError, SourceError
from include.ingestion.conversion import NotConvertibleError, convert_columns
from include.ingestion.sources.base import Context
from include.lake.column_check import require_declared_columns

BATCH_ROWS = 65_536


class ResultTypeError(DataError):
    """A feed's function returned something that is not a table."""

    def __init__(self, use_case: str, feed: str, period: Period, kind: str) -> None:
        super().__init__(
            f"{use_case}: the source of feed {feed!r} returned a {kind} for {period}. Nothing was written. Return a"
            " pyarrow.Table, a frame of pandas or polars, or an iterator of these, from its function in source.py."
        )


def batches_of(context: Context, period: Period, result: object) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a function's result, a part at a time.

    They have the columns of the feed. Arrow has exactly the declared types. Columns of a frame are converted where that
    changes no value.

    Raises:
        ResultTypeError: the result, or a part of it, is no table.
        ColumnsError: its columns do not fit the declaration.
        SourceError: the iterator raised an error.
    """
    use_case, feed = context.names
    schema, raw = context.schema, f"raw/{feed}"
    for part in _parts(context, period, result):
        table = _as_table(part)
        if table is None:
            raise ResultTypeError(use_case, feed, period, type(part).__name__)
        if not isinstance(part, pa.Table | pa.RecordBatch):
            table = _converted(table, schema, f"{use_case}: {raw}", period)
        require_declared_columns(context.project.use_case, raw, period, table.schema)
        for batch in table.select(schema.names).to_batches(max_chunksize=BATCH_ROWS):
            yield pa.record_batch(batch.columns, schema=schema)  # drops foreign metadata


def _parts(context: Context, period: Period, result: object) -> Iterator[object]:
    """Yield the tables of a result; one table is its only part."""
    if _is_table(result) or not isinstance(result, Iterable) or isinstance(result, str | bytes | dict):
        yield result
        return
    parts = iter(result)
    while True:
        try:
            part = next(parts)
        except StopIteration:
            return
        except AirworthyError:
            raise
        except Exception as error:
            raise SourceError(*context.names, period, error) from error
        yield part


def _is_table(value: object) -> bool:
    return isinstance(value, pa.Table | pa.RecordBatch) or _kind(value) in ("pandas", "polars")


def _kind(value: object) -> str:
    """Return the library of a frame, which need not be installed.

    The name is empty for another value.
    """
    library = type(value).__module__.partition(".")[0]
    return library if type(value).__name__ == "DataFrame" else ""


def _as_table(value: Any) -> pa.Table | None:
    if isinstance(value, pa.RecordBatch):
        return pa.Table.from_batches([value])
    if isinstance(value, pa.Table):
        return value
    if _kind(value) == "pandas":
        return pa.Table.from_pandas(value, preserve_index=False)
    return value.to_arrow() if _kind(value) == "polars" else None


def _converted(table: pa.Table, schema: pa.Schema, name: str, period: Period) -> pa.Table:
    """Return the table with the declared types where no value changes.

    Other columns stay as they are.
    """
    columns, wrong = {}, []
    for column in table.column_names:
        values = table[column].combine_chunks()
        if column in schema.names:
            try:
                values = _convert(column, values, schema.field(column).type)
            except NotConvertibleError as error:
                wrong.append(str(error))
        columns[column] = values
    if wrong:
        hint = "Convert it in the feed's function, or correct the declaration."
        raise ColumnsError(name, period, (), (), wrong, hint)
    return pa.table(columns)


def _convert(column: str, values: pa.Array, announced: pa.DataType) -> Any:
    both = pa.types.is_timestamp(values.type) and pa.types.is_timestamp(announced)
    if both and values.type.tz is not None:  # pandas counts nanoseconds
        try:
            return values.cast(announced)
        except pa.ArrowInvalid as error:
            raise NotConvertibleError(column, values.type, announced, None, None) from error
    return convert_columns(column, values, announced)
