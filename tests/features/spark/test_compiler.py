"""Expressions have the same values on Spark as on DuckDB, or are refused there."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.lake import partition_reader

pytest.importorskip("pyspark", reason="Spark is not installed: make engines")

from ibis.common.exceptions import UnsupportedOperationError

from include.features.spark.errors import SparkComputationError

Expression = Callable[[ibis.Table], Any]
ROWS = 400
BOUNDS = {"int8": 2**7, "int16": 2**15, "int32": 2**31, "int64": 2**62}
FLOATS = [
    0.5,
    -1.5,
    2.5,
    0.0,
    -0.0,
    1e15,
    -1e-10,
    0.1,
    3.5,
    2.675,
    -2.5,
    1.005,
    0.285,
    0.49999999999999994,
    2**53 + 0.0,
]
TEXTS = ["a", "B", "", "ä", "z z", "A", "aa", "😀", "Strasse", " x ", "É", "1"]


def rows() -> pa.Table:
    """Return rows of every type of a lake's columns, with nulls, ends of ranges and halves."""
    chance = random.Random(7)

    def column(value: Callable[[int], Any], kind: pa.DataType) -> pa.Array:
        return pa.array([None if number % 11 == 4 else value(number) for number in range(ROWS)], kind)

    def whole(bound: int) -> Callable[[int], int]:
        return lambda number: [bound - 1, 1 - bound, 0, 1, -1, 7][number] if number < 6 else chance.randint(-99, 99)

    first, instant = date(2019, 12, 20), datetime(2019, 3, 31, 1, 59, 59, 999_999, UTC)
    integers = {name: column(whole(bound), pa.type_for_alias(name)) for name, bound in BOUNDS.items()}
    return pa.table(
        {"id": pa.array(range(ROWS), pa.int64())}
        | integers
        | {
            "flag": column(lambda number: number % 3 == 0, pa.bool_()),
            "single": column(lambda number: chance.uniform(-9, 9), pa.float32()),
            "number": column(lambda n: FLOATS[n] if n < len(FLOATS) else chance.uniform(-99, 99), pa.float64()),
            "cents": column(lambda _: chance.randint(-99999, 99999) / 1000, pa.float64()),
            "text": column(lambda number: TEXTS[number % len(TEXTS)], pa.string()),
            "group": pa.array([f"g{number % 7}" for number in range(ROWS)]),
            "day": column(lambda _: first + timedelta(chance.randint(0, 900)), pa.date32()),
            "other_day": column(lambda _: first + timedelta(chance.randint(0, 900)), pa.date32()),
            "at": column(lambda _: instant + timedelta(seconds=chance.uniform(0, 1e8)), pa.timestamp("us", "UTC")),
            "other": column(lambda _: instant + timedelta(seconds=chance.uniform(0, 1e8)), pa.timestamp("us", "UTC")),
        }
    )


@dataclass(frozen=True)
class Engines:
    """The same file on both engines."""

    local: ibis.Table
    spark: ibis.Table

    def both(self, expression: Callable[[ibis.Table], ibis.Table]) -> tuple[pa.Table, pa.Table]:
        local = expression(self.local)
        backend = local.get_backend()
        backend._run_pre_execute_hooks(local)
        computed = backend.raw_sql(backend.compile(local)).to_arrow_table()
        return computed, expression(self.spark).to_pyarrow_batches().read_all()


@pytest.fixture(scope="module")
def engines(spark, tmp_path_factory) -> Engines:
    folder = tmp_path_factory.mktemp("a lake 100%{x}[y]#") / "period=2020-01-01"
    folder.mkdir()
    pq.write_table(rows(), folder / "rows.parquet")
    return engines_of([str(folder / "rows.parquet")], rows().schema, spark)


def engines_of(paths: list[str], schema: pa.Schema, spark: Any) -> Engines:
    duckdb = ibis.duckdb.connect()
    duckdb.raw_sql("set TimeZone = 'UTC'")
    return Engines(
        partition_reader.duckdb_table(duckdb, "toy/features", paths, schema),
        partition_reader.typed_table("toy/features", paths, schema, spark.table_of_files),
    )


