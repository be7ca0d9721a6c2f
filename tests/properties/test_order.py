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

from include import settings as where
from include.stages import build_features, evaluate, ingest, measure, promote, register, score, train, validate
from include.storage import schemas
from include.storage.lake import Lake
from include.storage.models import Registry
from include.storage.partitions import days_from
from include.storage.place import Place
from include.use_case import UseCase
from include.use_cases import load
from tests import places, toy
from tests.conftest import AS_OF, LAST

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


FIRST = date(2020, 1, 6)
TOY_MONTH = days_from(FIRST, FIRST + timedelta(days=30))


def ends_with(home: Path, numbers: Iterable[int]) -> dict[str, dict[date, str]]:
    """What a new lake holds after the toy's days of these numbers, one after the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_HOME", str(home))
        run_days(toy.USE_CASE, [FIRST + timedelta(days=number) for number in numbers])
        return contents(toy.USE_CASE)


def test_three_days_shuffled_with_a_rerun_end_in_the_same_tables(tmp_path):
    assert ends_with(tmp_path / "shuffled", (2, 0, 2, 1)) == ends_with(tmp_path / "in order", range(3))


@pytest.fixture(scope="module")
def in_order(tmp_path_factory) -> dict[str, dict[date, str]]:
    return ends_with(tmp_path_factory.mktemp("in order"), range(5))


@pytest.mark.slow
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.lists(st.integers(0, 4), min_size=5, max_size=9).filter(lambda days: set(days) == set(range(5))))
def test_any_order_with_any_reruns_ends_in_the_same_tables(tmp_path_factory, in_order, order):
    assert ends_with(tmp_path_factory.mktemp("home"), order) == in_order


@pytest.mark.slow
@pytest.mark.both_places(long=True)
def test_a_month_run_twice_commits_nothing_the_second_time(lake_home):
    run_days(toy.USE_CASE, TOY_MONTH)
    before = versions(toy.USE_CASE)
    assert before["features"] == before["labels"] == len(TOY_MONTH)
    run_days(toy.USE_CASE, TOY_MONTH)
    assert versions(toy.USE_CASE) == before


def make_champion(day: date) -> None:
    """Train as of `day`, judge, register and promote."""
    run_id = train.run(toy.USE_CASE, day).run_id
    evaluate.run(toy.USE_CASE, run_id)
    assert promote.run(toy.USE_CASE, register.run(toy.USE_CASE, run_id).version, who="a test").promoted


def score_and_measure(days: Iterable[date]) -> None:
    """As the daily runs do: the day, and again that which judges it where it was measured before."""
    for day in days:
        score.run(toy.USE_CASE, day)
        measure.run(toy.USE_CASE, day)
        measure.again(toy.USE_CASE, day)


SCORED = days_from(AS_OF, LAST)


@pytest.fixture
def second_champion(trained_toy: str) -> None:
    """Two champions, of which the second is effective from the middle of the scored days on."""
    assert promote.run(toy.USE_CASE, register.run(toy.USE_CASE, trained_toy).version, who="a test").promoted
    make_champion(SCORED[5])


@pytest.mark.slow
@pytest.mark.both_places(long=True)
@pytest.mark.usefixtures("without_plots", "second_champion")
def test_scoring_and_measuring_in_any_order_with_reruns_ends_in_the_same_tables(lake_home):
    lakes = []
    for seed in (None, 3):
        days = (
            SCORED
            if seed is None
            else random.Random(seed).choices(SCORED, k=5) + random.Random(seed).sample(SCORED, len(SCORED))
        )
        score_and_measure(days)
        lakes.append(contents(toy.USE_CASE))
        assert list(lakes[-1]["predictions"]) == SCORED
        assert list(lakes[-1]["metrics"]) == SCORED
        view = Lake.of(toy.USE_CASE).as_of(LAST)
        assert [score.scored_with(view, day) for day in SCORED] == ["1"] * 5 + ["2"] * (len(SCORED) - 5)
        before = versions(toy.USE_CASE)
        score_and_measure(SCORED[::-1])
        assert versions(toy.USE_CASE) == before, "scoring days twice committed something"
        for table in ("predictions", "metrics"):
            places.empty(Lake.of(toy.USE_CASE).root / table)
    assert lakes[0] == lakes[1]


@pytest.mark.slow
@pytest.mark.both_places(long=True)
@pytest.mark.usefixtures("without_plots", "tracking")
def test_a_whole_life_from_its_source_on_ends_in_the_same_tables_forward_and_shuffled(lake_home, monkeypatch):
    """Data, training, scoring and measuring, in two lakes with one registry: the second training is the first again.

    The second lake is filled anew beside the first one's ledger: without it, the registry would not believe it.
    """
    first, last = date(2020, 1, 1), date(2020, 2, 8)
    trained, days = date(2020, 2, 3), days_from(first, last)
    shuffled = random.Random(11).sample(days, len(days)) + random.Random(12).choices(days, k=6)
    found, there = [], Place.of(where.current().lake)
    for order in (days, shuffled):
        monkeypatch.setenv("AIRWORTHY_LAKE", f"{there}/lake{len(found)}")
        run_days(toy.USE_CASE, order)
        if found:
            places.copy(there / "lake0/toy/ledger", there / "lake1/toy/ledger")
        make_champion(trained)
        score_and_measure(day for day in order if day >= trained)
        found.append(contents(toy.USE_CASE))
    assert list(found[0]["predictions"]) == days_from(trained, last)
    assert list(found[0]["metrics"]) == days_from(trained, last)
    assert found[0] == found[1]
    assert [version.number for version in Registry(toy.USE_CASE).versions()] == ["1"]


@pytest.mark.slow
def test_no_row_is_lost_between_the_source_and_publishing(flights):
    """On days of which one holds a wind of 1,048 mph, reported on 12 February and known on the 13th."""
    days, quarantined = days_from(date(2013, 2, 12), date(2013, 2, 14)), {}
    for day in days:
        ingest.run(flights, day)
        validate.run(flights, day)
    view = Lake.of(flights).as_of(days[-1])
    for feed in flights.feeds:
        for day in days:
            delivered = flights.function("source", feed.name)(day)
            checked = view.read(f"checked/{feed.name}", since=day, until=day, order_by=feed.keys)
            assert delivered.num_rows == view.read(f"raw/{feed.name}", since=day, until=day).num_rows > 0
            assert checked.select(list(feed.columns)).equals(delivered.sort_by([(k, "ascending") for k in feed.keys]))
            for row in checked.to_pylist():
                if row["reasons"]:
                    quarantined.setdefault((feed.name, day), []).append(row)
    (gust,) = [row for row in quarantined["weather", date(2013, 2, 13)] if row["wind_speed"] > 1000]
    assert any("wind_speed" in reason for reason in gust["reasons"])
