"""Great Expectations' row-level expectations, each with a plain-Python function that finds the broken rows."""

from __future__ import annotations

import itertools
import json
import operator
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import great_expectations.expectations as gxe
import pyarrow as pa
from dateutil.parser import parse

from include.declaration.rule_text import rule_text

BIG = 2**53
TRICKY: dict[str, tuple[list[Any], pa.DataType]] = {
    "i64_null": ([BIG, BIG + 1, None, 5, 5, -3, 2**63 - 1, -(2**63)], pa.int64()),
    "i64": ([BIG, BIG + 1, 7, 5, 5, -3, 2**63 - 1, -(2**63)], pa.int64()),
    "i64_ids": ([BIG + 1, BIG, None, BIG + 1, 5, 6, 6, None], pa.int64()),
    "i8_null": ([1, 2, None, 5, 5, -3, 127, -128], pa.int8()),
    "i32": ([1, 2, 3, 5, 5, -3, 127, -128], pa.int32()),
    "bool_null": ([True, False, None, True, True, False, None, True], pa.bool_()),
    "bool": ([True, False, True, True, True, False, False, True], pa.bool_()),
    "text": (["a", "", None, "nan", "None", "1.0", "ä\nb", "a"], pa.string()),
    "json": (['{"a":1}', "[1]", None, "nan", "x", "2020-01-31", "31.01.2020", "1"], pa.string()),
    "on": (
        [
            *(date(2020, 1, 1), date(1, 1, 1), None, date(9999, 12, 31)),
            *(date(2020, 1, 1), date(2020, 1, 2), date(1969, 12, 31), date(2020, 1, 3)),
        ],
        pa.date32(),
    ),
    "f64_null": ([1.5, 2.0, None, 2.0, -1e308, 1e308, 0.1, 3.0], pa.float64()),
    "f64": ([1.5, 2.0, 0.0, 2.0, -1e308, 1e308, 0.1, 3.0], pa.float64()),
    "f32_null": ([1.5, 2.0, None, 2.0, -1e30, 1e30, 0.1, 3.0], pa.float32()),
}
TABLES = {
    "tricky": pa.table({name: pa.array(values, kind) for name, (values, kind) in TRICKY.items()}),
    "empty": pa.table({name: pa.array([], kind) for name, (_, kind) in TRICKY.items()}),
    "nulls": pa.table({name: pa.nulls(3, kind) for name, (_, kind) in TRICKY.items()}),
}
INTEGERS = ("i64_null", "i64", "i64_ids", "i8_null", "i32")
NUMBERS = (*INTEGERS, "f64_null", "f64", "f32_null")
PAIRS = [(BIG + 1, BIG + 1), (BIG, BIG + 1), (5, 5), (None, None), (-3, 6)]
Values = Sequence[Any]


@dataclass(frozen=True)
class Case:
    """An expectation, and the rows of a table that break it."""

    expectation: Any
    broken: Callable[[pa.Table], list[int]]

    @property
    def name(self) -> str:
        return rule_text(self.expectation)


def cases() -> Iterator[Case]:
    """All cases; each rule once."""
    for column in TRICKY:
        yield on(column, gxe.ExpectColumnValuesToNotBeNull(column=column), lambda v: places(x is None for x in v))
        yield on(column, gxe.ExpectColumnValuesToBeNull(column=column), lambda v: places(x is not None for x in v))
        yield on(column, gxe.ExpectColumnValuesToBeUnique(column=column), repeated)
    for column in NUMBERS:
        yield from _numbers(column)
    for column in INTEGERS:
        yield from _written_integers(column)
    for column in ("bool_null", "bool"):
        yield each(column, gxe.ExpectColumnValuesToBeInSet(column=column, value_set=[True]), lambda v: v)
        yield each(column, gxe.ExpectColumnValuesToNotBeInSet(column=column, value_set=[True]), lambda v: not v)
        yield each(column, gxe.ExpectColumnValuesToMatchRegex(column=column, regex="^True$"), lambda v: v)
        yield each(column, gxe.ExpectColumnValuesToBeBetween(column=column, min_value=1), lambda v: v)
    for column in ("text", "json"):
        yield from _text(column)
    yield from _dates("on")
    yield from _spread()
    yield from _pairs()
    yield from _records()


def on(column: str, expectation: Any, broken: Callable[[Values], list[int]]) -> Case:
    return Case(expectation, lambda table: broken(table[column].to_pylist()))


def each(column: str, expectation: Any, holds: Callable[[Any], Any]) -> Case:
    """A value that is there must hold; a missing one breaks nothing."""
    return on(column, expectation, lambda values: places(v is not None and not holds(v) for v in values))


def places(broken: Any) -> list[int]:
    return [place for place, is_broken in enumerate(broken) if is_broken]


def repeated(values: Values) -> list[int]:
    return places(value is not None and list(values).count(value) > 1 for value in values)


