"""Columns are converted to the declared types if no value changes, and otherwise refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from include.features.results import ResultRefusedError, converted, read_result
from include.ingestion.conversion import NotConvertibleError, convert_columns
from tests.refusals import raises

NAN, INF = float("nan"), float("inf")
MIDNIGHT = datetime(1950, 1, 1)  # noqa: DTZ001  # no zone: as DuckDB's and pandas' timestamps


@pytest.mark.parametrize(
    ("values", "announced", "expected"),
    [
        (pa.array([0, 127, None]), "int8", [0, 127, None]),
        (pa.array([1.0, None, -2.0]), "int8", [1, None, -2]),
        (pa.array([-(2.0**63)]), "int64", [-(2**63)]),
        (pa.array([Decimal("1.00"), None]), "int64", [1, None]),
        (pa.array([Decimal(12)], pa.decimal128(38, 0)), "int32", [12]),  # what DuckDB's sum of integers is
        (pa.array([2**53, 2**60, None]), "float64", [2.0**53, 2.0**60, None]),
        (pa.array([Decimal("0.5"), Decimal("12345678.12"), None]), "float64", [0.5, 12345678.12, None]),
        (pa.array([0.5, None, INF]), "float32", [0.5, None, INF]),
        (pa.array([1.5], pa.float16()), "float64", [1.5]),
        (pa.array([True, False, None]), "int8", [1, 0, None]),
        (pa.array([1, 0, None]), "bool", [True, False, None]),
        (pa.array([1, 0], pa.uint64()), "bool", [True, False]),
        (pa.array([1.0, -0.0, None]), "bool", [True, False, None]),
        (pa.array([1.0, 0.0], pa.float32()), "bool", [True, False]),
        (pa.array([Decimal("1.0"), Decimal("0.0"), None]), "bool", [True, False, None]),
        (pa.array([Decimal(1)], pa.decimal256(60, 20)), "bool", [True]),
        (pa.array([Decimal("0.00")], pa.decimal128(2, 2)), "bool", [False]),  # a type that does not hold 1
        (pa.array([True, False, None]), "float64", [1.0, 0.0, None]),
        (pa.array([MIDNIGHT, None]), "date32", [date(1950, 1, 1), None]),
        (pa.array([date(2020, 1, 1)], pa.date64()), "date32", [date(2020, 1, 1)]),
        (pa.array(["b", None, "a", "b"]).dictionary_encode(), "string", ["b", None, "a", "b"]),
        (pa.array([3, None]).dictionary_encode(), "int8", [3, None]),
        (pa.array(["a", None], pa.large_string()), "string", ["a", None]),
        (pa.array(["a"], pa.string_view()), "string", ["a"]),
        (pa.array([None, None]), "float64", [None, None]),
        (pa.chunked_array([[1], [2]], pa.int64()), "int8", [1, 2]),
        (pa.chunked_array([], pa.float64()), "int8", []),
    ],
)
def test_values_that_the_announced_type_holds_are_kept(values, announced, expected):
    found = convert_columns("x", values, pa.type_for_alias(announced))
    assert (found.type, found.to_pylist()) == (pa.type_for_alias(announced), expected)


@pytest.mark.parametrize(
    ("values", "announced", "row"),
    [
        (pa.array([1, 128]), "int8", 1),
        (pa.array([2**64 - 1], pa.uint64()), "int64", 0),
        (pa.array([None, 0.75]), "int8", 1),
        (pa.array([1.0, NAN]), "int8", 1),
        (pa.array([2.0**63]), "int64", 0),
        (pa.array([INF]), "int64", 0),
        (pa.array([Decimal("1.50")]), "int64", 0),
        (pa.array([0, 2**53 + 1]), "float64", 1),
        (pa.array([2**63 - 1]), "float64", 0),
        (pa.array([2**64 - 1], pa.uint64()), "float64", 0),
        (pa.array([2**24 + 1]), "float32", 0),
        (pa.array([Decimal(2**53 + 1)]), "float64", 0),
        (pa.array([Decimal(10**39)], pa.decimal256(40, 0)), "float32", 0),
        (pa.array([0.1]), "float32", 0),
        (pa.array([0.5, 1e39]), "float32", 1),
        (pa.array([1, 2]), "bool", 1),
        (pa.array([-1]), "bool", 0),
        (pa.array([1.0, 0.5]), "bool", 1),
        (pa.array([1.0, None, NAN]), "bool", 2),
        (pa.array([INF]), "bool", 0),
        (pa.array([Decimal("0.00"), Decimal("0.01")]), "bool", 1),
        (pa.array([Decimal("1.0"), Decimal("2.0")]), "bool", 1),
        (pa.array([Decimal("1." + "0" * 29 + "1")]), "bool", 0),
        (pa.array([Decimal(10**37)], pa.decimal128(38, 0)), "bool", 0),
        (pa.array([MIDNIGHT, MIDNIGHT.replace(second=1)]), "date32", 1),
        (pa.chunked_array([[1], [2, 300]], pa.int64()), "int8", 2),
    ],
)
def test_a_value_that_would_change_is_refused_with_its_row(values, announced, row):
    with pytest.raises(NotConvertibleError) as caught:
        convert_columns("x", values, pa.type_for_alias(announced))
    assert caught.value.column == "x" and caught.value.row is not None
    assert (caught.value.column, caught.value.row) == ("x", row)


@pytest.mark.parametrize(
    ("values", "announced"),
    [
        (pa.array(["7"]), "int64"),
        (pa.array([7]), "string"),
        (pa.array([b"a"]), "string"),
        (pa.array([[1]]), "int64"),
        (pa.array(["1"]), "bool"),
        (pa.array(pd.cut([1, 5], [0, 3, 9])), "string"),
        (pa.array(pd.arrays.IntervalArray.from_breaks([0, 1])), "string"),
        (pa.array([{"a": 1}]), "string"),
        (pa.array([18262]), "date32"),
        (pa.array([datetime(2020, 1, 1, tzinfo=UTC)]), "date32"),
    ],
)
def test_another_kind_of_type_is_refused(values, announced):
    with pytest.raises(NotConvertibleError) as refused:
        convert_columns("x", values, pa.type_for_alias(announced))
    assert (refused.value.column, refused.value.row) == ("x", None)


def test_a_nan_of_a_float_stays_for_the_lake_to_refuse():
    assert str(convert_columns("x", pa.array([NAN]), pa.float32()).to_pylist()) == "[nan]"


# -- what a function may return

ANNOUNCED = pa.schema([("id", pa.int64()), ("flag", pa.bool_()), ("size", pa.float64()), ("kind", pa.string())])


def rows_of(returned) -> list[dict]:
    result = read_result(returned, ANNOUNCED, ["id"])
    return pa.Table.from_batches(converted(result.batches, ANNOUNCED, ["id"]), schema=ANNOUNCED).to_pylist()


@pytest.mark.parametrize(
    "frame",
    [
        {"id": [1, 2], "flag": [True, None], "size": [0.5, None], "kind": ["a", None]},  # objects with None
        {
            "id": pd.array([1, 2], "Int64"),
            "flag": pd.array([True, pd.NA], "boolean"),
            "size": [0.5, NAN],
            "kind": pd.Categorical(["a", None]),
        },
        {"id": [1.0, 2.0], "flag": [1, None], "size": [Decimal("0.5"), None], "kind": pd.array(["a", pd.NA], "string")}
        | {"flag": pd.array([1, pd.NA], "Int8")},
    ],
)
def test_a_pandas_frame_is_read_whatever_its_missing_values_are(frame):
    expected = [
        {"id": 1, "flag": True, "size": 0.5, "kind": "a"},
        {"id": 2, "flag": None, "size": None, "kind": None},
    ]
    assert rows_of(pd.DataFrame(frame)) == expected
    assert rows_of(pa.Table.from_pandas(pd.DataFrame(frame))) == expected


GOOD = {"id": [1], "flag": [True], "size": [0.5], "kind": ["a"]}


@pytest.mark.parametrize(
    ("returned", "named"),
    [
        (None, ["None", "`return`"]),
        ([1], ["builtins.list"]),
        (pa.array([1]), ["pyarrow.lib.Int64Array"]),
        (pd.Series([1]), ["pandas."]),
        (pa.table(GOOD).drop_columns(["size"]), ["lack 'size'"]),
        (pa.table(GOOD | {"Size": [1]}), ["undeclared 'Size'"]),
        (pd.DataFrame(GOOD).set_index("id"), ["lack 'id'", "reset_index()"]),
        (pd.DataFrame([[1, 2]], columns=["id", "id"]), ["lack 'flag', 'kind', 'size'", "have 'id' more than once"]),
        (pd.DataFrame(GOOD | {"id": [2**70]}), ["'id'"]),
        (pd.DataFrame(GOOD | {"kind": pd.Series(["\ud800"], dtype=object)}), ["'kind'"]),
        (pd.DataFrame({"id": [1, 2], "flag": [1, 0], "size": [1, "x"], "kind": ["a", "b"]}), ["'size'"]),
        (pd.DataFrame(GOOD | {"size": ["0.5"]}), ["'size'", "string", "double"]),
        (pd.DataFrame(GOOD | {"id": [1.5]}), ["1.5", "id=1.5"]),
    ],
)
def test_what_cannot_be_stored_is_refused_in_words(returned, named):
    with raises(ResultRefusedError, *named):
        rows_of(returned)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.cut([1, 5], [0, 3, 9]), "extension<pandas.interval"),
        (pd.Series([["a"], ["b", "c"]]), "list<"),
        (pd.Series([{"a": 1}, None]), "struct<"),
    ],
)
def test_a_type_that_cannot_be_declared_is_refused_with_what_to_return(values, kind):
    frame = pd.DataFrame({"id": [1, 2], "flag": [True, False], "size": [0.5, 1.5], "kind": values})
    with raises(ResultRefusedError, "'kind'", kind, "string", "astype(str)"):
        rows_of(frame)
