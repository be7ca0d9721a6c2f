"""Claims: a month has a fixed number of slots, and no process gets one more."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest

from include.declaration.period import Period
from include.retraining.budget import Reservation, ReservationCorruptedError, RetrainingBudget

pytestmark = pytest.mark.both_places
DAYS = [Period(f"2020-03-{day:02}") for day in range(1, 25)]


@pytest.fixture
def claims(place):
    return RetrainingBudget(place)


def test_a_month_has_its_slots_and_the_next_month_has_its_own(claims):
    assert [claims.claim(period, 2) for period in DAYS[:3]] == [Reservation(DAYS[0], 1), Reservation(DAYS[1], 2), None]
    assert claims.claim(Period("2020-04-01"), 2) == Reservation(Period("2020-04-01"), 1)
    assert claims.claims_of_month(DAYS[9]) == [Reservation(DAYS[0], 1), Reservation(DAYS[1], 2)]


def test_the_same_month_of_another_year_has_its_own_slots(claims):
    first, next_year = Period("2020-03-01"), Period("2021-03-01")
    assert claims.claim(first, 1) == Reservation(first, 1)
    assert claims.claim(next_year, 1) == Reservation(next_year, 1)
    assert claims.claims_of_month(next_year) == [Reservation(next_year, 1)]


def test_claiming_again_gives_the_same_slot_also_where_the_budget_became_smaller(claims):
    for period in DAYS[:3]:
        claims.claim(period, 3)
    assert [claims.claim(DAYS[2], slots) for slots in (3, 1, 0)] == [Reservation(DAYS[2], 3)] * 3
    assert len(claims.claims_of_month(DAYS[0])) == 3


def test_no_budget_no_claim(claims):
    assert claims.claim(DAYS[0], 0) is None
    assert claims.claims_of_month(DAYS[0]) == []


def test_of_many_that_race_only_as_many_win_as_there_are_slots(claims):
    with ThreadPoolExecutor(len(DAYS)) as pool:
        won = [claim for claim in pool.map(lambda period: claims.claim(period, 3), DAYS) if claim]
    assert sorted(claim.slot for claim in won) == [1, 2, 3]
    assert {claim.period for claim in won} == {claim.period for claim in claims.claims_of_month(DAYS[0])}


def _claimed(period: Period, claims: RetrainingBudget) -> Reservation | None:
    return claims.claim(period, 5)


@pytest.mark.slow
@pytest.mark.both_places
def test_of_processes_that_race_only_as_many_win_as_there_are_slots(claims):
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        won = [claim for claim in pool.map(partial(_claimed, claims=claims), DAYS) if claim]
    assert sorted(claim.slot for claim in won) == [1, 2, 3, 4, 5]
    assert sorted(won, key=lambda claim: claim.slot) == claims.claims_of_month(DAYS[0])


def test_of_many_that_race_for_the_same_day_all_have_its_one_slot(claims):
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda _: claims.claim(DAYS[0], 3), range(16))) == {Reservation(DAYS[0], 1)}
    assert len(claims.claims_of_month(DAYS[0])) == 1


@pytest.mark.parametrize("content", [b"", b"{}", b'{"day": "soon"}', b"[1]"])
def test_a_claim_that_cannot_be_read_stops_everything_and_is_named(claims, content):
    claims.claim(DAYS[0], 2)
    (claims.folder / "2020-03" / "01.json").write(content)
    for _ in range(2):
        with pytest.raises(ReservationCorruptedError, match=r"2020-03/01\.json"):
            claims.claim(DAYS[1], 2)
