"""Which rows performance is judged by where there are too many: the same of a day each time, of other days others."""

from dataclasses import replace
from datetime import date, timedelta

import ibis
import pyarrow as pa
import pytest

from include.stages import outcomes
from tests.toy_use_case import USE_CASE

DAYS = [date(2020, 1, 1) + timedelta(days=n) for n in range(4)]
CUSTOMERS = 4_000


def sampled(keys: tuple[str, ...]) -> dict[date, set[int]]:
    """The customers that are taken of each day, one in four; every customer has a row on each day."""
    rows = pa.table(
        {
            "day": pa.array([day for day in DAYS for _ in range(CUSTOMERS)], pa.date32()),
            "customer": [*range(CUSTOMERS)] * len(DAYS),
            "invited_by": [*range(CUSTOMERS)] * len(DAYS),
        }
    )
    use_case = replace(USE_CASE)
    object.__setattr__(use_case, "keys", keys)
    found = outcomes._sampled(use_case, ibis.memtable(rows), dict.fromkeys(DAYS, 4)).to_pyarrow().to_pylist()
    return {day: {row["customer"] for row in found if row["day"] == day} for day in DAYS}


@pytest.mark.parametrize("keys", [("customer",), ("day", "customer"), ("customer", "invited_by")])
def test_a_quarter_of_each_day_is_taken_and_of_other_days_other_rows(keys):
    taken = sampled(keys)
    assert all(0.22 < len(rows) / CUSTOMERS < 0.28 for rows in taken.values())
    first, second = taken[DAYS[0]], taken[DAYS[1]]
    assert len(first & second) / len(first) == pytest.approx(0.25, abs=0.05)
    assert sampled(keys) == taken