def require_equal(local: pa.Table, spark: pa.Table) -> None:
    """Compare by the first column; integers, texts and times exactly, floats to 1e-12."""
    assert local.num_rows == spark.num_rows
    by = [(local.column_names[0], "ascending")]
    local, spark = local.sort_by(by), spark.sort_by(by)
    different = {
        name: next((a, b) for a, b in zip(left, right, strict=True) if not is_equal(a, b))
        for name in local.column_names
        for left, right in [(local[name].to_pylist(), spark[name].to_pylist())]
        if not all(map(is_equal, left, right))
    }
    assert different == {}


def is_equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float | int | Decimal):
        if math.isnan(one) or math.isinf(one):
            return str(one) == str(float(other))
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
    return bool(one == other)


WHOLE: Mapping[str, Expression] = {
    f"{column} {what}": expression
    for column in BOUNDS
    for what, expression in {
        "read": lambda t, c=column: t[c],
        "half": lambda t, c=column: t[c] / 2,
        "by a column": lambda t, c=column: t[c] / t.int8,
        "by zero": lambda t, c=column: t[c] / (t.id * 0),
        "floor": lambda t, c=column: t[c] // 7,
        "floor by a column": lambda t, c=column: t[c] // t.int16.nullif(0),
        "rest": lambda t, c=column: t[c] % 7,
        "rest of zero": lambda t, c=column: t[c] % t.int8,
        "as float": lambda t, c=column: t[c].cast("float64"),
        "as bool": lambda t, c=column: t[c].cast("bool"),
        "as text": lambda t, c=column: t[c].cast("string"),
        "as decimal": lambda t, c=column: t[c].cast("decimal(25, 2)").cast("int64"),
        "rounded": lambda t, c=column: t[c].round(),
        "ceil": lambda t, c=column: t[c].ceil(),
        "sign": lambda t, c=column: t[c].sign(),
        "filled": lambda t, c=column: t[c].fill_null(0),
        "null if": lambda t, c=column: t[c].nullif(0),
        "between": lambda t, c=column: t[c].between(0, 5),
        "one of": lambda t, c=column: t[c].isin([1, 7]),
        "greatest": lambda t, c=column: ibis.greatest(t[c], 2, t.id),
        "clipped": lambda t, c=column: t[c].clip(lower=-2, upper=4),
        "is null": lambda t, c=column: t[c].isnull(),
        "is known": lambda t, c=column: t[c].notnull(),
        "squared": lambda t, c=column: (t[c] % 5) ** 2,
        "bits": lambda t, c=column: t[c] & 3,
        "before": lambda t, c=column: t[c].lag().over(group_by="group", order_by="id"),
        "rank": lambda t, c=column: ibis.rank().over(group_by="group", order_by=t[c]),
        "rank from above": lambda t, c=column: ibis.rank().over(group_by="group", order_by=ibis.desc(t[c])),
        "place": lambda t, c=column: ibis.row_number().over(group_by="group", order_by=[t[c], t.id]),
        "mean of three": lambda t, c=column: (t[c] % 9).mean().over(group_by="group", order_by="id", rows=(-2, 0)),
        "sum so far": lambda t, c=column: (t[c] % 9).sum().over(group_by="group", order_by="id", rows=(None, 0)),
    }.items()
}
FRACTIONS: Mapping[str, Expression] = {
    f"{column} {what}": expression
    for column in ("number", "cents")
    for what, expression in {
        "read": lambda t, c=column: t[c],
        "ratio": lambda t, c=column: t[c] / t.cents,
        "by zero": lambda t, c=column: t[c] / (t.number * 0),
        "rest": lambda t, c=column: t[c] % 1.7,
        "rest of zero": lambda t, c=column: t[c] % (t.id * 0),
        "floor": lambda t, c=column: t[c].floor(),
        "floor by a column": lambda t, c=column: t[c] // t.cents,
        "ceil": lambda t, c=column: t[c].ceil(),
        "rounded": lambda t, c=column: t[c].round(),
        "to no digit": lambda t, c=column: t[c].round(0),
        "to a digit": lambda t, c=column: t[c].round(1),
        "to two digits": lambda t, c=column: t[c].round(2),
        "to six digits": lambda t, c=column: t[c].round(6),
        "to tens": lambda t, c=column: t[c].round(-1),
        "as int": lambda t, c=column: t[c].cast("int64"),
        "tried as int8": lambda t, c=column: t[c].try_cast("int8"),
        "as decimal": lambda t, c=column: t[c].cast("decimal(25, 2)"),
        "as whole decimal": lambda t, c=column: t[c].cast("decimal(25, 0)"),
        "decimal as int": lambda t, c=column: t[c].cast("decimal(25, 1)").cast("int64"),
        "decimal as float": lambda t, c=column: t[c].cast("decimal(25, 3)").cast("float64"),
        "decimal as text": lambda t, c=column: t[c].cast("decimal(25, 3)").cast("string"),
        "as single": lambda t, c=column: t[c].cast("float32"),
        "as bool": lambda t, c=column: t[c].cast("bool"),
        "not a number": lambda t, c=column: (t[c] * 0 / (t[c] * 0)).isnan(),
        "a NaN is known": lambda t, c=column: (t[c] * 0 / (t[c] * 0)).isnull(),
        "a NaN stays": lambda t, c=column: (t[c] * 0 / (t[c] * 0)).fill_null(9.0),
        "a NaN is largest": lambda t, c=column: (t[c] * 0 / (t[c] * 0)) > 5,
        "infinite": lambda t, c=column: (t[c] / (t.number * 0)).isinf(),
        "root": lambda t, c=column: t[c].abs().sqrt(),
        "logarithm": lambda t, c=column: (t[c].abs() + 1).ln(),
        "logarithm to 10": lambda t, c=column: (t[c].abs() + 1).log10(),
        "exponential": lambda t, c=column: (t[c] % 5).exp(),
        "sine": lambda t, c=column: (t[c] % 7).sin(),
        "bucket": lambda t, c=column: t[c].bucket([-50, 0, 1, 3, 50]),
        "share of the group": lambda t, c=column: t[c] / t[c].sum().over(group_by="group").nullif(0),
        "deviation": lambda t, c=column: (t[c] % 9).std().over(group_by="group"),
    }.items()
}
OTHERS: Mapping[str, Expression] = {
    "single as float": lambda t: t.single.cast("float64"),
    "single as int": lambda t: t.single.cast("int64"),
    "single calculated as float": lambda t: t.single.cast("float64") * 1000 + t.int16,
    "flag as int": lambda t: t.flag.cast("int64"),
    "flag as text": lambda t: t.flag.cast("string"),
    "flag and": lambda t: t.flag & (t.id > 3),
    "flag or": lambda t: t.flag | (t.id > 3),
    "not flag": lambda t: ~t.flag,
    "choice": lambda t: ibis.ifelse(t.flag, t.number, t.int8),
    "text": lambda t: t.text,
    "length": lambda t: t.text.length(),
    "upper": lambda t: t.text.upper(),
    "lower": lambda t: t.text.lower(),
    "stripped": lambda t: t.text.strip(),
    "part": lambda t: t.text.substr(1, 2),
    "joined": lambda t: t.text + "-" + t.group,
    "holds": lambda t: t.text.contains("a"),
    "like": lambda t: t.text.like("%a%"),
    "matches": lambda t: t.text.re_search("^[a-z]+$"),
    "replaced": lambda t: t.text.replace("a", "q"),
    "padded": lambda t: t.text.lpad(4, "*"),
    "less": lambda t: t.text < t.group,
    "text rank": lambda t: ibis.dense_rank().over(order_by="text"),
    "cases": lambda t: t.group.cases(("g1", 1), ("g2", 2), else_=3),
    "year": lambda t: t.day.year(),
    "weekday": lambda t: t.day.day_of_week.index(),
    "week": lambda t: t.day.week_of_year(),
    "day of year": lambda t: t.day.day_of_year(),
    "hour": lambda t: t.at.hour(),
    "second": lambda t: t.at.second(),
    "millisecond": lambda t: t.at.millisecond(),
    "epoch": lambda t: t.at.epoch_seconds(),
    "epoch as int": lambda t: t.at.epoch_seconds().cast("int64"),
    "date of": lambda t: t.at.date(),
    "start of month": lambda t: t.day.truncate("M"),
    "start of week": lambda t: t.day.truncate("W"),
    "start of hour": lambda t: t.at.truncate("h"),
    "later day": lambda t: t.day + ibis.interval(days=3),
    "later day as text": lambda t: (t.day + ibis.interval(days=3)).cast("date").cast("string"),
    "earlier month": lambda t: t.day - ibis.interval(months=1),
    "later time": lambda t: t.at + ibis.interval(hours=3),
    "day as text": lambda t: t.day.cast("string"),
    "text as day": lambda t: t.day.cast("string").cast("date"),
    "day as time": lambda t: t.day.cast("timestamp"),
    "time without zone": lambda t: t.at.cast("timestamp"),
    "formatted": lambda t: t.at.strftime("%Y-%m-%d %H:%M"),
    "days between": lambda t: t.day - t.other_day,
    "days between as int": lambda t: (t.day - t.other_day).cast("int64"),
    **{
        f"{unit}s between": lambda t, u=unit: t.day.delta(t.other_day, unit=u)
        for unit in ("day", "week", "month", "year")
    },
    **{
        f"{unit}s passed": lambda t, u=unit: t.at.delta(t.other, unit=u)
        for unit in ("second", "minute", "hour", "day", "month", "quarter", "year")
    },
    "after": lambda t: t.at > datetime(2020, 2, 1, tzinfo=UTC),
    "after a literal": lambda t: t.at > ibis.timestamp("2020-02-01T00:00:00"),
    "after a date": lambda t: t.day > date(2020, 2, 1),
    "days before": lambda t: t.int16.sum().over(
        ibis.range_window(group_by="group", order_by="day", preceding=ibis.interval(days=90), following=0)
    ),
    "trailing days": lambda t: t.int16.sum().over(
        ibis.window(group_by="group", order_by="day", preceding=(ibis.interval(days=90), ibis.interval(days=1)))
    ),
    "whole and half": lambda t: t.id * 0.5,
    "decimal product": lambda t: t.cents.cast("decimal(18, 3)") * t.id.cast("decimal(10, 0)"),
    "decimal ratio": lambda t: t.cents.cast("decimal(18, 3)") / t.id.cast("decimal(10, 0)"),
    "rounded decimal": lambda t: t.cents.cast("decimal(18, 3)").round(1),
    "less than a mean": lambda t: t.cents < t.cents.mean().as_scalar(),
    "in other rows": lambda t: t.group.isin(t.filter(t.id % 7 == 3).group),
}


