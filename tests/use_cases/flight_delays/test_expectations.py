"""Good days pass; each expectation finds its fault, and only in the row that has it."""

from __future__ import annotations

import csv
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from include.datasets import new_york_flights
from include.ingestion import expectations as validation
from include.use_case import Period
from include.use_cases.flight_delays import USE_CASE, custom_expectations, expectations, source

DAY = Period("2013-04-02")
NO_DELAYS = {"dep_delay": None, "arr_delay": None, "air_time": None}
CANCELLED, DIVERTED = {"status": "cancelled"} | NO_DELAYS, {"status": "diverted"} | NO_DELAYS | {"dep_delay": 5}
LANDED = {"status": "landed", "dep_delay": 1, "arr_delay": 2, "air_time": 60}

# The beginning of the reason, and what makes a good row break that expectation and no other.
FLIGHT_FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("keys must not be null: flight", {"flight": None}),
    ("origin must be one of", {"origin": "BOS", "dest": "MIA"}),
    ("dest must be a known airport", {"dest": "???"}),
    ("dest must not be the origin", {"origin": "JFK", "dest": "JFK"}),
    ("carrier must be", {"carrier": "ZZ"}),
    ("flight must be", {"flight": 0}),
    ("sched_dep_time must be a clock time", {"sched_dep_time": 1260}),
    ("sched_dep_time must be a clock time", {"sched_dep_time": 2400}),
    ("sched_dep_time must be a clock time", {"sched_dep_time": -5}),
]
FAULTS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "schedule": [
        *FLIGHT_FAULTS,
        ("sched_arr_time must be a clock time", {"sched_arr_time": 999}),
        ("distance must be", {"distance": -200}),
        ("distance must be", {"distance": 17}),
        ("sched_arr_time, distance must be given", {"distance": None}),
    ],
    "outcomes": [
        *FLIGHT_FAULTS,
        ("status must be one of", {"status": "vanished"}),
        ("status must be given", {"status": None}),
        ("dep_delay must be", LANDED | {"dep_delay": -90, "arr_delay": -90}),
        ("arr_delay must be", LANDED | {"dep_delay": 1400, "arr_delay": 1500}),
        ("air_time must be", LANDED | {"air_time": 3}),
        ("arr_delay less dep_delay", LANDED | {"dep_delay": 0, "arr_delay": 400}),
        ("a landed flight must have", LANDED | {"air_time": None}),
        ("a landed flight must have", LANDED | {"arr_delay": None}),
        ("a cancelled flight must have", CANCELLED | {"dep_delay": 3}),
        ("a diverted flight must have", DIVERTED | {"dep_delay": None}),
        ("a diverted flight must have", DIVERTED | {"air_time": 80}),
    ],
    "weather": [
        ("keys must not be null: utc_offset", {"utc_offset": None}),
        ("origin must be", {"origin": "BOS"}),
        ("hour must be", {"hour": 24}),
        ("utc_offset must be", {"utc_offset": -6}),
        ("temp must be", {"temp": 200.0, "dewp": 20.0}),
        ("temp must be", {"temp": float("inf"), "dewp": 20.0}),
        ("dewp must be", {"temp": -20.0, "dewp": -70.0}),
        ("dewp must not be above temp", {"temp": 50.0, "dewp": 51.0}),
        ("humid must be", {"humid": 101.0}),
        ("wind_dir must be", {"wind_dir": 361.0}),
        ("wind_speed must be", {"wind_speed": 1048.36}),
        ("wind_gust must be", {"wind_gust": -1.0}),
        ("precip must be", {"precip": -0.1}),
        ("pressure must be", {"pressure": 9.9}),
        ("visib must be", {"visib": 11.0}),
    ],
}


def judged(feed: str, rows: pa.Table) -> validation.ExpectationResults:
    judgement = validation.judge_rows(getattr(expectations, feed)(), rows, feed, USE_CASE.feed(feed).keys)
    assert judgement.raised == ()
    return judgement


