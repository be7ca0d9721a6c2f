"""Every row of the package is delivered once, on the day it became known; later days replay 2013."""

from __future__ import annotations

import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest

from include.datasets import new_york_flights
from include.datasets.replay_2013 import replayed
from include.declaration.period import Period
from include.ingestion.known_at import KnownTooLateError, require_known_in_time
from include.use_cases.flight_delays import USE_CASE, source

FIRST, LAST, AFTER = date(2013, 1, 1), date(2013, 12, 31), date(2014, 1, 4)
NEW_YORK = ZoneInfo("America/New_York")
KEYS = list(USE_CASE.keys)


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def delivered(feed: str, first: date, last: date) -> pd.DataFrame:
    """The feed's rows of all these days, with the day each came on."""
    tables = {day: getattr(source, feed)(Period.from_date(day)) for day in days(first, last)}
    known = [day for day, table in tables.items() for _ in range(table.num_rows)]
    return pa.concat_tables(tables.values()).append_column("period", pa.array(known, pa.date32())).to_pandas()


@pytest.fixture(scope="module")
def package() -> pd.DataFrame:
    """The package's flights as its own file has them."""
    with (
        zipfile.ZipFile(new_york_flights.package_file("flights.csv.zip")) as archive,
        archive.open("flights.csv") as file,
    ):
        flights = pd.read_csv(file, usecols=lambda name: name not in {"tailnum", "time_hour"})
    flights["flight_date"] = pd.to_datetime(flights[["year", "month", "day"]]).dt.date
    return flights.sort_values(KEYS, ignore_index=True)


@pytest.fixture(scope="module")
def schedule(source_home: Path) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_HOME", str(source_home))
        return delivered("schedule", FIRST, LAST)


