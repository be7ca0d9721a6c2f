"""The value in a rule has the column's type, or the suite is refused with a reason."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from include.errors import SuiteError
from include.ingestion import expectations
from include.ingestion.rule_values import wrong_values
from include.ingestion.suites import load_suite
from include.lake import schemas
from include.use_case import Suite
from tests.toy_use_case import USE_CASE

DAY, INSTANT = date(2020, 1, 3), datetime(2020, 1, 3, tzinfo=UTC)
KINDS = ("string", "date32", "timestamp", "bool", "int8", "int64", "float32", "float64")
COLUMNS = {kind: kind for kind in KINDS}
HAD = [
    ("string", "a", "b"),
    ("string", np.str_("a"), "b"),
    ("date32", DAY, date(2020, 1, 4)),
    ("timestamp", INSTANT, datetime(2020, 1, 4, tzinfo=UTC)),
    ("timestamp", INSTANT.astimezone(ZoneInfo("Europe/Berlin")), datetime(2020, 1, 4, tzinfo=UTC)),
    ("timestamp", pd.Timestamp(INSTANT), datetime(2020, 1, 4, tzinfo=UTC)),
    ("bool", True, False),
    ("bool", np.bool_(1), False),
    ("bool", 1, False),
    ("int8", np.int64(7), 8),
    ("int8", 7.0, 8),
    ("int64", 2**53 + 1, 2**53 + 2),
    ("float32", 0.5, 0.1),
    ("float64", np.float32(0.5), 0.1),
    ("float64", 2**53, 0.5),
]


@pytest.mark.parametrize(("kind", "value", "other"), HAD)
def test_a_set_finds_exactly_the_rows_that_have_its_values(kind, value, other):
    held = value.item() if isinstance(value, np.generic) else value
    held = bool(held) if kind == "bool" else held
    rows = pa.table({kind: pa.array([held, other, None], schemas.arrow_type(kind))})
    no, yes = (
        rule(column=kind, value_set=[value])
        for rule in (gxe.ExpectColumnValuesToNotBeInSet, gxe.ExpectColumnValuesToBeInSet)
    )
    assert wrong_values(no, COLUMNS) == wrong_values(yes, COLUMNS) == []
    breaks = [
        [bool(each) for each in expectations.judge_rows(Suite(rows=(rule,)), rows, "x").reasons.to_pylist()]
        for rule in (no, yes)
    ]
    assert breaks == [[True, False, False], [False, True, False]]


NEVER_HAD = [
    *(("timestamp", value) for value in (DAY, datetime(2020, 1, 3), "2020-01-03", 0)),  # noqa: DTZ001
    *(("timestamp", value) for value in (pd.Timestamp("2020-01-03"), pd.NaT, pd.Timestamp(1, tz="UTC"))),
    *(("date32", value) for value in (INSTANT, datetime(2020, 1, 3), pd.Timestamp("2020-01-03"), "2020-01-03")),  # noqa: DTZ001
    ("date32", np.datetime64("2020-01-03")),
    *(("string", value) for value in (1, b"a", DAY)),
    *(("bool", value) for value in (2, "True", Decimal(1), DAY)),
    *(("int8", value) for value in (128, 1.5, "1", Decimal(1), float("nan"), DAY)),
    *(("int64", value) for value in (2**63, np.float64(0.5), float("inf"))),
    *(("float32", value) for value in (0.1, 1e300)),
    *(("float64", value) for value in (2**53 + 1, 10**309, Decimal("0.5"), "0.5", float("nan"))),
]


@pytest.mark.parametrize(("kind", "value"), NEVER_HAD)
def test_a_value_that_the_column_never_has_is_refused_in_sets_and_pairs(kind, value):
    refused = rf"holds {value!r}, but column {kind!r} is {kind}, which is compared with "
    for rule in (
        gxe.ExpectColumnValuesToNotBeInSet(column=kind, value_set=[None, value]),
        gxe.ExpectColumnValuesToBeInSet(column=kind, value_set=[value]),
        gxe.ExpectColumnDistinctValuesToBeInSet(column=kind, value_set=[value]),
        gxe.ExpectColumnPairValuesToBeInSet(column_A=kind, column_B=kind, value_pairs_set=[(None, value)]),
    ):
        (said,) = wrong_values(rule, COLUMNS)
        assert refused in said


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        *(("timestamp", limit) for limit in (DAY, datetime(2020, 1, 3), "2020-01-03", 1)),  # noqa: DTZ001
        *(("date32", limit) for limit in (INSTANT, datetime(2020, 1, 3), 1)),  # noqa: DTZ001
        *(("string", limit) for limit in (1, DAY)),
        *(("int64", limit) for limit in (DAY, INSTANT, float("nan"))),
        ("bool", DAY),
    ],
)
def test_a_limit_of_another_type_than_the_column_is_refused(kind, limit):
    for rule in (gxe.ExpectColumnValuesToBeBetween, gxe.ExpectColumnMaxToBeBetween, gxe.ExpectColumnMinToBeBetween):
        for argument in ("min_value", "max_value"):
            (said,) = wrong_values(rule(column=kind, **{argument: limit}), COLUMNS)
            assert f"{argument} holds " in said and f"column {kind!r} is {kind}" in said


@pytest.mark.parametrize(("kind", "limit"), [("timestamp", INSTANT), ("date32", DAY), ("int8", 300), ("float32", 0.1)])
def test_a_limit_of_the_columns_type_is_taken_and_may_lie_beyond_its_values(kind, limit):
    assert wrong_values(gxe.ExpectColumnValuesToBeBetween(column=kind, min_value=limit), COLUMNS) == []


def test_limits_of_counts_and_shares_are_numbers_whatever_the_column_is():
    for rule in (
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="date32", min_value=1),
        gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(column="string", max_value=1),
        gxe.ExpectColumnValueLengthsToBeBetween(column="string", min_value=1),
    ):
        assert wrong_values(rule, COLUMNS) == []


def test_a_suite_with_such_a_value_is_refused_when_it_is_checked(toy_functions):
    rule = gxe.ExpectColumnValuesToNotBeInSet(column="event_date", value_set=[datetime(1970, 1, 1)])  # noqa: DTZ001
    toy_functions.expectations(events=lambda: Suite(rows=(rule,)))
    with pytest.raises(SuiteError) as refused:
        load_suite(USE_CASE, USE_CASE.feed("events"))
    assert refused.value.feed == "events" and len(refused.value.problems) == 1
