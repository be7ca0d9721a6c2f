"""An expression whose dates change is compiled once, and its SQL is always the one that Ibis compiles."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from itertools import count

import ibis
import pytest
from ibis import _
from ibis.expr.types import Table

from include.lake import compiled_queries
from include.lake.compiled_queries import compile_query

DAYS = [datetime.date(2020, 1, 1) + datetime.timedelta(days=n) for n in range(6)]
ROWS = ibis.schema({"day": "date", "at": "timestamp", "seen": "timestamp('UTC')", "n": "int64", "x": "float64"})
Function = Callable[[Table, datetime.date], Table]


@pytest.fixture
def backend():
    """A DuckDB that counts what Ibis compiles."""
    connection = ibis.duckdb.connect()
    compiled = []
    real = connection.compile
    connection.compile = lambda table: compiled.append(table) or real(table)
    connection.compiled = compiled
    return connection


def compiled_for(backend, function: Function) -> int:
    """Compile the function's table for each day, hold it against Ibis' SQL, and return how often Ibis compiled."""
    compiled_queries._templates.cache_clear()
    rows = backend.create_table("rows", schema=ROWS, overwrite=True)
    before = len(backend.compiled)
    for day in DAYS:
        table = function(rows, day)
        assert compile_query(backend, table) == type(backend).compile(backend, table)
    return len(backend.compiled) - before


def noon(day: datetime.date, zone: datetime.tzinfo | None = None) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(12, 30, 15, 7), zone)


def between(rows: Table, day: datetime.date) -> Table:
    return rows.filter(_.day > day - datetime.timedelta(days=7), _.day <= day).mutate(since=day)


FUNCTIONS: dict[str, Function] = {
    "dates": between,
    "a date that occurs twice": lambda rows, day: between(between(rows, day), day),
    "times": lambda rows, day: rows.filter(_.at < noon(day)),
    "times of a zone": lambda rows, day: rows.filter(_.seen < noon(day, datetime.UTC)),
    "a join with itself": lambda rows, day: rows.join(rows.view(), "n").filter(_.day == day),
    "groups and windows": lambda rows, day: (
        between(rows, day).group_by("n").aggregate(x=_.x.sum(where=_.day == day)).mutate(part=_.x / _.x.sum())
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_expressions_that_differ_in_dates_are_compiled_for_the_first_two_only(backend, name):
    # Twice for the first two days, and once more with dates that are looked for in the SQL.
    assert compiled_for(backend, FUNCTIONS[name]) == 3


def test_another_constant_than_a_date_is_compiled_again(backend):
    numbers = count()
    assert compiled_for(backend, lambda rows, day: rows.filter(_.day == day, _.n == next(numbers))) == len(DAYS)


@pytest.mark.parametrize("pair", [(1, True), (0.0, -0.0), (1, 1.0), ("1", 1)], ids=str)
def test_constants_that_are_equal_in_python_are_not_confused(backend, pair):
    turn = count()
    compiled_for(backend, lambda rows, day: rows.filter(_.day == day).mutate(c=ibis.literal(pair[next(turn) % 2])))


def test_dates_that_are_equal_on_some_days_only_are_not_confused(backend):
    def function(rows: Table, day: datetime.date) -> Table:
        return rows.filter(_.day >= day, _.day >= datetime.date(2020, 1, 4)).distinct()

    compiled_for(backend, function)


def test_a_text_that_looks_like_a_date_is_left_alone(backend):
    function = FUNCTIONS["dates"]
    compiled_for(backend, lambda rows, day: function(rows, day).mutate(text=ibis.literal("MAKE_DATE(1001, 1, 1)")))


def test_rows_in_memory_are_compiled_each_time(backend):
    memory = {"n": [1, 2]}
    assert compiled_for(backend, lambda rows, day: rows.filter(_.day == day).join(ibis.memtable(memory), "n")) > 4


def test_few_expressions_are_kept(backend):
    numbers = iter(range(10_000))
    for _round in range(40):
        rows = backend.create_table("rows", schema=ROWS, overwrite=True)
        for day in DAYS:
            compile_query(backend, rows.filter(_.day == day, _.n == next(numbers)))
    assert compiled_queries._templates.cache_info().currsize <= 64
