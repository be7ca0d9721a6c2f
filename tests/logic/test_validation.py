import great_expectations.expectations as gxe
import pyarrow as pa

from include.logic import validation
from include.use_case import Suite

ROWS = pa.table({"hour": [1, 25, None], "id": [1, 2, 2]})
IN_A_DAY = gxe.ExpectColumnValuesToBeBetween(column="hour", min_value=0, max_value=23, description="hour out of range")
PRESENT = gxe.ExpectColumnValuesToNotBeNull(column="hour", description="no hour")
UNIQUE = gxe.ExpectColumnValuesToBeUnique(column="id", description="id twice")


def test_every_row_gets_every_reason_it_breaks():
    judged = validation.judge(Suite(rows=(IN_A_DAY, PRESENT, UNIQUE), table=()), ROWS, "toy")
    assert judged.reasons.to_pylist() == [[], ["hour out of range", "id twice"], ["no hour", "id twice"]]
    assert judged.quarantined == 2
    assert validation.counts(judged.reasons) == {"id twice": 2, "hour out of range": 1, "no hour": 1}


def test_a_broken_table_level_expectation_says_what_was_seen():
    count = gxe.ExpectTableRowCountToBeBetween(min_value=10, description="at least 10 rows")
    assert validation.judge(Suite(rows=(), table=(count,)), ROWS, "toy").broken == ("at least 10 rows (observed 3)",)


def test_an_expectation_that_raises_is_no_fault_of_the_data():
    elsewhere = gxe.ExpectColumnValuesToNotBeNull(column="nowhere", description="no such column")
    judged = validation.judge(Suite(rows=(elsewhere,), table=()), ROWS, "toy")
    assert judged.quarantined == 0
    assert judged.raised[0].startswith("no such column: ")


def test_an_expectation_without_description_names_itself_and_its_column():
    plain = gxe.ExpectColumnValuesToNotBeNull(column="hour")
    assert validation.describe(plain) == "expect_column_values_to_not_be_null(column=hour)"


def test_a_row_that_breaks_an_expectation_is_found_even_where_a_share_may_break_it():
    mostly = gxe.ExpectColumnValuesToNotBeNull(column="hour", mostly=0.5, description="no hour")
    judged = validation.judge(Suite(rows=(mostly,), table=()), ROWS, "toy")
    assert judged.reasons.to_pylist() == [[], [], ["no hour"]]
