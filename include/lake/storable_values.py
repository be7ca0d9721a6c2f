"""Find values that cannot be sorted, or that some reader cannot represent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.period import Period
from include.declaration.personal import MASK
from include.errors import DataError

NOT_A_NUMBER = "NaN or infinities"
NOT_TEXT = "strings that are not UTF-8"
NOT_A_DATE = "dates outside the years 1 to 9999"
"""Arrow can represent them; Python, pandas and DuckDB cannot, or read another date."""
_FIRST_INSTANT = datetime.min.replace(tzinfo=UTC)
_LAST_INSTANT = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class UnsoundValue:
    """The first value of a column that cannot be stored."""

    kind: str
    """NOT_A_NUMBER, NOT_TEXT or NOT_A_DATE."""
    column: str
    value: str
    row: str
    """The row's keys, as text."""


class UnsoundError(DataError):
    """A column holds values that cannot be stored."""

    way_out = ""

    def __init__(self, use_case: str, table: str, period: Period, found: Sequence[UnsoundValue]) -> None:
        self.use_case, self.table, self.period, self.found = use_case, table, period, tuple(found)
        first, kind = found[0], table.partition("/")[0]
        file = {"features": " in features.py", "labels": " in features.py", "raw": " in source.py"}.get(kind, "")
        super().__init__(
            f"{use_case}: {table} of {period} has {first.kind} in {[value.column for value in found]}; the first of"
            f" {first.column!r} is {first.value}, in the row {first.row}. Nothing was written."
            f" {self.way_out.format(function=f'the function{file} that makes these rows')}"
        )


class NonFiniteValueError(UnsoundError):
    """A column holds NaN, which engines read differently, or an infinity.

    A missing value is null.
    """

    way_out = "A missing value is null: return nulls from {function} (pyarrow.array with from_pandas=True does)."


class InvalidUtf8Error(UnsoundError):
    """A string column holds bytes that are not UTF-8, on which readers would fail."""

    way_out = "Decode them with their own encoding in {function}, or correct the source."


class NotADateError(UnsoundError):
    """A column has a date outside the years 1 to 9999.

    Some readers cannot represent such a date or timestamp.
    """

    way_out = "Return null for an unknown date from {function}, or correct the source."


_ERRORS = {NOT_A_NUMBER: NonFiniteValueError, NOT_TEXT: InvalidUtf8Error, NOT_A_DATE: NotADateError}


def require_sound(use_case: str, table: str, period: Period, unsound: Sequence[UnsoundValue]) -> None:
    """Refuse a day of a table that has unsound values.

    Raises:
        NonFiniteValueError: a value is NaN or infinite.
        InvalidUtf8Error: a string is not UTF-8.
        NotADateError: a date is outside the years 1 to 9999.
    """
    for kind, error in _ERRORS.items():
        if wrong := [value for value in unsound if value.kind == kind]:
            raise error(use_case, table, period, wrong)


class SoundnessCheck:
    """Find the first unsound value of each column in a stream of batches."""

    def __init__(self, keys: Sequence[str], personal: Collection[str]) -> None:
        """Start the check.

        `keys` are the columns that identify a row in messages, which mask the values of `personal` ones.
        """
        self._keys, self._personal = list(keys), personal
        self._first: dict[str, UnsoundValue] = {}

    @property
    def unsound_values(self) -> list[UnsoundValue]:
        """The first unsound value of each column, in order of column names."""
        return [self._first[column] for column in sorted(self._first)]

    def update(self, batch: pa.RecordBatch) -> None:
        """Check the next rows."""
        for name in batch.schema.names:
            if name not in self._first and (wrong := _first_unsound(batch.column(name))):
                kind, row = wrong
                value = MASK if name in self._personal else value_text(batch.column(name), row)
                self._first[name] = UnsoundValue(kind, name, value, row_text(batch, row, self._keys, self._personal))


def find_unsound(rows: pa.Table, keys: Sequence[str], personal: Collection[str]) -> list[UnsoundValue]:
    """Return the first unsound value of each column of a table."""
    check = SoundnessCheck(keys, personal)
    for batch in rows.to_batches():
        check.update(batch)
    return check.unsound_values


def row_text(batch: pa.RecordBatch, row: int, keys: Iterable[str], personal: Collection[str]) -> str:
    """Return the keys of a row as text, even if a key cannot be stored.

    Personal ones are masked.
    """
    values = {key: MASK if key in personal else value_text(batch.column(key), row) for key in keys}
    return " ".join(f"{key}={value}" for key, value in values.items())


def value_text(values: pa.Array, row: int) -> str:
    """Return a value as text, even if Python cannot represent it."""
    value = values[row]
    try:
        return str(value.as_py())
    except UnicodeDecodeError:
        return repr(value.cast(pa.binary()).as_py())
    except (ValueError, OverflowError):  # a year that Python does not support
        return str(values.slice(row, 1).cast(pa.string())[0])


def _first_unsound(values: pa.Array) -> tuple[str, int] | None:
    """Return kind and index of the first unsound value; None if all can be stored."""
    if pa.types.is_floating(values.type):
        return _first(NOT_A_NUMBER, pc.invert(pc.is_finite(values)))
    if pa.types.is_string(values.type):
        return None if _is_text(values) else (NOT_TEXT, _first_not_text(values))
    if pa.types.is_date32(values.type):
        return _first(NOT_A_DATE, _outside(values, pa.scalar(date.min), pa.scalar(date.max)))
    if pa.types.is_timestamp(values.type):
        ends = (pa.scalar(end, values.type) for end in (_FIRST_INSTANT, _LAST_INSTANT))
        return _first(NOT_A_DATE, _outside(values, *ends))
    return None


def _outside(values: pa.Array, least: pa.Scalar, most: pa.Scalar) -> pa.Array:
    return pc.or_(pc.less(values, least), pc.greater(values, most))


def _first(kind: str, wrong: pa.Array) -> tuple[str, int] | None:
    row = pc.index(wrong, True).as_py()
    return None if row < 0 else (kind, row)


def _is_text(strings: pa.StringArray) -> bool:
    """Return whether all strings are UTF-8, which Arrow itself does not check."""
    try:
        strings.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _first_not_text(strings: pa.StringArray) -> int:
    """Return the index of the first string that is not UTF-8, by bisection."""
    first, end = 0, len(strings)
    while end - first > 1:
        middle = (first + end) // 2
        first, end = (first, middle) if not _is_text(strings.slice(first, middle - first)) else (middle, end)
    return first
