"""Hourly and weekly periods, other decision times and coarser schedules: one run per period, and exact backfills."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from airflow.exceptions import InvalidPartitionKeyError
from airflow.models.backfill import InvalidBackfillDateRange
from airflow.timetables.base import TimeRestriction
from hypothesis import given, settings, strategies
from pendulum import instance

from include.declaration.calendars import Daily, Hourly, Weekly
from include.declaration.period import Period, period_range
from include.orchestration.timetable import PeriodTimetable

NOW = datetime(2027, 1, 1, tzinfo=UTC)
ZONES = [
    *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Asia/Kolkata", "Australia/Lord_Howe"),
    *("Africa/Cairo", "America/Havana", "America/Santiago", "Pacific/Auckland", "Pacific/Chatham"),
]
zones = strategies.sampled_from(ZONES)
days = strategies.dates(datetime(2004, 1, 1).date(), datetime(2026, 11, 1).date())  # noqa: DTZ001


@pytest.fixture(autouse=True)
def _now(set_clock):
    set_clock(NOW)


def keys(timetable: PeriodTimetable, first: datetime, last: datetime) -> list[str]:
    found = timetable.iter_partition_dagrun_infos(earliest=instance(first), latest=instance(last))
    return [info.partition_key for info in found]


def form(day, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """What the UI's form sends for one day without times, in the zone that its clock shows."""
    begins = datetime.combine(day, time(), zone)
    return begins.astimezone(UTC), datetime.combine(day, time(23, 59, 59, 999000), zone).astimezone(UTC)


def hours_of(day, zone: ZoneInfo) -> list[str]:
    """The hours of UTC that begin on a local day."""
    around = datetime.combine(day, time(), UTC) - timedelta(days=2)
    hours = [around + timedelta(hours=number) for number in range(24 * 5)]
    return [f"{hour:%Y-%m-%dT%H}Z" for hour in hours if hour.astimezone(zone).date() == day]


@settings(deadline=None, max_examples=60)
@given(zones, zones, days)
def test_a_day_chosen_in_the_form_means_the_hours_that_begin_on_it_where_the_browser_is(use_case, browser, day):
    found = keys(PeriodTimetable(Hourly(), timezone=use_case), *form(day, ZoneInfo(browser)))
    assert found == hours_of(day, ZoneInfo(browser))


@pytest.mark.parametrize(("day", "count"), [("2020-03-29", 23), ("2020-10-25", 25), ("2020-02-29", 24)])
def test_a_day_of_a_clock_change_has_each_of_its_hours_once(day, count):
    bounds = form(Period(day).start_date, ZoneInfo("Europe/Berlin"))
    found = keys(PeriodTimetable(Hourly(), timezone="Europe/Berlin"), *bounds)
    assert len(found) == len(set(found)) == count


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2013-05-20T05:00:00+00:00", "2013-05-20T07:00:00+00:00"),
        ("2013-05-20T05:00:00+00:00", "2013-05-20T07:59:59+00:00"),
        ("2013-05-20T01:00:00-04:00", "2013-05-20T03:00:00-04:00"),
        ("2013-05-20T10:15:00+05:45", "2013-05-20T13:00:00+05:45"),
    ],
)
@pytest.mark.parametrize("zone", ZONES)
def test_the_hours_named_on_the_command_line_or_over_rest_run(zone, first, last):
    found = keys(PeriodTimetable(Hourly(), timezone=zone), *map(datetime.fromisoformat, (first, last)))
    assert found == ["2013-05-20T05Z", "2013-05-20T06Z", "2013-05-20T07Z"]


