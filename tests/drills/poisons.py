"""Generate broken deliveries of a day of a feed, from the feed's declaration and a seed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.use_case import Feed

Poison = Callable[[np.random.Generator, pa.Table, Feed], Any]
"""From a generator, the healthy rows and their feed to what is delivered; None where the feed has nothing to poison."""

SQL = "'; DROP TABLE features; --"
PATH = "../../../../etc/passwd"
MARKUP = "<script>alert('poison')</script><img src=x onerror=alert(1)>"
POISONS: dict[str, Poison] = {}


def _poison(name: str) -> Callable[[Poison], Poison]:
    def keep(poison: Poison) -> Poison:
        POISONS[name] = poison
        return poison

    return keep


def some(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> np.ndarray:
    """Places of a few rows: few enough that the day is not refused for them alone."""
    count = max(1, int(rows.num_rows * feed.max_quarantined / 2))
    return np.sort(rng.choice(rows.num_rows, count, replace=False))


def _columns(rows: pa.Table, kind: Callable[[pa.DataType], bool]) -> list[str]:
    return [field.name for field in rows.schema if kind(field.type)]


def _put(rows: pa.Table, column: str, places: np.ndarray, value: Any) -> pa.Table:
    """The rows with that value (None: null) in those places of a column."""
    kind = rows.schema.field(column).type
    mask = np.zeros(rows.num_rows, dtype=bool)
    mask[places] = True
    replaced = pc.if_else(pa.array(mask), pa.scalar(value, kind), rows[column])
    return rows.set_column(rows.column_names.index(column), pa.field(column, kind), replaced)


def _everywhere(
    rng: np.random.Generator, rows: pa.Table, feed: Feed, names: list[str], *values: Any
) -> pa.Table | None:
    """One of the values in one of the columns, or in two, of a few rows."""
    if not names:
        return None
    for name in rng.choice(names, min(2, len(names)), replace=False):
        rows = _put(rows, str(name), some(rng, rows, feed), values[rng.integers(len(values))])
    return rows


def _cast(rows: pa.Table, column: str, kind: pa.DataType) -> pa.Table:
    return rows.set_column(rows.column_names.index(column), column, rows[column].cast(kind))


def _text(*values: str) -> Poison:
    return lambda rng, rows, feed: _everywhere(rng, rows, feed, _columns(rows, pa.types.is_string), *values)


def _floats(*values: float) -> Poison:
    return lambda rng, rows, feed: _everywhere(rng, rows, feed, _columns(rows, pa.types.is_floating), *values)


POISONS["an empty string"] = _text("", " ")
POISONS["huge strings (1 MB)"] = _text("x" * 1_000_000)
POISONS["NUL bytes and control characters"] = _text("a\x00b", "\x00", "\x1b[31m\r\n\x7f")
POISONS["Unicode look-alikes"] = _text("ЕWR", "EWR\u200b", "ＪＦＫ", "\u202eAA", "bo\u0131t")
POISONS["SQL in strings"] = _text(SQL, "1 OR 1=1", '" ; --')
POISONS["paths in strings"] = _text(PATH, "/dev/zero", "C:\\nul", "file:///etc/passwd")
POISONS["HTML and JavaScript in strings"] = _text(MARKUP, "{{ 7*7 }}", "javascript:alert(1)")
POISONS["NaN"] = _floats(float("nan"))
POISONS["infinities"] = _floats(float("inf"), float("-inf"))
POISONS["the largest and smallest floats"] = _floats(1.7e308, -1.7e308, 5e-324, -0.0)


@_poison("nulls in keys")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    return _everywhere(rng, rows, feed, list(feed.keys), None)


@_poison("rows of nothing but nulls")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    places = some(rng, rows, feed)
    for name in rows.column_names:
        rows = _put(rows, name, places, None)
    return rows


@_poison("rows delivered twice")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    return pa.concat_tables([rows, rows.take(some(rng, rows, feed)[:2])])


@_poison("keys delivered twice with other values")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table | None:
    others = [name for name in rows.column_names if name not in feed.keys]
    again = rows.take(some(rng, rows, feed)[:2])
    return pa.concat_tables([rows, _put(again, others[0], np.arange(again.num_rows), None)]) if others else None


@_poison("numbers as strings")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    return _cast(rows, str(rng.choice(_columns(rows, pa.types.is_integer))), pa.string())


@_poison("integers of another width")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    name = str(rng.choice(_columns(rows, pa.types.is_integer)))
    return _cast(rows, name, pa.int32() if pa.types.is_int64(rows.schema.field(name).type) else pa.int64())


@_poison("integers as floats")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    return _cast(rows, str(rng.choice(_columns(rows, pa.types.is_integer))), pa.float64())


@_poison("dates as timestamps")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    return _cast(rows, _columns(rows, pa.types.is_date)[0], pa.timestamp("us"))


@_poison("a column without type or values")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    place = int(rng.integers(rows.num_columns))
    return rows.set_column(place, rows.column_names[place], pa.nulls(rows.num_rows))


@_poison("invalid UTF-8")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table | None:
    names = _columns(rows, pa.types.is_string)
    if not names:
        return None
    values = [(value or "").encode() for value in rows[names[0]].to_pylist()]
    for place in some(rng, rows, feed):
        values[place] = b"\xff\xfe" + values[place]
    broken = pa.array(values, pa.binary()).view(pa.string())  # as a reader does that does not look
    return rows.set_column(rows.column_names.index(names[0]), names[0], broken)


@_poison("negative values")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table | None:
    return _everywhere(rng, rows, feed, _columns(rows, pa.types.is_integer), -1, -99)


@_poison("the largest and smallest integers")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    name = str(rng.choice(_columns(rows, pa.types.is_integer)))
    bounds = np.iinfo(rows.schema.field(name).type.to_pandas_dtype())
    value = int((bounds.min, bounds.max)[rng.integers(2)])
    return _put(rows, name, some(rng, rows, feed), value)


@_poison("dates of the years 1 and 9999")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    return _everywhere(rng, rows, feed, _columns(rows, pa.types.is_date), date.min, date.max)


@_poison("a column too many")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    return rows.append_column("surprise", pa.array(rng.integers(0, 9, rows.num_rows)))


@_poison("a column of the lake's own name")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    return rows.append_column("digest", pa.array(["b2-0"] * rows.num_rows))


@_poison("a column missing")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    return rows.drop_columns([str(rng.choice(rows.column_names))])


@_poison("a column twice")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    return rows.append_column(rows.column_names[0], rows[rows.column_names[0]])


@_poison("columns in another order")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    return rows.select([str(name) for name in rng.permutation(rows.column_names)])


@_poison("rows in another order")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    return rows.take(rng.permutation(rows.num_rows))


@_poison("no rows")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    return rows.schema.empty_table()


@_poison("rows in many chunks, some of them empty")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    cuts = np.sort(rng.integers(0, rows.num_rows, 12))
    bounds = [0, *map(int, cuts), rows.num_rows]
    return pa.concat_tables([rows.slice(a, b - a) for a, b in itertools.pairwise(bounds)])


@_poison("strings as a dictionary")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table | None:
    names = _columns(rows, pa.types.is_string)
    return _cast(rows, names[0], pa.dictionary(pa.int32(), pa.string())) if names else None


@_poison("strings of another kind")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table | None:
    names = _columns(rows, pa.types.is_string)
    kinds = [pa.large_string(), pa.string_view(), pa.binary()]
    return _cast(rows, names[0], kinds[rng.integers(3)]) if names else None


@_poison("every row bad")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> pa.Table:
    everywhere = np.arange(rows.num_rows)
    for name in _columns(rows, pa.types.is_integer):
        bounds = np.iinfo(rows.schema.field(name).type.to_pandas_dtype())
        rows = _put(rows, name, everywhere, int(bounds.min))
    return rows


@_poison("no table at all")
def _(rng: np.random.Generator, rows: pa.Table, feed: Feed) -> Any:
    return [None, rows.slice(0, 5).to_pylist(), rows.slice(0, 5).to_pandas(), "rows", date(2020, 1, 1)][rng.integers(5)]
