"""Any order of days and any number of runs give the same content, and equal content is not committed."""

import functools
import random
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.declaration.period import Period, period_range
from include.lake.lake import Lake
from include.project import open_project
from include.promotion import promote, register
from include.scoring import score
from tests import places
from tests.properties.orders import contents, make_champion, run_days, score_and_measure, versions
from tests.toys import Toy, every_toy, every_toy_slow


def ends_with(home: Path, toy: Toy, numbers: Iterable[int]) -> dict[str, dict[Period, str]]:
    """What a new lake holds after the toy's days of these numbers, one after the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_HOME", str(home))
        run_days(toy.use_case, [toy.periods[0] + number for number in numbers])
        return contents(toy.use_case)


@every_toy_slow
def test_three_days_shuffled_with_a_rerun_end_in_the_same_tables(tmp_path, toy):
    assert ends_with(tmp_path / "shuffled", toy, (2, 0, 2, 1)) == ends_with(tmp_path / "in order", toy, range(3))


@pytest.fixture(scope="module")
def in_order(tmp_path_factory) -> Callable[[Toy], dict[str, dict[Period, str]]]:
    return functools.cache(lambda toy: ends_with(tmp_path_factory.mktemp("in order"), toy, range(5)))


@pytest.mark.slow
@every_toy
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.lists(st.integers(0, 4), min_size=5, max_size=9).filter(lambda periods: set(periods) == set(range(5))))
def test_any_order_with_any_reruns_ends_in_the_same_tables(tmp_path_factory, in_order, toy, order):
    assert ends_with(tmp_path_factory.mktemp("home"), toy, order) == in_order(toy)


@pytest.mark.slow
@pytest.mark.both_places(long=True)
@every_toy
def test_weeks_run_twice_commit_nothing_the_second_time(lake_home, toy):
    periods = period_range(toy.periods[0], toy.periods[0] + 7 * toy.weeks)
    run_days(toy.use_case, periods)
    before = versions(toy.use_case)
    assert before["features"] == before["labels"] == len(periods)
    run_days(toy.use_case, periods)
    assert versions(toy.use_case) == before


@pytest.fixture
def second_champion(toy: Toy, trained_toy: str) -> None:
    """Two champions; the second is effective from the third scored day on."""
    assert promote.promote_version(
        open_project(toy.use_case),
        register.register_run(open_project(toy.use_case), trained_toy).version,
        actor="a test",
    ).promoted
    make_champion(toy.use_case, toy.as_of + 3)


@pytest.mark.slow
@pytest.mark.both_places(long=True)
@pytest.mark.usefixtures("without_plots", "second_champion")
@every_toy
def test_scoring_and_measuring_in_any_order_with_reruns_ends_in_the_same_tables(lake_home, toy):
    lakes, scored = [], period_range(toy.as_of, toy.last)
    shuffled = random.Random(3).choices(scored, k=3) + random.Random(3).sample(scored, len(scored))
    for periods in (scored, shuffled):
        score_and_measure(toy.use_case, periods)
        lakes.append(contents(toy.use_case))
        assert list(lakes[-1]["predictions"]) == scored
        assert list(lakes[-1]["metrics"]) == scored
        view = Lake.open(toy.use_case).as_of(toy.last)
        champions = ["1"] * 3 + ["2"] * (len(scored) - 3)
        assert [score.scoring_version(view, period) for period in scored] == champions, "of a day without rows, too"
        before = versions(toy.use_case)
        score_and_measure(toy.use_case, scored[::-1])
        assert versions(toy.use_case) == before, "scoring days twice committed something"
        for table in ("predictions", "metrics"):
            places.empty(Lake.open(toy.use_case).root / table)
    assert lakes[0] == lakes[1]