@pytest.mark.parametrize("expressions", [WHOLE, FRACTIONS, OTHERS], ids=["integers", "floats", "others"])
def test_values_of_rows_are_those_of_duckdb(engines, expressions):
    require_equal(*engines.both(lambda t: t.select("id", **{name: made(t) for name, made in expressions.items()})))


def test_aggregates_are_those_of_duckdb(engines):
    names = ("sum", "mean", "min", "max", "std", "var", "median", "count", "nunique")
    columns = ("int8", "int16", "int32", "number", "cents")
    values = {f"{c} {n}": lambda t, c=c, n=n: getattr(t[c], n)() for c in columns for n in names}
    values |= {
        "sum of int64": lambda t: (t.int64 % 1000).sum(),
        "sum of single": lambda t: t.single.sum(),
        "largest single": lambda t: t.single.max(),
        "sum where": lambda t: t.number.sum(where=t.flag),
        "count where": lambda t: t.count(where=t.flag),
        "different where": lambda t: t.text.nunique(where=t.flag),
        "sum of nothing": lambda t: t.number.sum(where=t.id < 0),
        "count of nothing": lambda t: t.count(where=t.id < 0),
        "quantile": lambda t: t.cents.quantile(0.3),
        "flags": lambda t: t.flag.sum(),
        "share of flags": lambda t: t.flag.mean(),
        "any": lambda t: t.flag.any(),
        "all": lambda t: t.flag.all(),
        "comparisons": lambda t: (t.int8 > 2).sum(),
        "text of the last": lambda t: t.text.argmax(t.id),
        "smallest text": lambda t: t.text.min(),
        "last day": lambda t: t.day.max(),
        "last time": lambda t: t.at.max(),
        "decimals": lambda t: t.cents.cast("decimal(18, 3)").sum(),
        "mean of decimals": lambda t: t.cents.cast("decimal(18, 3)").mean(),
        "covariance": lambda t: t.cents.cov(t.int16),
    }
    require_equal(*engines.both(lambda t: t.group_by("group").agg(**{name: made(t) for name, made in values.items()})))


