"""Check that a rule compares a column with values that its type can have.

No value of the column equals any other, so a rule that forbids such a value always passes, and one that requires it
always fails.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

import numpy as np

COMPARED = frozenset(
    f"ExpectColumn{statistic}ToBeBetween"
    for statistic in ("Values", "Max", "Min", "Mean", "Median", "Sum", "QuantileValues")
)
"""Expectations whose limits are compared with values of the column, not with counts or shares."""
ASKED = {
    "string": "text",
    "date32": "dates (datetime.date, and no datetime)",
    "timestamp": "datetimes with a time zone (tzinfo=datetime.UTC)",
    "bool": "True or False",
}
"""Column type to a description of the values it is compared with; other types are compared with numbers."""


def wrong_values(expectation: Any, columns: Mapping[str, str]) -> list[str]:
    """Describe the values in an expectation that its columns cannot have.

    There is at most one for each argument; `columns` are the feed's types.
    """
    return [
        f"{argument} holds {value!r}, but column {column!r} is {columns[column]}, which is compared with"
        f" {ASKED.get(columns[column], 'numbers that it holds exactly')}"
        for argument, column, values in _compared(expectation)
        if (value := next((item for item in values if not _can_occur(item, columns[column], argument)), None))
        is not None
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
            yield "value_ranges", column, [end for ends in _listed(ranges) for end in _listed(ends)]
    pairs = [_listed(pair) for pair in _listed(getattr(expectation, "value_pairs_set", None))]
    for place, name in enumerate(("column_A", "column_B")):
        if pairs:
            yield "value_pairs_set", getattr(expectation, name), [pair[place] for pair in pairs]


def _listed(values: Any) -> list[Any]:
    return list(values) if isinstance(values, Iterable) and not isinstance(values, (str, Mapping)) else []


def _can_occur(value: Any, kind: str, argument: str) -> bool:
    """Return whether a column of this type can have the value.

    A limit may be any number.
    """
    if value is None:
        return True
    if kind == "string":
        return isinstance(value, str)
    if kind == "date32":
        return isinstance(value, date) and not isinstance(value, datetime)
    if kind == "timestamp":
        is_instant = isinstance(value, datetime) and value.tzinfo is not None
        return is_instant and not getattr(value, "nanosecond", 0)  # a pandas timestamp; columns hold microseconds
    if not isinstance(value, (int, float, np.number, np.bool_)):
        return False
    return _is_held(value, kind) if argument in ("value_set", "value_pairs_set") else not _is_nan(value)


def _is_held(value: Any, kind: str) -> bool:
    """Return whether a numeric type represents a number exactly."""
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
