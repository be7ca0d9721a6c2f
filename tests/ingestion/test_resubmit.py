"""Quarantined rows become known on a later day; nothing known or decided before changes."""

from dataclasses import replace

import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.errors import InvalidRequestError
from include.features import build
from include.ingestion import ingest, quarantine, reconcile, resubmit, validate
from include.ingestion.correction_log import CorrectionLog
from include.project import open_project
from tests.properties.orders import contents
from tests.quarantined import (
    ASKED,
    BOTH,
    BOTH_OTHERWISE,
    DAY,
    EVENTS,
    HOUR,
    NEXT,
    edited,
    exported,
    land,
    released,
    rows_of,
    run_days,
    sent,
    spoil,
)
from tests.toy_use_case import USE_CASE, expectations, source

pytestmark = pytest.mark.both_places(long=True)


@pytest.fixture(autouse=True)
def _home(lake_home):
    """Every test has a lake of its own."""


def states(feed: str = "events") -> list[str]:
    return quarantine.read_quarantine(open_project(USE_CASE), feed).states()


def test_corrected_rows_are_published_on_the_first_free_day_and_the_past_stays(bad_hours):
    run_days(DAY)
    before = contents(USE_CASE)
    done = sent("events", edited(*BOTH))
    assert (done.known_on, done.rows, done.again, done.new) == ("2020-01-11", 2, {}, True)
    assert states() == [f"corrected by Ann, correction 1, known on {NEXT} (that day is not landed yet)"] * 2
    run_days(DAY, NEXT)
    after = contents(USE_CASE)
    assert {table: days[DAY] for table, days in before.items() if DAY in days} == {
        table: days[DAY] for table, days in after.items() if DAY in days
    }
    known = [row for row in rows_of("checked/events", NEXT) if row["event_date"] == DAY.start_date]
    assert [(row["hour"], row["reasons"]) for row in known] == [(5, []), (1, [])]
    assert states() == [f"corrected by Ann, correction 1, known on {NEXT}"] * 2


def test_an_event_of_a_day_that_is_over_is_not_scored_on_the_day_it_becomes_known(bad_hours):
    sent("events", edited(*BOTH))
    run_days(NEXT)
    assert {row["event_date"] for row in rows_of("features", NEXT)} == {NEXT.start_date}
    assert len(rows_of("features", NEXT)) == 200


def test_a_corrected_outcome_becomes_a_label_as_late_ones_do(monkeypatch):
    spoil(monkeypatch, "outcomes", "failed", [7], DAY)
    run_days(DAY)
    (bad,) = [row for row in rows_of("checked/outcomes", DAY) if row["reasons"]]
    sent("outcomes", exported("outcomes").replace(f",{bad['id']},7", f",{bad['id']},1"))
    run_days(NEXT)
    key = (bad["event_date"], bad["id"])
    assert key not in {(row["event_date"], row["id"]) for row in rows_of("labels", DAY)}
    assert {(row["event_date"], row["id"]): row["failed"] for row in rows_of("labels", NEXT)}[key] == 1


def test_a_released_reason_is_waived_for_those_rows_alone(monkeypatch):
    spoil(monkeypatch, "events", "hour", [25, -1], DAY)
    spoil(monkeypatch, "events", "hour", [24], NEXT)
    land("events", DAY)
    released("events", HOUR)
    land("events", NEXT)
    hours = {
        (Period.from_date(row["event_date"]), row["hour"]): row["reasons"] for row in rows_of("checked/events", NEXT)
    }
    assert (hours[DAY, 25], hours[DAY, -1], hours[NEXT, 24]) == ([], [], [HOUR])


def test_a_row_corrected_wrongly_is_said_so_and_quarantined_again_and_can_be_corrected_again(bad_hours):
    done = sent("events", edited((",25,", ",26,"), (",-1,", ",1,")))
    assert done.again == {HOUR: 1}
    assert f"quarantined again: 1 for '{HOUR}'" in done.summary
    land("events", NEXT)
    found = quarantine.read_quarantine(open_project(USE_CASE), "events", NEXT)
    assert found.states() == ["open"]
    sent("events", found.exported().decode().replace(",26,", ",6,"))
    land("events", NEXT + 1)
    assert [each.open for each in reconcile.reconcile(open_project(USE_CASE), ask_source=True)] == [0, 0]


def test_the_same_again_changes_nothing_also_from_another_person_and_after_the_day_has_landed(bad_hours):
    text = edited(*BOTH)
    first = sent("events", text)
    land("events", NEXT)
    again = sent("events", text, actor="Bob", comment="says the same")
    assert (again.number, again.new, again.known_on) == (first.number, False, first.known_on)
    assert "already exists" in again.summary


def test_a_row_is_replayed_once_and_it_is_said_where_it_went(bad_hours):
    sent("events", edited(*BOTH))
    with pytest.raises(
        InvalidRequestError, match=r"2 of 2 rows were sent back before: .*corrected by Ann.*known on 2020-01-11"
    ):
        released("events", HOUR)
    with pytest.raises(InvalidRequestError, match=r"sent back before"):
        sent("events", BOTH_OTHERWISE)


def test_a_file_without_ids_is_matched_by_the_keys(bad_hours):
    assert sent("events", BOTH_OTHERWISE).rows == 2
    land("events", NEXT)
    assert [row["hour"] for row in rows_of("checked/events", NEXT) if row["event_date"] == DAY.start_date] == [9, 9]


