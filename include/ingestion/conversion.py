"""Convert columns to the announced types if no value changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

Column: TypeAlias = "pa.Array | pa.ChunkedArray"
_TWO_TO_63, _TWO_TO_64 = 2.0**63, 2.0**64


class NotConvertibleError(ValueError):
    """A column cannot be converted to the announced type without changing a value."""

    def __init__(
        self, column: str, actual: pa.DataType, announced: pa.DataType, row: int | None, value: object
    ) -> None:
        self.column, self.row, self.value = column, row, value
        self.can_be_declared = not (pa.types.is_nested(actual) or isinstance(actual, pa.BaseExtensionType))
        what = f"column {column!r} is {actual} and must be {announced}"
        super().__init__(what if row is None else f"{what}: the value {value!r} would change")


def convert_columns(column: str, values: Column, announced: pa.DataType) -> Column:
    """Convert a column to its announced type if that changes no value.

    Integers, floats, decimals and bools convert to each other, any text type to string, timestamps at midnight to
    dates, and nulls to any type. Numbers and texts never convert to each other: whether `007` is 7 is the use case's
    decision. A timestamp with a time zone is not converted to a date, because DuckDB returns the machine's zone.

    Raises:
        NotConvertibleError: the types differ otherwise, or a value would change; it names the first such value.
    """
    if pa.types.is_dictionary(values.type):
        try:
            return convert_columns(column, values.cast(values.type.value_type), announced)
        except pa.ArrowNotImplementedError as error:  # of intervals, for example
            raise NotConvertibleError(column, values.type.value_type, announced, None, None) from error
    if pa.types.is_float16(values.type):
        return convert_columns(column, values.cast(pa.float32()), announced)
    if values.type == announced:
        return values
    conversion = _conversion(values.type, announced)
    if conversion is None:
        raise NotConvertibleError(column, values.type, announced, None, None)
    if (row := _first_refused(values, conversion)) is not None:
        raise NotConvertibleError(column, values.type, announced, row, values[row].as_py())
    return conversion(values)[0]


_Converted: TypeAlias = "tuple[Column, Column | None]"
"""The converted values, and a mask of the values that the conversion changed (None: none)."""


def _conversion(actual: pa.DataType, announced: pa.DataType) -> Callable[[Column], _Converted] | None:
    """Return the function that converts one type to the other; None if there is none."""
    for from_type, to_type, conversion in _CONVERSIONS:
        if from_type(actual) and to_type(announced):
            return conversion(announced)
    return None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number_or_bool(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _is_local_timestamp(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) and kind.tz is None


def _plain(announced: pa.DataType) -> Callable[[Column], _Converted]:
    """Convert by Arrow's safe cast, which raises if a value would change."""
    return lambda values: (values.cast(announced), None)


def _and_back(announced: pa.DataType) -> Callable[[Column], _Converted]:
    """Convert by a cast that must restore the value when cast back; a NaN stays a NaN."""

    def converted(values: Column) -> _Converted:
        result = values.cast(announced, safe=False)
        back = result.cast(values.type, safe=False)
        changed = pc.not_equal(values, back)
        if pa.types.is_floating(values.type):
            changed = pc.and_(changed, pc.invert(pc.is_nan(values)))
        return result, changed

    return converted


def _flags(_: pa.DataType) -> Callable[[Column], _Converted]:
    """Convert numbers to booleans: 1 to true, 0 to false; any other number is refused."""

    def converted(values: Column) -> _Converted:
        # Arrow raises for a decimal with a fraction; not every decimal type can hold the 1 of the comparison.
        numbers = values.cast(pa.int64()) if pa.types.is_decimal(values.type) else values
        is_one = pc.equal(numbers, 1)
        return is_one, pc.invert(pc.or_(is_one, pc.equal(numbers, 0)))

    return converted