@pytest.fixture(scope="module")
def outcomes(source_home: Path) -> pd.DataFrame:
    """All outcomes of flights of 2013; the replay's first ones, which come among the last, are left out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_HOME", str(source_home))
        every = delivered("outcomes", FIRST, AFTER)
    return every[every.flight_date <= LAST]


def same(left: pd.DataFrame, right: pd.DataFrame, columns: list[str]) -> bool:
    """Whether the same rows stand in both, in whatever order; a missing value equals a missing one."""
    left, right = (frame.sort_values(KEYS, ignore_index=True)[columns] for frame in (left, right))
    return bool(((left == right) | (left.isna() & right.isna())).all(axis=None))


@pytest.mark.parametrize("feed", ["schedule", "outcomes", "weather"])
@pytest.mark.parametrize("day", [date(2012, 12, 31), FIRST, date(2013, 7, 4), date(2014, 1, 1), date(2031, 2, 28)])
def test_every_day_has_exactly_the_declared_columns_and_types(feed, day):
    schema = getattr(source, feed)(Period.from_date(day)).schema
    declared = USE_CASE.feed(feed).columns
    assert schema.names == list(declared)
    assert [field.type for field in schema] == [pa.type_for_alias(kind) for kind in declared.values()]


def test_every_flight_is_once_in_the_schedule_of_its_own_day(schedule, package):
    assert len(schedule) == 336_776
    assert (schedule.period == schedule.flight_date).all()
    assert same(schedule, package, [*KEYS, "sched_arr_time", "distance"])


def test_every_flight_is_once_in_the_outcomes(outcomes, package):
    assert len(outcomes) == 336_776
    assert same(outcomes, package, [*KEYS, "dep_delay", "arr_delay", "air_time"])


def test_a_flight_without_a_departure_is_cancelled_and_one_without_an_arrival_diverted(outcomes):
    assert outcomes.status.value_counts().to_dict() == {"landed": 327_346, "cancelled": 8_255, "diverted": 1_175}
    assert outcomes.dep_delay.isna().equals(outcomes.status == "cancelled")
    assert outcomes.arr_delay.isna().equals(outcomes.status != "landed")


def test_no_flight_is_known_before_it_landed_and_none_a_day_later_than_needed(outcomes):
    landed = outcomes[outcomes.status == "landed"].sample(5_000, random_state=1)
    for row in landed.itertuples():
        hour, minute = divmod(row.sched_dep_time, 100)
        planned = datetime.combine(row.flight_date, datetime.min.time(), NEW_YORK).replace(hour=hour, minute=minute)
        after = timedelta(minutes=row.dep_delay + row.air_time + new_york_flights.TAXI_IN)
        landing = datetime.fromtimestamp(planned.timestamp() + after.total_seconds(), NEW_YORK)
        midnight = datetime.combine(row.period, datetime.min.time(), NEW_YORK)
        before = datetime.combine(row.period - timedelta(days=1), datetime.min.time(), NEW_YORK)
        assert before.timestamp() < landing.timestamp() <= midnight.timestamp(), row


def test_a_flight_still_in_the_air_at_midnight_comes_a_day_later(outcomes):
    lag = (pd.to_datetime(outcomes.period) - pd.to_datetime(outcomes.flight_date)).dt.days
    overnight = lag[outcomes.status == "landed"] == 2
    assert 0.06 < overnight.mean() < 0.08
    assert lag[outcomes.status == "landed"].max() == USE_CASE.label.label_delay_periods
    assert set(lag[outcomes.status == "cancelled"]) == {1}
    assert lag[outcomes.status == "diverted"].between(2, new_york_flights.LONGEST_LAG).all()


def test_every_observation_comes_once_on_the_day_after():
    package = pd.read_csv(new_york_flights.package_file("weather.csv"))
    weather = delivered("weather", FIRST, LAST)
    keys = list(USE_CASE.feed("weather").keys)
    assert len(weather) == len(package) == 26_115
    assert not weather.duplicated(keys).any()
    assert (pd.to_datetime(weather.period) - pd.to_datetime(weather.observed_on)).dt.days.eq(1).all()
    local = pd.to_datetime(weather.observed_on) + pd.to_timedelta(weather.hour - weather.utc_offset, unit="h")
    weather["time_hour"] = local.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    measured = [name for name, kind in USE_CASE.feed("weather").columns.items() if kind == "float64"]
    left, right = (
        frame.sort_values(["origin", "time_hour"])[["time_hour", *measured]].reset_index(drop=True)
        for frame in (weather, package)
    )
    pd.testing.assert_frame_equal(left, right, check_dtype=False, check_exact=True)


def test_keys_are_unique_on_every_day(schedule, outcomes):
    assert not schedule.duplicated(["period", *KEYS]).any()
    assert not outcomes.duplicated(["period", *KEYS]).any()


def test_a_replayed_schedule_differs_from_its_original_by_the_date_alone():
    day = date(2026, 8, 3)
    original, replay = (
        source.schedule(Period.from_date(replayed(day)[0])),
        source.schedule(Period.from_date(day)),
    )
    assert set(replay["flight_date"].to_pylist()) == {day}
    assert replay.drop_columns(["flight_date"]).equals(original.drop_columns(["flight_date"]))


@pytest.mark.parametrize("seam", [date(2014, 1, 1), date(2014, 12, 31), date(2025, 12, 17)])
def test_at_the_seam_of_two_cycles_every_flight_has_its_one_outcome(seam):
    assert replayed(seam)[0] == date(2013, 1, 2)
    planned = delivered("schedule", seam - timedelta(days=4), seam + timedelta(days=4))
    known = delivered("outcomes", seam - timedelta(days=4), seam + timedelta(days=8))
    matched = planned.merge(known, on=KEYS, how="left", suffixes=("", "_known"))
    assert len(matched) == len(planned)
    assert matched.status.notna().all()
    assert (matched.period_known > matched.period).all()


@pytest.mark.parametrize(("feed", "early"), [("outcomes", 1), ("weather", 1)])
@pytest.mark.parametrize("day", [*map(Period, ("2013-03-11", "2013-11-04", "2014-01-03", "2026-11-28"))])
def test_a_feed_that_delivers_a_day_early_is_refused_at_ingestion(feed, early, day):
    rows = getattr(source, feed)(day)
    require_known_in_time(USE_CASE, USE_CASE.feed(feed), day, rows)
    with pytest.raises(KnownTooLateError):
        require_known_in_time(USE_CASE, USE_CASE.feed(feed), day - early, rows)