def test_a_parquet_file_is_as_good(bad_hours):
    import pyarrow.parquet as pq

    rows = quarantine.read_quarantine(open_project(USE_CASE), "events", DAY).content
    rows = rows.set_column(rows.schema.get_field_index("hour"), "hour", pa.array([3, 4], pa.int32()))
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink)
    done = resubmit.resubmit_corrected(
        open_project(USE_CASE), "events", "rows.parquet", sink.getvalue().to_pybytes(), **ASKED
    )
    assert done.rows == 2


def test_some_rows_may_be_corrected_and_the_rest_released_later(bad_hours):
    lines = edited(BOTH[0]).splitlines()
    sent("events", "\n".join(lines[:2]))
    released("events", HOUR)
    land("events", NEXT)
    (count,) = quarantine.count_quarantined(quarantine.read_quarantine(open_project(USE_CASE), "events"))
    assert (count.period, count.reason, count.open, count.corrected, count.released) == (DAY, HOUR, 0, 1, 1)


def test_the_key_itself_can_be_corrected_by_the_rows_id(bad_hours):
    sent("events", edited((",0,", ",1000,"), *BOTH))
    land("events", NEXT)
    assert {row["id"] for row in rows_of("checked/events", NEXT) if row["event_date"] == DAY.start_date} == {1000, 1}


def test_a_correction_cannot_coexist_with_a_row_of_its_keys_nor_harm_it(bad_hours):
    """Else two rows of one key would be published, and no feature could be made of the day."""
    sent("events", edited(("2020-01-10,0,", "2020-01-11,0,"), *BOTH))
    run_days(NEXT)
    twins = [row for row in rows_of("checked/events", NEXT) if (row["event_date"], row["id"]) == (NEXT.start_date, 0)]
    assert sorted(row["reasons"] for row in twins) == [[], ["another row of the day has the same keys"]]
    assert len(rows_of("features", NEXT)) == 200


def test_no_correction_refuses_a_day(monkeypatch):
    """Limits of the day as a whole are about what the source delivered."""
    import great_expectations.expectations as gxe

    from include.use_case import Suite

    rows = expectations.events().rows
    exactly = gxe.ExpectTableRowCountToEqual(value=200)
    monkeypatch.setattr(expectations, "events", lambda: Suite(rows=rows, table=(exactly,)))
    spoil(monkeypatch, "events", "hour", [25] * 10, DAY)
    land("events", DAY)
    sent("events", exported("events", DAY).replace(",25,", ",26,"))
    land("events", NEXT)
    assert len(rows_of("checked/events", NEXT)) == 210


def test_a_day_without_delivered_rows_is_refused_although_it_has_corrections(bad_hours, monkeypatch):
    from include.errors import FeedRefusedError

    sent("events", edited(*BOTH))
    monkeypatch.setattr(source, "events", lambda day: source.everything(day, rows=0).drop_columns(["failed"]))
    ingest.land_feed(open_project(USE_CASE), EVENTS, NEXT)
    with pytest.raises(FeedRefusedError, match="delivered no rows"):
        validate.check_feed(open_project(USE_CASE), EVENTS, NEXT)


def test_a_day_that_is_declared_absent_later_brings_its_corrections_all_the_same(bad_hours, monkeypatch):
    """It would be passed over by whoever looks back, and its rows would wait for ever."""
    sent("events", edited(*BOTH))
    deliver, later = source.events, NEXT + 1
    monkeypatch.setattr(source, "events", lambda day: deliver(day).slice(0, 0 if day == NEXT else None))
    absent = replace(EVENTS, missing_periods=EVENTS.missing_periods | {NEXT})
    build.land_missing(open_project(replace(USE_CASE, feeds=(absent,))), NEXT, later)
    assert [(row["hour"], row["reasons"]) for row in rows_of("checked/events", NEXT)[:2]] == [(5, []), (1, [])]
    (events, _) = reconcile.reconcile(open_project(USE_CASE))
    assert (events.waiting, events.replayed, events.faults) == (0, 2, ())


def test_a_day_declared_absent_without_corrections_is_not_landed(monkeypatch):
    absent = replace(EVENTS, missing_periods=EVENTS.missing_periods | {NEXT})
    build.land_missing(open_project(replace(USE_CASE, feeds=(absent,))), NEXT, NEXT)
    assert CorrectionLog.of(open_project(USE_CASE), "events").closed_days() == set()


def test_identical_rows_are_distinguished_and_corrected_one_by_one(monkeypatch):
    spoil(monkeypatch, "outcomes", "failed", [7, 7], DAY)
    spoil(monkeypatch, "outcomes", "id", [0, 0], DAY)
    spoil(monkeypatch, "outcomes", "event_date", [(DAY - 2).start_date] * 2, DAY)
    land("outcomes", DAY)
    first, second = quarantine.read_quarantine(open_project(USE_CASE), "outcomes", DAY).rows["digest"].to_pylist()
    assert second == f"{first}.2"
    with pytest.raises(InvalidRequestError, match="as 2 quarantined rows have"):
        sent("outcomes", '"event_date","id","failed"\n2020-01-08,0,1\n')
    with pytest.raises(InvalidRequestError, match="only one of them can be published"):
        sent("outcomes", exported("outcomes").replace(",7", ",1"))
    sent("outcomes", f"quarantined_row,event_date,id,failed\n{first},2020-01-08,0,1\n")
    assert [state == "open" for state in states("outcomes")] == [False, True]
