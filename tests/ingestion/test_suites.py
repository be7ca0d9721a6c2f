"""Loading a feed's suite: one function, whose error says why it cannot be used."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pytest

from include.errors import BrokenUseCaseError, SuiteError
from include.ingestion.suites import check_suites, load_suite
from include.use_case import Suite
from tests.toy_use_case import USE_CASE, expectations

EVENTS = USE_CASE.feed("events")


def loaded(toy_functions, function: Any) -> Suite:
    toy_functions.expectations(events=function)
    return load_suite(USE_CASE, EVENTS)


def refused(toy_functions, function: Any) -> str:
    with pytest.raises(SuiteError) as error:
        loaded(toy_functions, function)
    assert not error.value.retryable
    assert (error.value.use_case, error.value.feed) == ("toy", "events")
    return str(error.value)


def test_a_sound_suite_is_returned():
    assert load_suite(USE_CASE, EVENTS).rows
    check_suites(USE_CASE)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "it returns None; return Suite"),
        ([], "it returns a list; return Suite"),
        (gx.ExpectationSuite(name="mine"), "it returns a ExpectationSuite; return Suite"),
        (Suite, "it returns a type; return Suite"),
    ],
)
def test_what_is_no_suite_is_named(toy_functions, returned, said):
    assert said in refused(toy_functions, lambda: returned)


def test_a_function_that_raises_is_named_with_its_error(toy_functions):
    assert "tests/ingestion/test_suites.py:" in refused(toy_functions, lambda: {}["limit"])
    assert "KeyError: 'limit'" in refused(toy_functions, lambda: {}["limit"])
    assert "TypeError" in refused(toy_functions, lambda period: Suite())
    assert "checks the period as a whole" in refused(
        toy_functions, lambda: Suite(rows=(gxe.ExpectTableRowCountToEqual(value=1),))
    )
    assert "validation error" in refused(toy_functions, lambda: gxe.ExpectColumnValuesToBeBetween(min_value=1))


def test_a_missing_function_or_module_is_named(monkeypatch):
    monkeypatch.delattr(expectations, "events")
    with pytest.raises(BrokenUseCaseError) as refused:
        load_suite(USE_CASE, EVENTS)
    assert refused.value.module.endswith(".expectations") and "'events'" in refused.value.reason
    with pytest.raises(BrokenUseCaseError, match="ModuleNotFoundError"):
        load_suite(replace(USE_CASE, package="tests.nowhere"), EVENTS)


@pytest.mark.parametrize("column", ["hours", "hour ", "Hour"])
def test_an_unknown_column_is_named_with_the_columns_there_are(toy_functions, column):
    rule = gxe.ExpectColumnValuesToNotBeNull(column=column)
    said = refused(toy_functions, lambda: Suite(rows=(rule,)))
    assert "['event_date', 'id', 'kind', 'size', 'hour', 'urgent']" in said
    assert f"did you mean 'hour' for {column!r}?" in said
    assert column in refused(toy_functions, lambda: Suite(table=(gxe.ExpectColumnMaxToBeBetween(column=column),)))


@pytest.mark.parametrize(
    "rule",
    [
        gxe.ExpectColumnPairValuesToBeEqual(column_A="id", column_B="ids"),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["id", "ids"]),
    ],
)
def test_an_unknown_column_of_several_is_named(toy_functions, rule):
    assert "names columns ['ids']" in refused(toy_functions, lambda: Suite(rows=(rule,)))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (gxe.ExpectColumnValuesToMatchLikePattern(column="kind", like_pattern="a%"), "only in databases"),
        (gxe.ExpectColumnValuesToBeBetween(column="id", max_value=2**53 + 1), "keeps limits as floats"),
        (gxe.ExpectColumnValuesToBeBetween(column="id", min_value=-(2**60)), "keeps limits as floats"),
        (gxe.ExpectColumnValuesToBeInSet(column="event_date", value_set=["2020-01-01"]), "'event_date' is date32"),
        (gxe.ExpectColumnValuesToBeInSet(column="kind", value_set=["a", 1]), "holds 1, but column 'kind' is string"),
        (gxe.ExpectColumnValuesToBeInSet(column="hour", value_set=["1"]), "holds '1', but column 'hour' is int32"),
    ],
)
def test_a_rule_that_cannot_be_judged_exactly_is_refused(toy_functions, rule, said):
    assert said in refused(toy_functions, lambda: Suite(rows=(rule,)))


def test_limits_that_floats_hold_are_taken(toy_functions):
    large = gxe.ExpectColumnValuesToBeBetween(column="id", min_value=-(2**53) + 1, max_value=2**53 - 1)
    far = gxe.ExpectColumnValuesToBeBetween(column="size", max_value=1e300)
    assert loaded(toy_functions, lambda: Suite(rows=(large, far))).rows == (large, far)
