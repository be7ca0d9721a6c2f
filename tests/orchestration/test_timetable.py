"""Every period has one run, and a backfill runs exactly the chosen days, in any time zone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from airflow.exceptions import InvalidPartitionKeyError
from airflow.timetables.base import TimeRestriction
from pendulum import instance

from include.declaration.calendars import WEEKDAYS, Weekly
from include.declaration.period import Period, period_range
from include.orchestration.backfill_bounds import chosen_periods
from include.orchestration.timetable import PeriodTimetable

NOW = datetime(2027, 1, 1, tzinfo=UTC)
ZONES = sorted(
    name for name in available_timezones() if not name.startswith(("posix", "right", "SystemV")) and name != "Factory"
)
USE_CASES = (
    *("UTC", "America/New_York", "America/Los_Angeles", "Africa/Cairo", "Asia/Kathmandu", "Asia/Kolkata"),
    *("Asia/Tokyo", "Pacific/Auckland", "America/Santiago", "Atlantic/Azores", "America/Havana", "Asia/Beirut"),
)
NO_MIDNIGHT = {
    "Africa/Cairo": Period("2026-04-24"),
    "America/Santiago": Period("2026-09-06"),
    "Asia/Beirut": Period("2026-03-29"),
    "America/Havana": Period("2026-03-08"),
    "Atlantic/Azores": Period("2026-03-29"),
}
TWO_MIDNIGHTS = {"America/Havana": Period("2026-11-01"), "Atlantic/Azores": Period("2026-10-25")}
DAYS = [Period("2013-05-20"), Period("2026-01-31"), *NO_MIDNIGHT.values(), *TWO_MIDNIGHTS.values()]


@pytest.fixture(autouse=True)
def _now(set_clock):
    set_clock(NOW)


def form(period: Period, zone: ZoneInfo, *, end: bool) -> datetime:
    """What the UI's form sends for a day without a time, in the zone that its clock shows."""
    wall = datetime.combine(period.start_date, time(23, 59, 59, 999000) if end else time(), zone)
    return wall.astimezone(UTC)


def midnight(period: Period, zone: ZoneInfo) -> datetime:
    """What the UI's form sends for a day at 00:00."""
    return datetime.combine(period.start_date, time(), zone).astimezone(UTC)


def keys(timetable: PeriodTimetable, first: datetime, last: datetime) -> list[str]:
    found = timetable.iter_partition_dagrun_infos(earliest=instance(first), latest=instance(last))
    return [info.partition_key for info in found]


def named(first: Period, last: Period) -> list[str]:
    return [period.key for period in period_range(first, last)]


def is_told_apart(zone: ZoneInfo, period: Period, use_case: str) -> bool:
    """Whether no zone of another day has the same midnight: see LATEST_MIDNIGHT; all but a few islands."""
    offset = datetime.combine(period.start_date, time(12), zone).utcoffset()
    return timedelta(hours=-10) <= offset < timedelta(hours=14) or zone.key == use_case


@pytest.mark.slow
@pytest.mark.parametrize("use_case", USE_CASES)
@pytest.mark.parametrize("span", [0, 45])
def test_the_days_chosen_in_the_form_run_for_a_browser_in_any_zone(use_case, span):
    wrong, seen, where = [], 0, ZoneInfo(use_case)
    for name in ZONES:
        zone = ZoneInfo(name)
        for first in DAYS:
            last = first + span
            if not (is_told_apart(zone, first, use_case) and is_told_apart(zone, last, use_case)):
                continue
            begin, end = form(first, zone, end=False), form(last, zone, end=True)
            ways = [(begin, end), (begin, end.replace(second=0, microsecond=0))]  # the second one: 23:59 typed
            if zone.key in ("UTC", use_case):
                ways.append((midnight(first, zone), midnight(last, zone)))
            for bounds in ways:
                seen += 1
                if (found := chosen_periods(*bounds, where)) != (first, last):
                    wrong.append((name, str(first), *map(str, found)))
    assert not wrong, wrong[:10]
    assert seen > 8000


WRITTEN = [
    ("{day}T00:00:00+00:00", "{day}T00:00:00+00:00"),  # the command line, and a date over REST
    ("{day}T00:00:00+00:00", "{day}T23:59:00+00:00"),
    ("{day}T00:00:00+00:00", "{day}T23:59:59+00:00"),
    ("{day}T00:00:00+00:00", "{day}T18:00:00+00:00"),
    ("{day}T09:30:00+00:00", "{day}T23:59:59.999+00:00"),
    ("{day}T00:00:00-04:00", "{day}T00:00:00-04:00"),  # REST with an offset
    ("{day}T00:00:00-11:00", "{day}T23:59:59-11:00"),
    ("{day}T00:00:00+14:00", "{day}T23:59:59+14:00"),
    ("{day}T08:15:00+05:45", "{day}T17:00:00+05:45"),
]


