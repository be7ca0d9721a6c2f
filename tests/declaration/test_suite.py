"""A suite is checked when it is constructed, and the text of a rule identifies the rule."""

from __future__ import annotations

from datetime import date

import great_expectations.expectations as gxe
import pytest

from include.declaration.problems import DeclarationError
from include.declaration.rule_text import MAX_TEXT, reason_text, rule_text
from include.use_case import Suite
from tests.refusals import invalid

HOUR = gxe.ExpectColumnValuesToBeBetween(column="hour", min_value=0, max_value=22)
GIVEN = gxe.ExpectColumnValuesToNotBeNull(column="hour")
ROWS = gxe.ExpectTableRowCountToBeBetween(min_value=1)
TABLE_LEVEL = [
    gxe.ExpectColumnMeanToBeBetween(column="hour", max_value=1),
    gxe.ExpectColumnMedianToBeBetween(column="hour", max_value=1),
    gxe.ExpectColumnSumToBeBetween(column="hour", max_value=1),
    gxe.ExpectColumnMaxToBeBetween(column="hour", max_value=1),
    gxe.ExpectColumnUniqueValueCountToBeBetween(column="hour", max_value=1),
    gxe.ExpectColumnDistinctValuesToBeInSet(column="hour", value_set=[1]),
    gxe.ExpectColumnQuantileValuesToBeBetween(
        column="hour", quantile_ranges={"quantiles": [0.5], "value_ranges": [[0, 1]]}
    ),
    gxe.ExpectTableColumnCountToEqual(value=1),
    gxe.ExpectColumnToExist(column="hour"),
    ROWS,
]


@pytest.mark.parametrize("expectation", TABLE_LEVEL, ids=lambda each: type(each).__name__)
def test_a_rule_about_the_day_is_refused_among_the_rules_about_rows(expectation):
    with invalid("rows[0]"):
        Suite(rows=(expectation,))
    assert Suite(table=(expectation,)).table == (expectation,)


def test_a_row_level_rule_may_judge_the_day_with_a_share():
    mostly = gxe.ExpectColumnValuesToNotBeNull(column="hour", mostly=0.9)
    assert Suite(rows=(HOUR,), table=[mostly]).table == (mostly,)


@pytest.mark.parametrize(
    "expectation",
    [
        gxe.ExpectColumnValuesToNotBeNull(column="hour", mostly=0.9),
        gxe.ExpectColumnValuesToNotBeNull(column="hour", row_condition="kind == 1", condition_parser="pandas"),
        gxe.ExpectColumnValuesToNotBeNull(column="hour", severity="warning"),
        gxe.ExpectColumnValuesToBeBetween(column="hour", max_value={"$PARAMETER": "most"}),
        gxe.ExpectColumnValuesToBeOfType(column="hour", type_="int64"),
        gxe.ExpectColumnValuesToBeInTypeList(column="hour", type_list=["int64"]),
        gxe.ExpectColumnValuesToNotBeNull,
        "hour",
        None,
    ],
)
def test_what_cannot_be_judged_for_each_row_is_refused(expectation):
    with invalid("rows[0]"):
        Suite(rows=(expectation,))


def test_every_problem_is_named_at_once():
    with pytest.raises(DeclarationError) as refused:
        Suite(rows=(HOUR, ROWS), table=(1, HOUR))
    assert [problem.path for problem in refused.value.problems] == ["rows[1]", "table[0]", ""]


@pytest.mark.parametrize("given", ["hour", None, HOUR.column, 3])
def test_rows_is_a_list_of_expectations(given):
    with invalid("rows"):
        Suite(rows=given)


@pytest.mark.parametrize("places", [((HOUR, HOUR), ()), ((HOUR,), (HOUR,))])
def test_a_rule_that_occurs_twice_is_refused(places):
    again = HOUR.copy(update={"description": "another description of the same rule"})
    with invalid(""):
        Suite(rows=places[0], table=places[1])
    with invalid(""):
        Suite(rows=(HOUR, again))


def test_a_reason_names_column_kind_and_limits():
    assert reason_text(HOUR) == "hour: expect_column_values_to_be_between(min_value=0, max_value=22)"
    described = HOUR.copy(update={"description": "an hour of the day"})
    assert reason_text(described) == f"an hour of the day [{reason_text(HOUR)}]"
    pair = gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="a", column_B="b", or_equal=True)
    assert rule_text(pair) == "a, b: expect_column_pair_values_a_to_be_greater_than_b(or_equal=True)"
    since = gxe.ExpectColumnValuesToBeBetween(column="on", min_value=date(2020, 1, 1))
    assert rule_text(since) == "on: expect_column_values_to_be_between(min_value=2020-01-01)"


def test_rules_that_differ_in_one_argument_differ_in_their_reason():
    between = gxe.ExpectColumnValuesToBeBetween
    rules = [
        between(column="hour", min_value=0, max_value=22),
        between(column="hour", min_value=0, max_value=40),
        between(column="hour", max_value=22),
        between(column="hour", min_value=0, max_value=22, strict_max=True),
        between(column="hours", min_value=0, max_value=22),
        between(column="hour", min_value=0.5, max_value=22),
        gxe.ExpectColumnValuesToBeInSet(column="hour", value_set=["1"]),
        gxe.ExpectColumnValuesToBeInSet(column="hour", value_set=[1]),
        gxe.ExpectColumnValuesToBeInSet(column="hour", value_set=[True]),
        gxe.ExpectColumnValuesToNotBeInSet(column="hour", value_set=[1]),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["a", "b"]),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["a", "b"], ignore_row_if="never"),
        gxe.ExpectColumnValuesToMatchRegex(column="hour", regex="a" * 200),
        gxe.ExpectColumnValuesToMatchRegex(column="hour", regex="a" * 201),
        gxe.ExpectColumnValuesToBeInSet(column="hour", value_set=list(range(1000))),
        gxe.ExpectColumnValuesToBeInSet(column="hour", value_set=[*range(999), 1001]),
    ]
    alike = [rule.copy(update={"description": "one description"}) for rule in rules]
    assert len({reason_text(rule) for rule in rules}) == len(rules)
    assert len({reason_text(rule) for rule in alike}) == len(rules)
    assert all(len(reason_text(rule)) < MAX_TEXT + 120 for rule in rules)


def test_the_reason_of_an_unchanged_rule_does_not_change():
    ordered = gxe.ExpectColumnValuesToBeInSet(column="kind", value_set=["a", "b", "c"])
    shuffled = gxe.ExpectColumnValuesToBeInSet(column="kind", value_set=["c", "a", "b"])
    assert reason_text(ordered) == reason_text(shuffled)
    written_out = gxe.ExpectColumnValuesToBeBetween(
        column="hour", min_value=0.0, max_value=22.0, strict_min=False, mostly=1, notes="reason", meta={"a": 1}
    )
    assert reason_text(written_out) == reason_text(HOUR)
