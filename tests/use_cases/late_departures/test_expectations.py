"""Good days pass; each expectation finds its fault, and only in the row that has it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from include.use_case import Period
from include.use_cases.late_departures import USE_CASE, source
from tests.use_cases import flights

DAY = Period("2013-04-02")
FAULTS: dict[str, tuple[flights.Fault, ...]] = {
    "schedule": flights.FLIGHT_FAULTS,
    "departures": (
        *flights.FLIGHT_FAULTS,
        ("status must be given", {"status": None}),
        ("status must be one of", {"status": "landed"}),
        ("dep_delay must be", {"dep_delay": -90}),
    ),
    "weather": flights.WEATHER_FAULTS,
}


@pytest.mark.parametrize("feed", list(FAULTS))
@pytest.mark.parametrize("period", [Period("2013-11-04"), Period("2026-08-03")])
def test_a_real_day_passes_whole(feed, period):
    judgement = flights.judge(USE_CASE, feed, getattr(source, feed)(period))
    assert (judgement.quarantined, judgement.broken) == (0, ())


@pytest.mark.parametrize("feed", list(FAULTS))
def test_each_fault_is_caught_in_its_row_for_its_reason_alone(feed):
    flights.require_each_fault_caught(USE_CASE, feed, DAY, FAULTS[feed])


@pytest.mark.parametrize("feed", list(FAULTS))
def test_a_handful_of_rows_refuses_the_day(feed):
    broken = flights.judge(USE_CASE, feed, getattr(source, feed)(DAY).slice(0, 5)).broken
    assert any("rows" in rule.expectation for rule in broken)


def test_an_airport_without_observations_refuses_the_day():
    rows = source.weather(DAY)
    only_two = rows.filter(pa.compute.not_equal(rows["origin"], "LGA"))
    broken = flights.judge(USE_CASE, "weather", only_two).broken
    assert any("must all be observed" in rule.expectation for rule in broken)
