"""Any order of days, any number of runs: the same content of every table; and what is the same is not committed."""

import random
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include import settings as where
from include.stages import evaluate, measure, promote, register, score, train
from include.storage.lake import Lake
from include.storage.models import Registry
from include.storage.partitions import days_from
from include.storage.place import Place
from tests import places, toy
from tests.conftest import AS_OF, LAST
from tests.properties.orders import contents, run_days, versions

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