def _whole(announced: pa.DataType) -> Callable[[Column], _Converted]:
    """Convert floats to integers: whole numbers within the type's range."""
    bits = announced.bit_width
    signed = pa.types.is_signed_integer(announced)
    least, end = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1)) if signed else (0.0, 2.0**bits)

    def converted(values: Column) -> _Converted:
        numbers = values.cast(pa.float64())
        fits = pc.and_(pc.greater_equal(numbers, least), pc.less(numbers, end))
        fits = pc.and_(fits, pc.equal(numbers, pc.floor(numbers)))
        held = pc.if_else(pc.fill_null(fits, False), numbers, pa.scalar(None, pa.float64()))
        return held.cast(announced, safe=False), pc.invert(fits)

    return converted


def _fractional(announced: pa.DataType) -> Callable[[Column], _Converted]:
    """Convert integers to floats if exact.

    All up to 2^53 (float32: 2^24) are, and some above.
    """

    def converted(values: Column) -> _Converted:
        result = values.cast(announced, safe=False)
        numbers = result.cast(pa.float64())
        end = _TWO_TO_63 if pa.types.is_signed_integer(values.type) else _TWO_TO_64
        held = pc.less(numbers, end)  # above it, casting back is undefined
        back = pc.if_else(held, numbers, 0.0).cast(values.type, safe=False)
        return result, pc.invert(pc.and_(held, pc.equal(values, back)))

    return converted


def _nearest(announced: pa.DataType) -> Callable[[Column], _Converted]:
    """Convert decimals to the nearest float, as for 0.1; from 2^53 on, only if exact."""

    def converted(values: Column) -> _Converted:
        numbers = values.cast(pa.string()).cast(pa.float64())  # Arrow's own cast is off by the last bit
        held = pc.less(pc.abs(numbers), 2.0**53)
        back = pc.if_else(held, 0.0, numbers).cast(pa.decimal256(76, values.type.scale), safe=False)
        stays = pc.or_(held, pc.equal(values.cast(back.type), back))
        result = numbers.cast(announced, safe=False)
        return result, pc.invert(pc.and_(stays, pc.is_finite(result)))

    return converted


_CONVERSIONS = (
    (pa.types.is_null, lambda _: True, _plain),
    (_is_text, _is_text, _plain),
    (pa.types.is_date64, pa.types.is_date32, _plain),
    (_is_local_timestamp, pa.types.is_date32, _and_back),
    (pa.types.is_boolean, _is_number_or_bool, _plain),
    (pa.types.is_integer, pa.types.is_boolean, _flags),
    (pa.types.is_floating, pa.types.is_boolean, _flags),
    (pa.types.is_decimal, pa.types.is_boolean, _flags),
    (pa.types.is_integer, pa.types.is_integer, _plain),  # Arrow refuses values out of range
    (pa.types.is_decimal, pa.types.is_integer, _plain),  # and fractions
    (pa.types.is_floating, pa.types.is_integer, _whole),
    (pa.types.is_integer, pa.types.is_floating, _fractional),
    (pa.types.is_floating, pa.types.is_floating, _and_back),
    (pa.types.is_decimal, pa.types.is_floating, _nearest),
)
"""Predicate of the actual type, predicate of the announced type, and the conversion."""


def _first_refused(values: Column, conversion: Callable[[Column], _Converted]) -> int | None:
    """Return the position of the first value that is changed or refused, or None."""
    try:
        _, changed = conversion(values)
    except pa.ArrowInvalid:
        return _first_raising(values, conversion)
    if changed is None or not pc.any(changed).as_py():
        return None
    return int(pc.index(changed, True).as_py())


def _first_raising(values: Column, conversion: Callable[[Column], _Converted]) -> int:
    """Return the position of the first value that raises, by bisection."""
    first, end = 0, len(values)
    while end - first > 1:
        middle = (first + end) // 2
        try:
            conversion(values.slice(first, middle - first))
        except pa.ArrowInvalid:
            end = middle
        else:
            first = middle
    return first
