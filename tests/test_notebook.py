"""Loading tables in a notebook: as of a period, from the lake or from the data that `check` kept."""

from __future__ import annotations

import pytest

from include.declaration.period import Period, periods_of
from include.errors import InvalidRequestError, NotReadyError
from include.evaluation.check_use_case import kept_home
from include.lake.lake import Lake
from include.lake.object_store import StoragePath
from include.notebook import load
from tests import toy
from tests.contexts import Configure
from tests.toy_use_case import USE_CASE, source

DAYS = [Period("2020-01-10") + n for n in range(3)]


@pytest.fixture(autouse=True)
def _toy(lake_home, configure: Configure) -> None:
    configure(use_case_packages="tests.use_cases")


def test_a_table_is_a_frame_of_the_period_with_its_rows_in_order_of_keys():
    toy.fill(Lake.open(USE_CASE), DAYS[0], DAYS[2])
    frame = load("toy", "2020-01-11")["features"]
    assert frame["id"].tolist() == source.everything(DAYS[1])["id"].to_pylist()
    assert set(frame["event_date"]) == {DAYS[1].start_date}
    assert load("toy", DAYS[1])["features"].equals(frame)


def test_periods_before_are_read_on_demand_and_later_ones_never():
    toy.fill(Lake.open(USE_CASE), DAYS[0], DAYS[2])
    for since in (DAYS[0], DAYS[0].start_date, "2020-01-10"):
        periods = load("toy", DAYS[1]).read("features", since=since)["period"].to_pylist()
        assert periods_of(periods) == [DAYS[0]] * source.ROWS + [DAYS[1]] * source.ROWS


def test_what_the_lake_lacks_is_read_from_what_check_has_kept():
    kept = Lake(USE_CASE, StoragePath.parse(kept_home(USE_CASE) / "lake") / "toy")
    toy.fill(kept, DAYS[0], DAYS[0])
    assert len(load("toy", DAYS[0])["features"]) == source.ROWS
    toy.fill(Lake.open(USE_CASE), DAYS[0], DAYS[0], lambda period: source.everything(period, rows=3))
    assert len(load("toy", DAYS[0])["features"]) == 3


def test_what_is_not_there_is_refused_with_what_makes_it(lake_home):
    with pytest.raises(NotReadyError, match=r"2020-01-10.*toy__data.*airworthy check toy 2020-01-10"):
        load("toy", DAYS[0])["features"]
    assert not [*lake_home.rglob("*.parquet")]


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: load("toy", "1.4.2020"), r"'1\.4\.2020' is not a day"),
        (lambda: load("toy", "2019-12-31"), "toy begins on 2020-01-01"),
        (lambda: load("missing", "2020-01-10"), "'missing'"),
        (lambda: load("toy", "2020-01-10")["feature"], r"no table 'feature'; there are .*'features'"),
        (lambda: load("toy", "2020-01-10").read("features", since="2020-01-11"), "2020-01-11 is after 2020-01-10"),
    ],
)
def test_what_cannot_be_meant_is_refused(ask, said):
    with pytest.raises(InvalidRequestError, match=said):
        ask()