@pytest.mark.parametrize("use_case", USE_CASES)
def test_the_day_named_on_the_command_line_or_over_rest_runs(use_case):
    timetable = PeriodTimetable(timezone=use_case)
    for period in DAYS:
        for texts in WRITTEN:
            bounds = [datetime.fromisoformat(text.format(day=period)) for text in texts]
            assert keys(timetable, *bounds) == [period.key], texts


@pytest.mark.parametrize("zone", ["America/New_York", "America/Los_Angeles", "Asia/Tokyo", "Asia/Kolkata"])
def test_times_typed_in_the_form_mean_their_day_for_a_browser_where_the_use_case_is(zone):
    here = ZoneInfo(zone)
    first, last = datetime(2013, 5, 20, 9, 10, tzinfo=here), datetime(2013, 5, 22, 17, 40, tzinfo=here)
    bounds = first.astimezone(UTC), last.astimezone(UTC)
    assert keys(PeriodTimetable(timezone=zone), *bounds) == named(Period("2013-05-20"), Period("2013-05-22"))


BROWSERS = ["UTC", "America/New_York", "America/Los_Angeles", "Asia/Tokyo", "Asia/Kathmandu", "Pacific/Auckland"]


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize("use_case", ["Africa/Cairo", "UTC", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("typed", [time(0, 30), time(9), time(9, 14), time(14), time(17, 59), time(23), time(23, 59)])
def test_a_time_typed_in_the_first_day_is_read_by_the_clock_of_a_last_day_without_one(browser, use_case, typed):
    zone = ZoneInfo(browser)
    first = datetime.combine(Period("2013-05-20").start_date, typed, zone).astimezone(UTC)
    last = form(Period("2013-05-22"), zone, end=True)
    assert keys(PeriodTimetable(timezone=use_case), first, last) == named(Period("2013-05-20"), Period("2013-05-22"))


TYPED = [
    ("America/New_York", "20T09:00", "20T17:00", 20, 20),
    ("America/New_York", "20T09:30", "22T17:30", 20, 22),
    ("America/New_York", "20T09:00", "20T09:00", 20, 20),
    ("America/New_York", "18T09:00", "20T17:59", 18, 20),
    ("America/New_York", "20T00:00", "22T17:59", 20, 22),
    ("America/New_York", "20T23:30", "22T00:30", 20, 22),
    ("America/New_York", "20T00:00", "22T00:00", 20, 22),
    ("Europe/Berlin", "20T12:00", "20T17:00", 20, 20),
    ("Europe/Berlin", "20T14:00", "21T14:00", 20, 21),
    ("Europe/Berlin", "20T14:00", "20T14:00", 20, 20),
    ("UTC", "20T09:14", "20T09:14", 20, 20),
    ("UTC", "20T08:00", "20T08:59", 20, 20),
    ("UTC", "20T08:00:00", "20T08:59:59", 20, 20),
    ("UTC", "20T15:00", "20T16:30", 20, 20),
    ("UTC", "20T14:00", "20T14:00", 20, 20),
    ("UTC", "20T00:00:00", "20T23:59:59", 20, 20),
    ("UTC", "20T23:44", "22T23:14", 20, 22),
    ("Asia/Kolkata", "20T09:00", "22T08:59", 20, 22),
    ("Asia/Kolkata", "20T14:30", "20T18:29", 20, 20),
    ("Asia/Kathmandu", "20T09:14", "21T09:14", 20, 21),
    ("Asia/Kathmandu", "20T00:00:00", "21T23:59:59", 20, 21),
    ("Australia/Lord_Howe", "20T11:00", "22T10:59", 20, 22),
    ("Pacific/Chatham", "20T12:45", "20T12:45", 20, 20),
    ("Europe/Berlin", "20T09:00", "22T01:59", 20, 22),
]


@pytest.mark.parametrize(("zone", "first", "last", "begins", "ends"), TYPED)
def test_typed_times_mean_the_days_that_they_are_in(zone, first, last, begins, ends):
    bounds = [datetime.fromisoformat(f"2013-05-{each}").replace(tzinfo=ZoneInfo(zone)) for each in (first, last)]
    found = keys(PeriodTimetable(timezone=zone), *(each.astimezone(UTC) for each in bounds))
    assert found == named(Period(f"2013-05-{begins:02}"), Period(f"2013-05-{ends:02}"))


@pytest.mark.parametrize(("zone", "period"), [*NO_MIDNIGHT.items(), *TWO_MIDNIGHTS.items()])
@pytest.mark.parametrize("minutes", [(3 * 60, 9 * 60), (9 * 60, 17 * 60 + 30), (9 * 60 + 14, 9 * 60 + 14), (180, 1439)])
def test_times_typed_on_a_day_of_a_clock_change_mean_that_day(zone, period, minutes):
    bounds = [
        datetime.combine(period.start_date, time(each // 60, each % 60), ZoneInfo(zone)).astimezone(UTC)
        for each in minutes
    ]
    assert keys(PeriodTimetable(timezone=zone), *bounds) == [str(period)]


@pytest.mark.parametrize("name", ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland"])
def test_no_minute_of_a_day_is_read_as_another_day_where_the_use_case_is(name):
    zone, period = ZoneInfo(name), Period("2013-05-20")
    start = datetime.combine(period.start_date, time(), zone).astimezone(UTC)
    early, late = start + timedelta(minutes=1), start + timedelta(minutes=1438)
    minutes = [start + timedelta(minutes=minute) for minute in range(1, 1439)]
    pairs = [(at, other) for at in minutes for other in (at, late)] + [(early, at) for at in minutes]
    # UTC's own midnight is a day that the command line names.
    wrong = [pair for pair in pairs if pair[0].time() != time() and chosen_periods(*pair, zone) != (period, period)]
    assert not wrong, wrong[:10]


@pytest.mark.parametrize("use_case", USE_CASES)
@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2013-05-20T00:00:00-04:00", "2013-05-22T00:00:00+00:00"),
        ("2013-05-20T00:00:00+00:00", "2013-05-22T00:00:00-04:00"),
        ("2013-05-20T00:00:00-04:00", "2013-05-22T23:59:59+00:00"),
        ("2013-05-20T00:00:00+05:45", "2013-05-22T00:00:00+00:00"),
        ("2013-05-20T08:00:00-04:00", "2013-05-22T18:00:00+00:00"),
        ("2013-05-20T00:00:00-04:00", "2013-05-22T00:00:00+09:00"),
    ],
)
def test_bounds_of_two_offsets_over_rest_keep_both_days(use_case, first, last):
    bounds = datetime.fromisoformat(first), datetime.fromisoformat(last)
    assert keys(PeriodTimetable(timezone=use_case), *bounds) == named(Period("2013-05-20"), Period("2013-05-22"))


@pytest.mark.parametrize("zone", ["Pacific/Pago_Pago", "Pacific/Kiritimati", "Etc/GMT+12", "Pacific/Midway"])
def test_the_zones_that_share_their_midnights_are_read_right_where_the_use_case_is_there(zone):
    period = Period("2013-05-20")
    bounds = form(period, ZoneInfo(zone), end=False), form(period, ZoneInfo(zone), end=True)
    assert keys(PeriodTimetable(timezone=zone), *bounds) == [period.key]


@pytest.mark.slow
@pytest.mark.parametrize("zone", sorted({*USE_CASES, "Pacific/Apia", "Australia/Lord_Howe", "Africa/Casablanca"}))
def test_a_backfill_of_three_years_drops_no_day_and_doubles_none(zone):
    first, last = Period("2024-01-01"), Period("2026-12-31")
    bounds = form(first, ZoneInfo("UTC"), end=False), form(last, ZoneInfo("UTC"), end=True)
    assert keys(PeriodTimetable(timezone=zone), *bounds) == named(first, last)


@pytest.mark.parametrize("zone", [*NO_MIDNIGHT, "America/New_York", "UTC", "Pacific/Apia", "Australia/Lord_Howe"])
@pytest.mark.parametrize("weekday", [None, 1, 7])
def test_the_schedule_runs_every_period_once_in_order(zone, weekday):
    timetable = PeriodTimetable(timezone=zone, schedule=weekday and Weekly(WEEKDAYS[weekday - 1]))
    restriction, info, found = (
        TimeRestriction(instance(datetime(2025, 12, 31, tzinfo=UTC)), None, catchup=True),
        None,
        [],
    )
    for _ in range(400 if weekday is None else 57):
        info = timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction)
        assert info.run_after == info.partition_date
        found.append(Period(info.partition_key))
    step = 1 if weekday is None else 7
    assert found == [found[0] + step * number for number in range(len(found))]
    assert weekday is None or {period.start_date.isoweekday() for period in found} == {weekday}


@pytest.mark.parametrize(("zone", "period"), NO_MIDNIGHT.items())
def test_a_day_without_midnight_begins_where_the_clocks_are_set_to(zone, period):
    timetable = PeriodTimetable(timezone=zone)
    around = [period - 1, period, period + 1]
    bounds = midnight(around[0], ZoneInfo("UTC")), midnight(around[2], ZoneInfo("UTC"))
    assert keys(timetable, *bounds) == [str(each) for each in around]
    start = timetable.resolve_partition_date(str(period)).astimezone(ZoneInfo(zone))
    assert (str(start.date()), start.hour) == (str(period), 1)


@pytest.mark.parametrize(("zone", "period"), TWO_MIDNIGHTS.items())
def test_a_day_with_two_midnights_begins_at_the_first(zone, period):
    timetable = PeriodTimetable(timezone=zone)
    start = timetable.resolve_partition_date(str(period))
    assert (start - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() == (period - 1).start_date
    second = instance(start + timedelta(hours=1))
    assert timetable._align_to_prev(second) == start
    assert timetable._align_to_next(second) == timetable._get_next(instance(start))


def test_a_day_that_a_zone_skipped_is_no_period():
    bounds = midnight(Period("2011-12-28"), ZoneInfo("UTC")), midnight(Period("2012-01-01"), ZoneInfo("UTC"))
    found = keys(PeriodTimetable(timezone="Pacific/Apia"), *bounds)
    assert found == ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]


def test_a_backfill_runs_no_day_that_has_not_begun(set_clock):
    set_clock(datetime(2026, 11, 28, 3, tzinfo=UTC))  # 27 November in New York
    bounds = midnight(Period("2026-11-26"), ZoneInfo("UTC")), midnight(Period("2026-12-05"), ZoneInfo("UTC"))
    assert keys(PeriodTimetable(timezone="America/New_York"), *bounds)[-1] == "2026-11-27"
    assert keys(PeriodTimetable(timezone="Asia/Tokyo"), *bounds)[-1] == "2026-11-28"


def test_a_weekly_backfill_runs_the_weekdays_among_the_chosen_days():
    zone = ZoneInfo("America/Los_Angeles")
    bounds = form(Period("2013-05-13"), zone, end=False), form(Period("2013-05-27"), zone, end=True)
    weekly = PeriodTimetable(timezone="America/New_York", schedule=Weekly())
    assert keys(weekly, *bounds) == ["2013-05-13", "2013-05-20", "2013-05-27"]


@pytest.mark.parametrize("browser", ["UTC", "America/New_York", "Asia/Tokyo", "Pacific/Auckland"])
def test_a_window_of_runs_to_clear_holds_the_chosen_days(browser):
    """Airflow hands each bound over by itself: `airflow dags clear --partition-date-start`, and the list of runs."""
    timetable, zone = PeriodTimetable(timezone="America/New_York"), ZoneInfo(browser)
    lower = timetable.localize_partition_datetime(form(Period("2013-05-20"), zone, end=False))
    upper = timetable.localize_partition_datetime(form(Period("2013-05-21"), zone, end=True))
    starts = {str(period): timetable.resolve_partition_date(str(period)) for period in period_range(*MAY)}
    assert [period for period, start in starts.items() if lower <= start <= upper] == ["2013-05-20", "2013-05-21"]


@pytest.mark.parametrize("typed", ["08:59", "09:14", "23:59"])
def test_a_time_typed_in_a_window_of_runs_is_no_end_of_a_day_elsewhere(typed):
    timetable, zone = PeriodTimetable(timezone="America/New_York"), ZoneInfo("America/New_York")
    at = datetime.fromisoformat(f"2013-05-20T{typed}").replace(tzinfo=zone).astimezone(UTC)
    assert timetable.localize_partition_datetime(at) == timetable.resolve_partition_date("2013-05-20")


MAY = Period("2013-05-01"), Period("2013-05-31")


@pytest.mark.parametrize("key", ["2013-5-1", "20130501", "2013-W20-1", "yesterday", "2013-02-30", "٢٠١٣-05-01"])
def test_a_partition_key_that_is_not_a_day_is_refused(key):
    with pytest.raises(InvalidPartitionKeyError, match="YYYY-MM-DD"):
        PeriodTimetable(timezone="UTC").resolve_partition_date(key)


@pytest.mark.parametrize("weekday", [None, 1])
def test_it_survives_the_way_through_the_database(weekday):
    made = PeriodTimetable(
        timezone="Africa/Cairo", schedule=weekday and Weekly(WEEKDAYS[weekday - 1]), run_immediately=timedelta(hours=1)
    )
    read = PeriodTimetable.deserialize(json.loads(json.dumps(made.serialize())))
    assert read.serialize() == made.serialize()
    assert read == made and read.summary == made.summary
    bounds = midnight(Period("2026-04-20"), ZoneInfo("UTC")), midnight(Period("2026-04-27"), ZoneInfo("UTC"))
    assert keys(read, *bounds) == keys(made, *bounds)


def test_the_schedule_is_shown_with_its_time_zone():
    assert PeriodTimetable(timezone="America/New_York").summary == "daily 00:00 America/New_York"
    assert (
        PeriodTimetable(timezone="Asia/Tokyo", schedule=Weekly()).description
        == "At the start of each Monday in Asia/Tokyo"
    )