JOINS: Mapping[str, Callable[[ibis.Table], ibis.Table]] = {
    "left": lambda t: t.select("id", "text").left_join(t.group_by("text").agg(n=t.count()), "text").select("id", "n"),
    "semi": lambda t: t.select("id", "group").semi_join(t.filter(t.id > 396), "group").select("id"),
    "anti": lambda t: t.select("id", "group").anti_join(t.filter(t.id > 396), "group").select("id"),
    "union": lambda t: t.select("id", v="number").union(t.select(id=t.id + ROWS, v=t.cents)),
    "distinct": lambda t: t.select("group").distinct(),
    "first rows": lambda t: t.order_by("id").limit(3).select("id", "text"),
    "negative zeros": lambda t: t.group_by(zero=t.number * 0).agg(n=t.count()).select("n"),
    "integers with a null in memory": lambda t: (
        t.select("id", "group")
        .left_join(
            ibis.memtable(pa.table({"group": ["g1", "g2", None], "v": pa.array([2**53 + 1, None, 3], pa.int64())})),
            "group",
        )
        .select("id", "v")
    ),
    "days and times in memory": lambda t: (
        t.select("id", "day")
        .left_join(
            ibis.memtable(
                pa.table(
                    {
                        "day": pa.array([date(2020, 1, 1), date(2021, 6, 1), None], pa.date32()),
                        "local": pa.array([datetime(2020, 1, 1, tzinfo=UTC), None, None], pa.timestamp("us")),
                        "at": pa.array([datetime(2020, 1, 1, 3, tzinfo=UTC), None, None], pa.timestamp("us", "UTC")),
                    }
                )
            ),
            "day",
        )
        .select("id", "local", "at")
    ),
}


