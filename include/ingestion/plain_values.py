"""Convert Python values to Arrow columns of the declared types.

The values are from JSON or a database.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from include.errors import shorten

VALUE_SHOWN = 80
"""Characters of a value that a message quotes."""


class PlainValueError(ValueError):
    """A value does not fit the declared type."""

    def __init__(self, column: str, row: int, value: object, announced: pa.DataType) -> None:
        self.column, self.row = column, row
        super().__init__(f"column {column!r}: {shorten(repr(value), VALUE_SHOWN)} is not a value of {announced}")


def to_batch(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Return rows, by column name, as one batch with the columns of `schema`.

    Raises:
        PlainValueError: a value does not fit; it has the position of the row.
    """
    columns = [to_array(field.name, [row[field.name] for row in rows], field.type) for field in schema]
    return pa.record_batch(columns, schema=schema)


def to_array(column: str, values: Sequence[Any], announced: pa.DataType) -> pa.Array:
    """Return values as an array of the announced type; no value is changed.

    Whole numbers may be written as 2.0, decimals become the nearest float, flags may be 0 and 1, dates and times may be
    texts in ISO format. A time without a time zone is one in UTC. NaN is a missing value.

    Raises:
        PlainValueError: a value does not fit.
    """
    convert = _converter(announced)
    plain: list[Any] = []
    for row, value in enumerate(values):
        try:
            is_missing = value is None or (isinstance(value, float) and math.isnan(value))
            plain.append(None if is_missing else convert(value))
        except (ValueError, TypeError, OverflowError):
            raise PlainValueError(column, row, value, announced) from None
    try:
        return pa.array(plain, announced)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        row = next(row for row in range(len(plain)) if not _is_storable(plain[row], announced))
        raise PlainValueError(column, row, values[row], announced) from None


def _is_storable(value: object, announced: pa.DataType) -> bool:
    try:
        pa.array([value], announced)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return False
    return True


def _converter(announced: pa.DataType) -> Callable[[Any], Any]:
    for is_type, convert in (
        (pa.types.is_boolean, _flag),
        (pa.types.is_integer, _whole),
        (pa.types.is_floating, _number),
        (pa.types.is_date32, _date),
        (pa.types.is_timestamp, _instant),
    ):
        if is_type(announced):
            return convert
    return _text


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _flag(value: Any) -> bool:
    if value not in (0, 1) or isinstance(value, str):
        raise ValueError
    return bool(value)


def _whole(value: Any) -> int:
    if isinstance(value, str) or int(value) != value:
        raise ValueError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, str):
        raise TypeError
    number = float(value)
    if isinstance(value, int) and not isinstance(value, bool) and int(number) != value:
        raise ValueError
    if not isinstance(value, int | float | Decimal):
        raise TypeError
    return number


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        if value.tzinfo is not None or value.time() != value.min.time():
            raise ValueError
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(value)


def _instant(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
