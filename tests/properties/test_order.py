"""Any order of days, any number of runs: the same content of every table; and what is the same is not committed."""

import random
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.stages import build_features, ingest, validate
from include.storage import schemas
from include.storage.lake import Lake
from include.storage.partitions import days_from
from include.use_case import UseCase
from include.use_cases import load
from tests import toy

MONTH = days_from(date(2013, 3, 1), date(2013, 3, 31))
"""Holds a day of 23 hours: the clocks changed on 10 March."""
LAST_WEEK = MONTH[-7:]
FLIGHTS = load("flight_delays")


def run_days(use_case: UseCase, days: Iterable[date]) -> None:
    for day in days:
        ingest.run(use_case, day)
        validate.run(use_case, day)
        build_features.run(use_case, day)


def contents(use_case: UseCase) -> dict[str, dict[date, str]]:
    """Table to day to digest."""
    view = Lake.of(use_case).as_of(date.max)
    return {
        table: {day: partition.digest for day, partition in view.partitions(table).items()}
        for table in schemas.tables(use_case)
    }


def versions(use_case: UseCase) -> dict[str, int]:
    view = Lake.of(use_case).as_of(date.max)
    return {table: view.version(table) for table in schemas.tables(use_case)}


def only(found: dict[str, dict[date, str]], days: list[date]) -> dict[str, dict[date, str]]:
    return {table: {day: digest for day, digest in held.items() if day in days} for table, held in found.items()}


@pytest.fixture(scope="module")
def source_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared source files, made once: they are a cache of the package, not of any lake."""
    return tmp_path_factory.mktemp("sources")


@pytest.fixture
def flights(tmp_path, monkeypatch, source_cache) -> UseCase:
    monkeypatch.setenv("AIRWORTHY_HOME", str(source_cache))
    monkeypatch.setenv("AIRWORTHY_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("AIRWORTHY_DATA_DOCS", str(tmp_path / "docs"))
    return FLIGHTS


@pytest.fixture(scope="module")
def forward(tmp_path_factory, source_cache) -> dict[str, dict[date, str]]:
    """The month, built day by day; and its last days once more, which must commit nothing."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("forward")
        patch.setenv("AIRWORTHY_HOME", str(source_cache))
        patch.setenv("AIRWORTHY_LAKE", str(home / "lake"))
        patch.setenv("AIRWORTHY_DATA_DOCS", str(home / "docs"))
        run_days(FLIGHTS, MONTH)
        before = versions(FLIGHTS)
        run_days(FLIGHTS, MONTH[-3:])
        assert versions(FLIGHTS) == before, "running days twice committed something"
        return contents(FLIGHTS)


@pytest.mark.slow
def test_the_month_is_all_there(forward):
    assert list(forward["features"]) == list(forward["labels"]) == MONTH
    look_back = MONTH[0] - timedelta(days=FLIGHTS.look_back_days)
    assert list(forward["checked/schedule"]) == days_from(look_back, MONTH[-1])


@pytest.mark.slow
def test_the_month_reversed_ends_in_the_same_tables(flights, forward):
    run_days(flights, MONTH[::-1])
    assert contents(flights) == forward


def _run(days: list[date]) -> None:
    run_days(FLIGHTS, days)


@pytest.mark.slow
def test_the_month_shuffled_and_in_parallel_with_a_week_run_by_both_ends_in_the_same_tables(flights, forward):
    shuffled = random.Random(7).sample(MONTH, len(MONTH))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(_run, [shuffled[:19], shuffled[12:]]))
    assert contents(flights) == forward


@pytest.mark.slow
def test_the_last_week_alone_ends_in_the_same_week(flights, forward):
    run_days(flights, LAST_WEEK)
    assert only(contents(flights), LAST_WEEK) == only(forward, LAST_WEEK)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.lists(st.integers(0, 4), min_size=5, max_size=9).filter(lambda days: set(days) == set(range(5))))
def test_any_order_with_any_reruns_ends_in_the_same_tables(tmp_path_factory, order):
    first = date(2020, 1, 6)
    found = []
    for numbers in (range(5), order):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRWORTHY_HOME", str(tmp_path_factory.mktemp("home")))
            run_days(toy.USE_CASE, [first + timedelta(days=number) for number in numbers])
            found.append(contents(toy.USE_CASE))
    assert found[0] == found[1]


@pytest.mark.slow
def test_no_row_is_lost_between_landing_and_publishing(flights, forward):
    run_days(flights, MONTH[:3])
    view = Lake.of(flights).as_of(MONTH[2])
    for feed in flights.feeds:
        raw, checked = view.table(f"raw/{feed.name}"), view.table(f"checked/{feed.name}")
        columns = list(feed.columns)
        lost = raw.select("day", *columns).difference(checked.select("day", *columns), distinct=False)
        assert raw.count().to_pyarrow().as_py() == checked.count().to_pyarrow().as_py() > 0
        assert lost.count().to_pyarrow().as_py() == 0