@pytest.mark.parametrize("relation", JOINS.values(), ids=JOINS.keys())
def test_joins_are_those_of_duckdb(engines, relation):
    require_equal(*engines.both(relation))


def test_a_type_that_duckdb_writes_is_read_with_every_value(engines):
    assert engines.spark.schema() == engines.local.schema()
    assert engines.spark.order_by("id").to_pyarrow().equals(rows())


def test_names_of_any_kind_and_the_first_and_last_dates_are_read(spark, tmp_path):
    names = ["distance, km", "a.b", "a`b", 'a"b', "'", "ß $1", "{x}", "two  spaces", "select", "a;b(c)=d\\e"]
    days = pa.array([date(1, 1, 1), date(1582, 10, 4), date(9999, 12, 31)])
    times = pa.array(
        [datetime(1, 1, 1, tzinfo=UTC), datetime(1582, 10, 4, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)],
        pa.timestamp("us", "UTC"),
    )
    odd = pa.table(
        {name: pa.array([number, None, 3]) for number, name in enumerate(names)} | {"day": days, "at": times}
    )
    pq.write_table(odd, tmp_path / "rows.parquet")
    engines = engines_of([str(tmp_path / "rows.parquet")], odd.schema, spark)
    assert engines.spark.to_pyarrow().equals(odd)
    require_equal(*engines.both(lambda t: t.select("day", "at", **{f"{name}!": t[name] + 1 for name in names})))