def with_faults(feed: str) -> tuple[pa.Table, list[set[str]]]:
    """A real day with one fault in each of its first rows and a row that occurs twice at its end; and the beginning
    of the reason that each row must get."""
    table = getattr(source, feed)(DAY)
    rows, due = table.to_pylist(), [set() for _ in range(table.num_rows)]
    for place, (reason, fault) in enumerate(FAULTS[feed]):
        rows[place] |= fault
        due[place] = {reason}
    due[-1] = {"keys must occur only once"}
    return pa.Table.from_pylist([*rows, rows[-1]], table.schema), [*due, due[-1]]


@pytest.mark.parametrize("feed", list(FAULTS))
@pytest.mark.parametrize("period", [Period("2013-11-04"), Period("2026-08-03")])
def test_a_real_day_passes_whole(feed, period):
    judgement = judged(feed, getattr(source, feed)(period))
    assert judgement.quarantined == 0
    assert judgement.broken == ()


@pytest.mark.parametrize("feed", list(FAULTS))
def test_each_fault_is_caught_in_its_row_for_its_reason_alone(feed):
    rows, due = with_faults(feed)
    found = judged(feed, rows).reasons.to_pylist()
    for place, (reasons, expected) in enumerate(zip(found, due, strict=True)):
        assert len(reasons) == len(expected), (place, reasons, expected)
        assert all(reason.startswith(tuple(expected)) for reason in reasons), (place, reasons, expected)


@pytest.mark.parametrize("feed", list(FAULTS))
def test_no_row_level_expectation_is_without_a_fault_that_it_catches(feed):
    tried = (*(reason for reason, _ in FAULTS[feed]), "keys must occur only once")
    untried = [e.description for e in getattr(expectations, feed)().rows if not e.description.startswith(tried)]
    assert untried == []


@pytest.mark.parametrize("feed", list(FAULTS))
def test_two_days_at_once_or_a_handful_of_rows_refuse_the_day(feed):
    delivered = getattr(source, feed)
    twice = judged(feed, pa.concat_tables([delivered(DAY), delivered(Period("2013-04-03"))])).broken
    few = judged(feed, delivered(DAY).slice(0, 5)).broken
    assert any("rows" in rule.expectation for rule in (*twice, *few))
    assert any("rows" in rule.expectation for rule in few)


def test_an_airport_without_observations_refuses_the_day():
    rows = source.weather(DAY)
    only_two = rows.filter(pa.compute.not_equal(rows["origin"], "LGA"))
    assert any("must all be observed" in rule.expectation for rule in judged("weather", only_two).broken)


@pytest.mark.parametrize("feed", ["schedule", "weather"])
def test_rows_of_two_dates_refuse_the_day(feed):
    rows = getattr(source, feed)(DAY).to_pylist()
    date_column = {"schedule": "flight_date", "weather": "observed_on"}[feed]
    rows[0][date_column] = date(2013, 5, 5)
    mixed = pa.Table.from_pylist(rows, getattr(source, feed)(DAY).schema)
    assert any("must be one date" in rule.expectation for rule in judged(feed, mixed).broken)


@pytest.mark.parametrize("feed", list(FAULTS))
def test_columns_in_another_order_refuse_the_day(feed):
    rows = getattr(source, feed)(DAY)
    shuffled = rows.select(rows.column_names[::-1])
    assert any(rule.expectation.startswith("columns must be") for rule in judged(feed, shuffled).broken)


@pytest.mark.parametrize("feed", list(FAULTS))
@pytest.mark.parametrize("number", [0, 3])
def test_no_expectation_raises_on_an_empty_day_or_on_nothing_but_nulls(feed, number):
    schema = pa.schema([(n, pa.type_for_alias(kind)) for n, kind in USE_CASE.feed(feed).columns.items()])
    rows = pa.table([pa.nulls(number, field.type) for field in schema], schema=schema)
    assert judged(feed, rows).quarantined == number


@pytest.mark.parametrize(
    ("file", "column", "copied"),
    [
        ("airlines.csv", "carrier", custom_expectations.CARRIERS),
        ("airports.csv", "faa", custom_expectations.airports()),
    ],
)
def test_the_codes_that_are_known_are_those_of_the_packages_lists(file, column, copied):
    with new_york_flights.package_file(file).open(newline="", encoding="utf-8") as lines:
        assert copied == {row[column] for row in csv.DictReader(lines)}