def in_order(compare: Callable[[Any, Any], bool]) -> Callable[[Values], list[int]]:
    def broken(values: Values) -> list[int]:
        there = [place for place, value in enumerate(values) if value is not None]
        return [b for a, b in itertools.pairwise(there) if not compare(values[b], values[a])]

    return broken


def holds_without(error: tuple[type[Exception], ...], does: Callable[[Any], Any]) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        try:
            does(value)
        except error:
            return False
        return True

    return holds


def _numbers(c: str) -> Iterator[Case]:
    between = gxe.ExpectColumnValuesToBeBetween
    yield each(c, between(column=c, min_value=2, max_value=BIG - 1), lambda v: 2 <= v <= BIG - 1)
    yield each(c, between(column=c, min_value=BIG - 1), lambda v: v >= BIG - 1)
    yield each(c, between(column=c, max_value=5, strict_max=True), lambda v: v < 5)
    yield each(c, between(column=c, min_value=5, strict_min=True), lambda v: v > 5)
    yield each(c, between(column=c, min_value=0.1, max_value=5.5), lambda v: 0.1 <= v <= 5.5)
    yield each(c, between(column=c, max_value=0.1), lambda v: v <= 0.1)
    values = [BIG + 1, 5, 2]
    yield each(c, gxe.ExpectColumnValuesToBeInSet(column=c, value_set=values), lambda v: v in values)
    yield each(c, gxe.ExpectColumnValuesToNotBeInSet(column=c, value_set=values), lambda v: v not in values)
    for strictly, up, down in ((True, operator.gt, operator.lt), (False, operator.ge, operator.le)):
        yield on(c, gxe.ExpectColumnValuesToBeIncreasing(column=c, strictly=strictly), in_order(up))
        yield on(c, gxe.ExpectColumnValuesToBeDecreasing(column=c, strictly=strictly), in_order(down))


def _written_integers(c: str) -> Iterator[Case]:
    """An integer is written without a point."""
    regex, one = gxe.ExpectColumnValuesToMatchRegex, f"^{BIG + 1}$"
    yield each(c, regex(column=c, regex=r"^-?[0-9]+$"), lambda v: True)
    yield each(c, regex(column=c, regex=one), lambda v: v == BIG + 1)
    yield each(c, gxe.ExpectColumnValuesToNotMatchRegex(column=c, regex=one), lambda v: v != BIG + 1)
    lengths = gxe.ExpectColumnValueLengthsToBeBetween(column=c, min_value=1, max_value=2)
    yield each(c, lengths, lambda v: 1 <= len(str(v)) <= 2)
    yield each(c, gxe.ExpectColumnValueLengthsToEqual(column=c, value=16), lambda v: len(str(v)) == 16)


def _text(c: str) -> Iterator[Case]:
    values, both = ["a", "nan"], ["a", "n"]
    yield each(c, gxe.ExpectColumnValuesToBeInSet(column=c, value_set=values), lambda v: v in values)
    yield each(c, gxe.ExpectColumnValuesToNotBeInSet(column=c, value_set=values), lambda v: v not in values)
    for regex in ("^(a|nan)$", "^(?=a|n)", "^$"):
        expectation = gxe.ExpectColumnValuesToMatchRegex(column=c, regex=regex)
        yield each(c, expectation, lambda v, regex=regex: re.search(regex, v))
        expectation = gxe.ExpectColumnValuesToNotMatchRegex(column=c, regex=regex)
        yield each(c, expectation, lambda v, regex=regex: not re.search(regex, v))
    listed = gxe.ExpectColumnValuesToMatchRegexList
    yield each(c, listed(column=c, regex_list=both, match_on="any"), lambda v: "a" in v or "n" in v)
    yield each(c, listed(column=c, regex_list=both, match_on="all"), lambda v: "a" in v and "n" in v)
    none = gxe.ExpectColumnValuesToNotMatchRegexList(column=c, regex_list=both)
    yield each(c, none, lambda v: not ("a" in v or "n" in v))
    lengths = gxe.ExpectColumnValueLengthsToBeBetween(column=c, min_value=1, max_value=3)
    yield each(c, lengths, lambda v: 1 <= len(v) <= 3)
    yield each(c, gxe.ExpectColumnValueLengthsToEqual(column=c, value=3), lambda v: len(v) == 3)
    is_json = holds_without((ValueError,), json.loads)
    yield each(c, gxe.ExpectColumnValuesToBeJsonParseable(column=c), is_json)
    is_date = holds_without((ValueError,), lambda v: datetime.strptime(v, "%Y-%m-%d"))  # noqa: DTZ007
    yield each(c, gxe.ExpectColumnValuesToMatchStrftimeFormat(column=c, strftime_format="%Y-%m-%d"), is_date)
    yield each(c, gxe.ExpectColumnValuesToBeDateutilParseable(column=c), holds_without((ValueError,), parse))


