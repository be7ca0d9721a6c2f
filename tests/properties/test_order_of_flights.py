"""Real days, run in any order and by two processes at once, give the same tables and lose no row."""

import random
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from include.declaration.period import Period, period_range
from include.declaration.use_case_discovery import load_use_case
from include.ingestion import ingest, validate
from include.lake.lake import Lake
from include.project import open_project
from include.use_case import UseCase
from tests.properties.orders import contents, only, run_days, versions

pytestmark = pytest.mark.slow

DAYS = period_range(Period("2013-03-01"), Period("2013-03-16"))
"""Holds a day of 23 hours: the clocks changed on 10 March."""
LAST_WEEK = DAYS[-7:]
FLIGHTS = load_use_case("flight_delays")


@pytest.fixture(scope="module")
def source_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared source files, made once: they are a cache of the package, not of any lake."""
    return tmp_path_factory.mktemp("sources")


@pytest.fixture
def flights(tmp_path, configure, source_cache) -> UseCase:
    configure(home=source_cache, lake=tmp_path / "lake", data_docs=tmp_path / "docs")
    return FLIGHTS


@pytest.fixture(scope="module")
def forward(tmp_path_factory, source_cache) -> dict[str, dict[Period, str]]:
    """The days, built one by one; and the last of them once more, which must commit nothing."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("forward")
        patch.setenv("AIRWORTHY_HOME", str(source_cache))
        patch.setenv("AIRWORTHY_LAKE", str(home / "lake"))
        patch.setenv("AIRWORTHY_DATA_DOCS", str(home / "docs"))
        run_days(FLIGHTS, DAYS)
        before = versions(FLIGHTS)
        run_days(FLIGHTS, DAYS[-3:])
        assert versions(FLIGHTS) == before, "running days twice committed something"
        return contents(FLIGHTS)


def test_every_day_is_there(forward):
    assert list(forward["features"]) == list(forward["labels"]) == DAYS
    look_back = DAYS[0] - FLIGHTS.look_back_periods
    assert list(forward["checked/schedule"]) == period_range(look_back, DAYS[-1])


def test_days_reversed_end_in_the_same_tables(flights, forward):
    run_days(flights, DAYS[::-1])
    assert contents(flights) == forward


def _run(periods: list[Period]) -> None:
    run_days(FLIGHTS, periods)


def test_days_shuffled_and_in_parallel_with_some_run_by_both_end_in_the_same_tables(flights, forward):
    shuffled = random.Random(7).sample(DAYS, len(DAYS))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(_run, [shuffled[:10], shuffled[6:]]))
    assert contents(flights) == forward


def test_the_last_week_alone_ends_in_the_same_week(flights, forward):
    run_days(flights, LAST_WEEK)
    assert only(contents(flights), LAST_WEEK) == only(forward, LAST_WEEK)


def test_no_row_is_lost_between_the_source_and_publishing(flights):
    """On days, one with a wind of 1,048 mph, reported on 12 February and known on the 13th."""
    periods, quarantined = period_range(Period("2013-02-12"), Period("2013-02-14")), {}
    for period in periods:
        ingest.ingest_period(open_project(flights), period)
        validate.validate_period(open_project(flights), period)
    view = Lake.open(flights).as_of(periods[-1])
    for feed in flights.feeds:
        for period in periods:
            delivered = flights.function("source", feed.name)(period)
            checked = view.read(f"checked/{feed.name}", since=period, until=period, order_by=feed.keys)
            assert delivered.num_rows == view.read(f"raw/{feed.name}", since=period, until=period).num_rows > 0
            assert checked.select(list(feed.columns)).equals(delivered.sort_by([(k, "ascending") for k in feed.keys]))
            for row in checked.to_pylist():
                if row["reasons"]:
                    quarantined.setdefault((feed.name, period), []).append(row)
    (gust,) = [row for row in quarantined["weather", Period("2013-02-13")] if row["wind_speed"] > 1000]
    assert any("wind_speed" in reason for reason in gust["reasons"])
