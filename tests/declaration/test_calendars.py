"""Periods begin at the decision time of their calendar, in every time zone, and schedules are as coarse or coarser."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies

from include.declaration.calendars import Daily, Hourly, Weekly, WrongCalendarError
from include.declaration.period import Period, PeriodError, period_range
from include.declaration.problems import DeclarationError
from include.use_case import ByPath, Files, ToFiles
from tests.counts_use_case import USE_CASE as DAILY
from tests.hourly_use_case import USE_CASE as HOURLY
from tests.weekly_use_case import USE_CASE as WEEKLY

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Africa/Cairo", "Asia/Kathmandu", "Australia/Lord_Howe"]
CALENDARS = [Daily(), Daily(at=time(6)), Daily(at=time(23, 30)), Hourly(), Weekly(), Weekly(on="sunday", at=time(18))]
zones = strategies.sampled_from([*ZONES, "Pacific/Apia", "America/Havana", "America/Nuuk"]).map(ZoneInfo)
calendars = strategies.sampled_from(CALENDARS)
instants = strategies.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1)).map(lambda each: each.replace(tzinfo=UTC))  # noqa: DTZ001


@settings(deadline=None)
@given(calendars, zones, instants)
def test_an_instant_is_in_the_period_that_began_last(calendar, zone, instant):
    period = calendar.period_at(instant, zone)
    assert calendar.contains(period)
    assert calendar.decision_time(period, zone) <= instant < calendar.decision_time(period + 1, zone)
    assert calendar.parse(period.key) == calendar.period_of(period.start) == period


@settings(deadline=None)
@given(calendars, zones, instants)
def test_no_period_begins_before_the_one_before_it(calendar, zone, instant):
    period = calendar.period_at(instant, zone)
    starts = [calendar.decision_time_if_any(each, zone) for each in period_range(period - 3, period + 3)]
    known = [start for start in starts if start is not None]
    assert known == sorted(set(known)) and len(known) >= 6


@settings(deadline=None)
@given(strategies.sampled_from(CALENDARS[:4]), strategies.sampled_from(CALENDARS), zones, instants)
def test_one_period_is_due_for_each_of_a_coarser_calendar(calendar, schedule, zone, instant):
    if schedule.is_finer_than(calendar):
        return
    coarse = schedule.period_at(instant, zone) + 1
    begins = schedule.decision_time(coarse, zone)
    after = schedule.decision_time(coarse + 1, zone)
    periods = period_range(calendar.period_at(begins, zone) - 1, calendar.period_at(after, zone))
    starts = {period: calendar.decision_time_if_any(period, zone) for period in periods}
    within = [period for period, start in starts.items() if start is not None and begins <= start < after]
    due = [period for period in within if calendar.is_due(schedule, period, zone)]
    assert due == within[:1]


def test_a_day_of_a_clock_change_is_one_period():
    berlin, spring, autumn = ZoneInfo("Europe/Berlin"), Period("2020-03-29"), Period("2020-10-25")
    hours = [Daily().decision_time(day + 1, berlin) - Daily().decision_time(day, berlin) for day in (spring, autumn)]
    assert hours == [timedelta(hours=23), timedelta(hours=25)]
    assert Daily(at=time(2, 30)).decision_time(spring, berlin) == datetime(2020, 3, 29, 1, 30, tzinfo=UTC)
    assert Daily(at=time(2, 30)).decision_time(autumn, berlin) == datetime(2020, 10, 25, 0, 30, tzinfo=UTC)


def test_a_time_that_the_clocks_skip_at_the_end_of_a_day_does_not_skip_the_day():
    nuuk = ZoneInfo("America/Nuuk")
    assert Daily(at=time(23, 30)).decision_time_if_any(Period("2024-03-30"), nuuk) is not None
    assert Daily(at=time(6)).decision_time_if_any(Period("2011-12-30"), ZoneInfo("Pacific/Apia")) is None


def test_a_due_day_that_the_zone_skipped_is_the_next_one():
    apia = ZoneInfo("Pacific/Apia")
    due = [day.key for day in period_range(Period("2011-12-28"), Period("2012-01-08")) if
           Daily().is_due(Weekly(on="friday"), day, apia)]  # fmt: skip
    assert due == ["2011-12-31", "2012-01-06"]


@pytest.mark.parametrize(
    ("use_case", "key"),
    [(HOURLY, "2020-03-28"), (WEEKLY, "2019-W20-1"), (DAILY, "2020-03-28T05Z"), (HOURLY, "2020-03-28T05:00Z")],
)
def test_a_use_case_refuses_keys_of_another_calendar_in_words(use_case, key):
    with pytest.raises(PeriodError) as refused:
        use_case.calendar.parse(key, use_case.name)
    assert refused.value.units == (use_case.calendar.unit,)
    assert use_case.calendar.example in str(refused.value)
    if key.count(":") == 0:
        with pytest.raises(PeriodError):
            use_case.require(Period(key))


def test_stored_values_of_another_calendar_are_refused():
    with pytest.raises(WrongCalendarError):
        Weekly().period_of(date(2020, 2, 28))  # a Friday
    with pytest.raises(WrongCalendarError):
        Hourly().period_of(date(2020, 2, 28))


def test_a_span_of_time_is_counted_in_periods():
    assert (Daily().count(timedelta(days=30)), Hourly().count(timedelta(days=1))) == (30, 24)
    assert Weekly().count(timedelta(days=14)) == 2
    for calendar, span in ((Daily(), timedelta(hours=36)), (Weekly(), timedelta(days=10))):
        with pytest.raises(DeclarationError):
            calendar.count(span)


WRONG = {
    "first_period": lambda: replace(HOURLY, first_period=Period("2020-03-20")),
    "training.schedule": lambda: replace(WEEKLY, training=replace(WEEKLY.training, schedule=Daily())),
    "score_schedule": lambda: replace(DAILY, score_schedule=Hourly()),
    "period": lambda: replace(DAILY, calendar=Hourly(), first_period=Period("2020-01-01T00Z")),
    "feeds[0]": lambda: replace(
        HOURLY,
        feeds=(
            replace(HOURLY.feeds[0], source=Files("/in/{period:%Y-%m-%d}.csv", format="csv", known=ByPath())),
            HOURLY.feeds[1],
        ),
    ),
    "exports[0]": lambda: replace(HOURLY, exports=(ToFiles("/out/{period:%Y-%m-%d}.csv", format="csv"),)),
}


@pytest.mark.parametrize("path", WRONG)
def test_what_does_not_fit_the_calendar_is_refused_at_declaration(path):
    with pytest.raises(DeclarationError) as refused:
        WRONG[path]()
    assert path in {problem.path for problem in refused.value.problems}


def test_paths_name_hours_and_weeks():
    path = Files("/in/{period:%Y-%m-%dT%H}.csv", format="csv", known=ByPath())
    assert path.path_of(Period("2020-03-20T05Z")) == "/in/2020-03-20T05.csv"
    assert Files("/in/{period}.csv", format="csv", known=ByPath()).path_of(WEEKLY.first_period) == "/in/2018-W12-7.csv"
    assert ToFiles("/out/{period}.csv", format="csv").path_of(Period("2020-03-20")) == "/out/2020-03-20.csv"