def test_a_column_that_a_file_lacks_is_null_and_a_widened_one_is_cast(spark, tmp_path):
    pq.write_table(pa.table({"n": pa.array([1, None], pa.int8())}), tmp_path / "old.parquet")
    declared = pa.schema({"n": pa.float64(), "text": pa.string()})
    pq.write_table(pa.table({"n": [0.5], "text": ["a"]}, schema=declared), tmp_path / "new.parquet")
    engines = engines_of([str(tmp_path / f"{name}.parquet") for name in ("old", "new")], declared, spark)
    require_equal(*engines.both(lambda t: t))
    assert engines.spark.schema() == ibis.Schema.from_pyarrow(declared)


REFUSED: Mapping[str, Expression] = {
    "arithmetic of float32": lambda t: t.single * 2,
    "median of decimals": lambda t: t.cents.cast("decimal(18, 3)").median(),
    "median of float32": lambda t: t.single.median(),
    "digits of float32": lambda t: t.single.round(2),
    "float32 as decimal": lambda t: t.single.cast("decimal(18, 2)"),
    "float as text": lambda t: t.number.cast("string"),
    "time as text": lambda t: t.at.cast("string"),
    "time as number": lambda t: t.at.cast("int64"),
    "unsigned": lambda t: t.id.cast("uint8"),
    "text tried as number": lambda t: t.text.try_cast("int64"),
    "hash": lambda t: t.text.hash(),
    "distance": lambda t: t.text.levenshtein(t.group),
    "about how many": lambda t: t.text.approx_nunique(),
    "about the median": lambda t: t.number.approx_median(),
}


@pytest.mark.parametrize("expression", REFUSED.values(), ids=REFUSED.keys())
def test_what_spark_would_compute_otherwise_is_refused(engines, spark, expression):
    with pytest.raises(UnsupportedOperationError):
        spark.compile(engines.spark.select(v=expression(engines.spark)))


RAISING: Mapping[str, Expression] = {
    "logarithm of zero": lambda t: (t.number * 0).ln(),
    "logarithm to 10 of zero": lambda t: (t.number * 0).log10(),
    "root of a negative number": lambda t: (t.id - 5).sqrt(),
    "arc cosine of 2": lambda t: (t.id + 2).acos(),
    "int64 of NaN": lambda t: (t.number * 0 / (t.number * 0)).cast("int64"),
    "floor of an infinity": lambda t: (t.id / (t.id * 0)).floor(),
    "floor by zero": lambda t: t.id // (t.id * 0),
    "int8 of 300": lambda t: (t.id + 300).cast("int8"),
    "int64 beyond its end": lambda t: t.int64 * 8,
    "number of a text": lambda t: t.text.cast("int64"),
}


@pytest.mark.parametrize("expression", RAISING.values(), ids=RAISING.keys())
def test_what_duckdb_refuses_is_an_error_on_spark(engines, expression):
    with pytest.raises(ibis.backends.duckdb.duckdb.Error):
        engines.local.select(v=expression(engines.local)).to_pyarrow()
    with pytest.raises(SparkComputationError):
        engines.spark.select(v=expression(engines.spark)).to_pyarrow()


LATER = {"\u019b", "\u0264"}
"""Letters whose capitals are of Unicode 16, which DuckDB knows, and Java 17 does not."""
LETTERS = {chr(number) for number in range(0x20, 0x590)} - LATER


def test_cases_of_letters_are_those_of_duckdb_or_an_error(spark):
    """Letters that Java writes as several, such as ß, and Greek's final sigma, are errors, never another letter."""
    guarded = {letter for letter in LETTERS if len(letter.upper()) > 1 or len(letter.lower()) > 1} | {"\u03a3"}
    letters = pa.table({"letter": pa.array(sorted(LETTERS - guarded))})
    tables = ibis.duckdb.connect().create_table("letters", letters), spark.table_of_rows(letters)
    local, other = (t.mutate(up=t.letter.upper(), low=t.letter.lower()).to_pyarrow() for t in tables)
    require_equal(local, other)
    for letter in ("ß", "\u03a3", "ŉ"):
        one = spark.table_of_rows(pa.table({"letter": [letter]}))
        with pytest.raises(SparkComputationError):
            one.select(up=one.letter.upper(), low=one.letter.lower()).to_pyarrow()