def _dates(c: str) -> Iterator[Case]:
    first, last = date(2020, 1, 1), date(2020, 12, 31)
    between = gxe.ExpectColumnValuesToBeBetween
    yield each(c, between(column=c, min_value=first, max_value=last), lambda v: first <= v <= last)
    yield each(c, between(column=c, min_value=first, strict_min=True), lambda v: v > first)
    yield each(c, gxe.ExpectColumnValuesToBeInSet(column=c, value_set=[first]), lambda v: v == first)
    yield each(c, gxe.ExpectColumnValuesToNotBeInSet(column=c, value_set=[first]), lambda v: v != first)
    yield on(c, gxe.ExpectColumnValuesToBeIncreasing(column=c), in_order(operator.ge))
    yield on(c, gxe.ExpectColumnValuesToBeIncreasing(column=c, strictly=True), in_order(operator.gt))
    yield on(c, gxe.ExpectColumnValuesToBeDecreasing(column=c), in_order(operator.le))
    yield each(c, gxe.ExpectColumnValuesToMatchRegex(column=c, regex="^2020-01-0"), lambda v: v.year == 2020)


def _spread() -> Iterator[Case]:
    def scored(values: Values) -> list[int]:
        there = [float(value) for value in values if value is not None]
        if len(there) < 2:
            return []
        mean, deviation = statistics.fmean(there), statistics.stdev(there)
        return places(v is not None and abs((v - mean) / deviation) >= 1 for v in values)

    for c in ("i64_null", "i64_ids", "i8_null", "i32"):
        yield on(c, gxe.ExpectColumnValueZScoresToBeLessThan(column=c, threshold=1, double_sided=True), scored)


def _pairs() -> Iterator[Case]:
    for a, b in (
        *(("i64_null", "i64_ids"), ("i64", "i64_ids"), ("i64_null", "f64_null"), ("i64", "i64_null")),
        *(("f64_null", "f64"), ("i8_null", "i32"), ("text", "json"), ("on", "on"), ("bool_null", "bool")),
    ):
        for ignored in ("both_values_are_missing", "either_value_is_missing", "neither"):
            given = {"column_A": a, "column_B": b, "ignore_row_if": ignored}
            yield _pair(gxe.ExpectColumnPairValuesAToBeGreaterThanB(**given), operator.gt)
            yield _pair(gxe.ExpectColumnPairValuesAToBeGreaterThanB(or_equal=True, **given), operator.ge)
            yield _pair(gxe.ExpectColumnPairValuesToBeEqual(**given), operator.eq)
            if (a, b) == ("i64_null", "i64_ids"):
                within = gxe.ExpectColumnPairValuesToBeInSet(value_pairs_set=PAIRS, **given)
                yield _pair(within, lambda x, y: (x, y) in PAIRS, takes_null=True)


def _pair(expectation: Any, holds: Callable[[Any, Any], bool], *, takes_null: bool = False) -> Case:
    names, ignored = (expectation.column_A, expectation.column_B), expectation.ignore_row_if

    def is_broken(row: tuple[Any, Any]) -> bool:
        if ignored != "neither" and row.count(None) > (ignored == "both_values_are_missing"):
            return False
        return not ((takes_null or None not in row) and holds(*row))

    return Case(expectation, lambda table: places(is_broken(row) for row in _rows(table, names)))


def _records() -> Iterator[Case]:
    for names in (
        *(["i64_null", "i64_ids"], ["i64_null", "bool_null"], ["text", "bool_null"], ["on", "i64_null"]),
        *(["f64_null", "i8_null"], ["i64_null", "i64_ids", "text"], ["bool_null", "i8_null", "f64_null"]),
    ):
        for ignored in ("all_values_are_missing", "any_value_is_missing", "never"):
            given = {"column_list": names, "ignore_row_if": ignored}
            yield _record(gxe.ExpectCompoundColumnsToBeUnique(**given), lambda row, rows: rows.count(row) == 1)
            distinct = gxe.ExpectSelectColumnValuesToBeUniqueWithinRecord(**given)
            yield _record(distinct, lambda row, _: len(set(row)) == len(row))
            yield _record(gxe.ExpectMulticolumnValuesToBeEqual(**given), lambda row, _: len(set(row)) == 1)
    for names, total in ((["i64_ids", "i8_null"], 7), (["f64_null", "i8_null"], 2.5), (["i8_null", "i32"], 2)):
        for ignored in ("all_values_are_missing", "any_value_is_missing", "never"):
            expectation = gxe.ExpectMulticolumnSumToEqual(column_list=names, ignore_row_if=ignored, sum_total=total)
            yield _record(expectation, lambda row, _, total=total: None not in row and sum(row) == total)


def _record(expectation: Any, holds: Callable[[tuple[Any, ...], list[tuple[Any, ...]]], bool]) -> Case:
    names, ignored = expectation.column_list, expectation.ignore_row_if
    allowed = {"never": len(names), "any_value_is_missing": 0, "all_values_are_missing": len(names) - 1}[ignored]

    def broken(table: pa.Table) -> list[int]:
        rows = _rows(table, names)
        judged = [row for row in rows if row.count(None) <= allowed]
        return places(row.count(None) <= allowed and not holds(row, judged) for row in rows)

    return Case(expectation, broken)


def _rows(table: pa.Table, names: Sequence[str]) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))