@settings(deadline=None, max_examples=60)
@given(zones, days, strategies.sampled_from([Weekly(), Weekly(on="sunday", at=time(18)), Daily(at=time(6))]))
def test_the_days_or_weeks_that_begin_on_chosen_days_run(zone, day, calendar):
    first, last = Period.from_date(day), Period.from_date(day) + 20
    bounds = form(first.start_date, ZoneInfo(zone))[0], form(last.start_date, ZoneInfo(zone))[1]
    found = keys(PeriodTimetable(calendar, timezone=zone), *bounds)
    begins = [Period.from_start(each.start, calendar.unit) for each in period_range(first, last)]
    assert found == [each.key for each in begins if calendar.contains(each)]


SCHEDULES = [
    (Hourly(), None),
    (Hourly(), Daily(at=time(6))),
    (Hourly(), Weekly()),
    (Daily(at=time(6)), Weekly()),
    (Weekly(on="sunday", at=time(18)), None),
    (Weekly(on="sunday", at=time(18)), Weekly()),
]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Havana", "Asia/Kathmandu", "Australia/Lord_Howe"])
@pytest.mark.parametrize(("calendar", "schedule"), SCHEDULES, ids=str)
def test_the_schedule_runs_each_due_period_once_at_its_decision_time(zone, calendar, schedule):
    timetable = PeriodTimetable(calendar, timezone=zone, schedule=schedule)
    begins = instance(datetime(2025, 10, 20, tzinfo=UTC))
    info, found, where = None, [], ZoneInfo(zone)
    for _ in range(30):
        restriction = TimeRestriction(begins, None, catchup=True)
        info = timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction)
        period = Period(info.partition_key)
        assert info.run_after == info.partition_date == calendar.decision_time(period, where)
        found.append(period)
    between = period_range(found[0], found[-1])
    assert found == [each for each in between if schedule is None or calendar.is_due(schedule, each, where)]
    assert timetable.resolve_partition_date(found[5].key) == calendar.decision_time(found[5], where)


def test_trainings_by_hand_are_never_scheduled_and_can_be_backfilled():
    timetable = PeriodTimetable(Daily(), timezone="UTC", by_hand=True)
    for catchup in (True, False):
        restriction = TimeRestriction(instance(datetime(2020, 1, 1, tzinfo=UTC)), None, catchup=catchup)
        assert timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction) is None
    day = datetime(2020, 1, 7, tzinfo=UTC)
    assert keys(timetable, day, day) == ["2020-01-07"]
    assert timetable.can_be_scheduled


@pytest.mark.parametrize("key", ["2013-05-20", "2013-W21-1", "2013-05-20T5Z", "2013-05-20T24Z"])
def test_a_key_of_another_calendar_is_refused(key):
    with pytest.raises(InvalidPartitionKeyError, match="2013-01-05T05Z"):
        PeriodTimetable(Hourly(), timezone="UTC").resolve_partition_date(key)


def test_a_backfill_of_too_many_hours_is_refused():
    first = datetime(2020, 1, 1, tzinfo=UTC)
    with pytest.raises(InvalidBackfillDateRange, match="hours"):
        keys(PeriodTimetable(Hourly(), timezone="UTC"), first, first + timedelta(days=170))


def test_a_backfill_runs_no_hour_that_has_not_begun(set_clock):
    set_clock(datetime(2026, 11, 28, 3, 20, tzinfo=UTC))
    bounds = datetime(2026, 11, 28, 1, tzinfo=UTC), datetime(2026, 12, 5, tzinfo=UTC)
    assert keys(PeriodTimetable(Hourly(), timezone="UTC"), *bounds)[-1] == "2026-11-28T03Z"


@pytest.mark.parametrize(("calendar", "schedule"), SCHEDULES, ids=str)
@pytest.mark.parametrize("by_hand", [False, True])
def test_it_survives_the_way_through_the_database(calendar, schedule, by_hand):
    made = PeriodTimetable(calendar, timezone="Africa/Cairo", schedule=schedule, by_hand=by_hand)
    read = PeriodTimetable.deserialize(json.loads(json.dumps(made.serialize())))
    assert read.serialize() == made.serialize()
    assert read == made and read.summary == made.summary and read.description == made.description
