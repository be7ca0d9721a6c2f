"""Which rows a suite quarantines, compared with an independent oracle in plain Python."""

from __future__ import annotations

import great_expectations.expectations as gxe
import pyarrow as pa
import pytest

from include.ingestion import expectations
from include.use_case import Suite
from tests.ingestion.oracle import BIG, TABLES, cases

ROWS = pa.table({"hour": [1, 25, None], "id": [1, 2, 2]})
IN_A_DAY = gxe.ExpectColumnValuesToBeBetween(column="hour", min_value=0, max_value=23)
PRESENT = gxe.ExpectColumnValuesToNotBeNull(column="hour", description="no hour")
UNIQUE = gxe.ExpectColumnValuesToBeUnique(column="id")
HOUR, NULL, TWICE = (expectations.reason_text(each) for each in (IN_A_DAY, PRESENT, UNIQUE))


def test_every_row_gets_every_reason_it_breaks():
    judged = expectations.judge_rows(Suite(rows=(IN_A_DAY, PRESENT, UNIQUE)), ROWS, "toy")
    assert judged.reasons.to_pylist() == [[], [HOUR, TWICE], [NULL, TWICE]]
    assert judged.quarantined == 2
    assert expectations.count_failures(judged.reasons) == {TWICE: 2, HOUR: 1, NULL: 1}


def test_keys_are_judged_with_the_suite():
    judged = expectations.judge_rows(Suite(rows=(IN_A_DAY,)), ROWS, "toy", keys=("id",))
    once = "keys must occur only once in the day: id"
    assert judged.reasons.to_pylist() == [[], [once, HOUR], [once]]


@pytest.mark.parametrize("id_", [BIG, BIG + 1])
def test_integers_beyond_2_to_the_53_next_to_a_null_are_judged_as_integers(id_):
    rows = pa.table({"id": [id_, 2 * BIG + 1 - id_, None]})
    in_set = gxe.ExpectColumnValuesToBeInSet(column="id", value_set=[BIG + 1])
    digits = gxe.ExpectColumnValuesToMatchRegex(column="id", regex=f"^({BIG}|{BIG + 1})$")
    judged = expectations.judge_rows(Suite(rows=(UNIQUE, in_set, digits)), rows, "toy")
    assert [bool(reasons) for reasons in judged.reasons.to_pylist()] == [id_ == BIG, id_ != BIG, False]


def test_a_broken_table_level_expectation_says_what_was_seen():
    count = gxe.ExpectTableRowCountToBeBetween(min_value=10, description="at least 10 rows")
    mostly = gxe.ExpectColumnValuesToNotBeNull(column="hour", mostly=0.9)
    broken = expectations.judge_rows(Suite(table=(count, mostly)), ROWS, "toy").broken
    assert tuple(map(str, broken)) == (
        "at least 10 rows [expect_table_row_count_to_be_between(min_value=10)] (observed 3)",
        "hour: expect_column_values_to_not_be_null(mostly=0.9) (observed 1 of 3 rows that break it)",
    )


def test_a_share_that_may_break_a_table_level_expectation_quarantines_nothing():
    mostly = gxe.ExpectColumnValuesToNotBeNull(column="hour", mostly=0.5)
    judged = expectations.judge_rows(Suite(table=(mostly,)), ROWS, "toy")
    assert (judged.quarantined, judged.broken) == (0, ())


def test_an_expectation_that_raises_says_so_in_one_line_and_breaks_no_row(caplog, capfd):
    schema = gxe.ExpectColumnValuesToMatchJsonSchema(column="text", json_schema={"type": "object"})
    judged = expectations.judge_rows(Suite(rows=(schema,)), pa.table({"text": ["no json"]}), "toy")
    assert judged.quarantined == 0
    assert judged.raised == (f"{expectations.reason_text(schema)}: Expecting value: line 1 column 1 (char 0)",)
    assert "Traceback" not in caplog.text + "".join(capfd.readouterr())


def test_an_expectation_that_raises_before_it_judges_is_named(monkeypatch):
    def broken(self, *_, **__):
        raise RuntimeError("no metric\nof this name")

    monkeypatch.setattr(gxe.ExpectColumnValuesToNotBeNull, "get_validation_dependencies", broken)
    judged = expectations.judge_rows(Suite(rows=(IN_A_DAY, PRESENT)), ROWS, "toy")
    assert judged.raised == (f"{NULL}: RuntimeError: of this name",)


LIMITED = gxe.ExpectColumnValuesToBeBetween(column="hour", min_value=0, max_value=BIG - 1)


@pytest.mark.parametrize(
    "values", [[1, None, 23], [1, None, -5], [1, None, BIG - 1], [1, None, BIG + 1], [-1, None, 2**63 - 1]]
)
def test_integers_beside_nulls_that_are_only_compared_are_judged_and_shown_as_integers(values):
    rows = pa.table({"hour": pa.array(values, pa.int64())})
    judged = expectations.judge_rows(Suite(rows=(LIMITED,)), rows, "toy")
    broken = [value for value in values if value is not None and not 0 <= value < BIG]
    assert [bool(reasons) for reasons in judged.reasons.to_pylist()] == [value in broken for value in values]
    (result,) = judged.document.results
    assert repr(result.result["partial_unexpected_list"]) == repr(broken)


def test_an_integer_that_another_rule_reads_is_judged_as_an_integer():
    rows = pa.table({"hour": pa.array([1, None, 23], pa.int64())})
    point = gxe.ExpectColumnValuesToMatchRegex(column="hour", regex=r"\.0$")
    assert expectations.judge_rows(Suite(rows=(LIMITED, point)), rows, "toy").quarantined == 2


@pytest.mark.slow
@pytest.mark.parametrize("table", list(TABLES))
def test_exactly_the_rows_that_break_an_expectation_are_quarantined(table):
    all_cases, rows = list(cases()), TABLES[table]
    judged = expectations.judge_rows(Suite(rows=tuple(case.expectation for case in all_cases)), rows, "matrix")
    assert judged.raised == ()
    found: dict[str, list[int]] = {case.name: [] for case in all_cases}
    for place, reasons in enumerate(judged.reasons.to_pylist()):
        for reason in reasons:
            found[reason].append(place)
    wrong = {case.name: (found[case.name], case.broken(rows)) for case in all_cases}
    assert {name: pair for name, pair in wrong.items() if pair[0] != pair[1]} == {}
