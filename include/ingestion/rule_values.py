"""Check that what a rule compares a column with are values which a column of that type can have.

Others never equal a value, so that a rule which forbids them is met by every row, and one which asks for them by none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

import numpy as np

COMPARED = frozenset(
    f"ExpectColumn{each}ToBeBetween" for each in ("Values", "Max", "Min", "Mean", "Median", "Sum", "QuantileValues")
)
"""Expectations whose limits are compared with values of the column, and not with counts or shares."""
ASKED = {
    "string": "text",
    "date32": "dates (datetime.date, and no datetime)",
    "timestamp": "datetimes with a time zone (tzinfo=datetime.UTC)",
    "bool": "True or False",
}
"""Column type to what it is compared with, in words; the others are compared with numbers."""


def wrong_values(expectation: Any, columns: Mapping[str, str]) -> list[str]:
    """Say, for each argument of an expectation, which value a column never has; `columns` are the feed's types."""
    return [
        f"{argument} holds {value!r}, but column {column!r} is {columns[column]}, which is compared with"
        f" {ASKED.get(columns[column], 'numbers that it holds exactly')}"
        for argument, column, values in _compared(expectation)
        if (value := next((each for each in values if not _is_had(each, columns[column], argument)), None)) is not None
    ]


def _compared(expectation: Any) -> Iterator[tuple[str, str, list[Any]]]:
    """Yield argument, column and the values that the column is compared with."""
    column = getattr(expectation, "column", None)
    if isinstance(column, str):
        yield "value_set", column, _listed(getattr(expectation, "value_set", None))
        if COMPARED.intersection(base.__name__ for base in type(expectation).__mro__):
            for limit in ("min_value", "max_value"):
                yield limit, column, [getattr(expectation, limit, None)]
            ranges = getattr(getattr(expectation, "quantile_ranges", None), "value_ranges", None)
            yield "value_ranges", column, [end for each in _listed(ranges) for end in _listed(each)]
    pairs = [_listed(pair) for pair in _listed(getattr(expectation, "value_pairs_set", None))]
    for place, name in enumerate(("column_A", "column_B")):
        if pairs:
            yield "value_pairs_set", getattr(expectation, name), [pair[place] for pair in pairs]


def _listed(values: Any) -> list[Any]:
    return list(values) if isinstance(values, Iterable) and not isinstance(values, (str, Mapping)) else []


def _is_had(value: Any, kind: str, argument: str) -> bool:
    """Tell whether a column of this type can have the value; a limit may be any number."""
    if value is None:
        return True
    if kind == "string":
        return isinstance(value, str)
    if kind == "date32":
        return isinstance(value, date) and not isinstance(value, datetime)
    if kind == "timestamp":
        is_instant = isinstance(value, datetime) and value.tzinfo is not None
        return is_instant and not getattr(value, "nanosecond", 0)  # pandas', which microseconds do not hold
    if not isinstance(value, (int, float, np.number, np.bool_)):
        return False
    return _is_held(value, kind) if argument in ("value_set", "value_pairs_set") else not _is_nan(value)


def _is_held(value: Any, kind: str) -> bool:
    """Tell whether a numeric type holds a number exactly."""
    number = value.item() if isinstance(value, np.generic) else value
    if isinstance(number, float) and not math.isfinite(number):
        return False
    if kind.startswith("float"):
        try:
            with np.errstate(over="ignore"):
                return bool(float(np.dtype(kind).type(number)) == number)
        except OverflowError:  # an integer beyond all floats
            return False
    limits = np.iinfo(kind) if kind != "bool" else None
    least, most = (int(limits.min), int(limits.max)) if limits else (0, 1)
    return int(number) == number and least <= int(number) <= most


def _is_nan(value: Any) -> bool:
    return isinstance(value, (float, np.floating)) and math.isnan(value)
