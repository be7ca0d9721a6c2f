"""Deliver the feeds of flight_outcomes: planned flights, their ends, the weather.

For a day, a feed returns the rows that became known between midnight in New York at the start of the day before and
midnight at the start of the day. `include.datasets.new_york_flights` reads the data, and says how later days replay
those of 2013.
"""

from __future__ import annotations

import pyarrow as pa

from include.datasets import new_york_flights
from include.use_case import Period
from include.use_cases.flight_outcomes import USE_CASE


def schedule(period: Period) -> pa.Table:
    """Return the flights planned for `period`."""
    return _columns_of("schedule", new_york_flights.planned_flights(period.start_date))


def outcomes(period: Period) -> pa.Table:
    """Return the flights that landed, were cancelled or were diverted.

    They ended since the midnight before `period`'s.
    """
    return _columns_of("outcomes", new_york_flights.ended_flights(period.start_date))


def weather(period: Period) -> pa.Table:
    """Return the hourly observations of the day before `period`, at three airports."""
    return _columns_of("weather", new_york_flights.observed_weather(period.start_date))


def _columns_of(feed: str, table: pa.Table) -> pa.Table:
    return new_york_flights.conform(table, USE_CASE.feed(feed).columns)
