"""A source that delivers late or corrects: each row is known on the day it arrived; earlier days stay equal."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.features import build
from include.ingestion import ingest, validate
from include.lake.lake import Lake
from include.project import open_project
from tests.drills import life
from tests.drills.report import Row
from tests.toy_use_case import USE_CASE, source

DAYS = [Period("2020-01-02") + n for n in range(5)]
on_time = source.outcomes


def run(period: Period) -> None:
    for stage in (ingest.ingest_period, validate.validate_period, build.build_features):
        stage(open_project(USE_CASE), period)


def late(period: Period) -> pa.Table:
    """Of each day's outcomes a third comes a day later, with that day's own."""
    kept = on_time(period).filter(pa.array(_late(on_time(period)) == 0))
    before = on_time(period - 1)
    return pa.concat_tables([kept, before.filter(pa.array(_late(before) == 1))])


def _late(rows: pa.Table) -> np.ndarray:
    return (np.asarray(rows["id"]) % 3 == 1).astype(int)


def outcomes_known(period: Period) -> set[tuple]:
    rows = Lake.open(USE_CASE).as_of(period).read("checked/outcomes").to_pylist()
    return {(row["event_date"], row["id"], row["failed"]) for row in rows}


@pytest.mark.slow
def test_rows_that_come_late_are_all_there_and_change_no_earlier_day(lake_home, survived, toy_functions):
    toy_functions.source(outcomes=late)
    frozen: dict[Period, dict] = {}
    unchanged = True
    for period in DAYS:
        run(period)
        now = life.tables()
        for before, held in frozen.items():
            unchanged &= {table: periods.get(before) for table, periods in now.items()} == held
        frozen[period] = {table: periods.get(period) for table, periods in now.items()}
    delivered = {tuple(row.values()) for period in DAYS for row in late(period).to_pylist()}
    known = outcomes_known(DAYS[-1])
    # Look-back days were landed too: what they delivered may be known with it.
    survived(
        Row(
            "a third of a feed comes a day late",
            "a row is of the day it came",
            len(DAYS),
            len(delivered - known),
            unchanged,
        )
    )


@pytest.mark.parametrize(
    "order", [pytest.param("in order", marks=pytest.mark.slow), pytest.param("backwards", marks=pytest.mark.drill)]
)
def test_a_day_that_is_corrected_and_run_again_is_as_if_it_had_been_right_at_once(
    lake_home, tmp_path, survived, configure, toy_functions, order
):
    """First a delivery of half of its rows, with some of them wrong, then the right one; every later day run again."""
    wrong_day = DAYS[2]
    healthy = source.events

    def wrong(period: Period) -> pa.Table:
        rows = healthy(period)
        if period != wrong_day:
            return rows
        hour = pa.array(np.where(np.arange(100) % 25 == 0, 99, 5), pa.int32())
        return rows.slice(0, 100).set_column(rows.column_names.index("hour"), "hour", hour)

    toy_functions.source(events=wrong)
    for period in DAYS:
        run(period)
    before = life.tables()
    checked = Lake.open(USE_CASE).as_of(wrong_day).read("checked/events", since=wrong_day)
    quarantined = sum(bool(reasons) for reasons in checked["reasons"].to_pylist())
    assert (checked.num_rows, quarantined) == (100, 4)
    toy_functions.source(events=healthy)
    run(wrong_day)
    now = life.tables()
    others = all(
        {period: held for period, held in now[table].items() if period != wrong_day}
        == {period: held for period, held in periods.items() if period != wrong_day}
        for table, periods in before.items()
    )
    for period in DAYS if order == "in order" else DAYS[::-1]:
        run(period)
    found = life.tables()
    configure(home=tmp_path / "right at once")
    for period in DAYS:
        run(period)
    reference = life.tables()
    lost = life.rows_lost(reference, found)
    guard = "a day is replaced whole; other days stay until they are run"
    survived(Row(f"a day is delivered again, corrected ({order})", guard, 1, lost, others and found == reference))
