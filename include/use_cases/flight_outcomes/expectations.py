"""Expectations of one day of each feed.

Keys and types are checked for every feed without a declaration. The limits are well outside the range of 2013, which
the comments give, and exclude impossible values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import great_expectations.expectations as gxe

from include.use_case import FeatureSuite, Suite
from include.use_cases.flight_outcomes import USE_CASE

ORIGINS = ("EWR", "JFK", "LGA")


def schedule() -> Suite:
    """Return the suite of a day's planned flights."""
    # Seen: 634 (28 November, Thanksgiving) to 1,014 flights.
    return Suite(
        rows=(
            *_flights(),
            _given("sched_arr_time"),
            _given("distance"),
            _between("sched_arr_time", 0, 2359, "(HHMM)"),
            _between("distance", 50, 5500, "miles"),  # seen: 80 to 4,983, and one flight of 17 miles
        ),
        table=(_volume(300, 1500), _one_date("flight_date")),
    )


def outcomes() -> Suite:
    """Return the suite of outcomes: landed, cancelled or diverted flights."""
    return Suite(
        rows=(
            *_flights(),
            _given("status"),
            _set("status", ("landed", "cancelled", "diverted")),
            _between("arr_delay", -120, 1440, "minutes"),  # seen: -86 to 1,272
        ),
        # Seen: 640 to 1,105: most of a day's flights, and those still in the air at the midnight before.
        table=(_volume(300, 1700),),
    )


def weather() -> Suite:
    """Return the suite of a day's hourly observations; a measure may be missing."""
    return Suite(
        rows=(
            _set("origin", ORIGINS),
            _between("hour", 0, 23, "o'clock"),
            _between("utc_offset", -5, -4, "hours"),
            _between("temp", -30, 120, "°F"),  # seen: 11 to 100
            _between("dewp", -60, 90, "°F"),  # seen: -10 to 78
            _between("humid", 0, 100, "%"),
            _between("wind_speed", 0, 120, "mph"),  # seen: 0 to 43, and 1,048 once
            _between("wind_gust", 0, 150, "mph"),  # seen: 16 to 67
            _between("precip", 0, 6, "inches in the hour"),  # seen: 0 to 1.21
            _between("pressure", 940, 1070, "millibars"),  # seen: 984 to 1,042
            _between("visib", 0, 10, "miles"),  # the instruments report no more
        ),
        table=(
            _volume(36, 75),  # seen: 57 to 72
            gxe.ExpectColumnDistinctValuesToContainSet(
                column="origin", value_set=list(ORIGINS), description=f"{', '.join(ORIGINS)} must all be observed"
            ),
            _one_date("observed_on"),
        ),
    )


def features() -> FeatureSuite:
    """Return the features that are equal, or null, for all flights of some days.

    The day of the week and the overall rates are of the day, and there are three airports: often all report the same
    visibility, no rain, and no gusts.
    """
    observed = tuple(name for name in USE_CASE.features if name.startswith("last_"))
    of_the_day = tuple(name for name in USE_CASE.features if name.startswith("all_"))
    return FeatureSuite(may_be_constant=("day_of_week", *of_the_day, *observed), may_be_null=observed)


def _flights() -> Iterable[Any]:
    yield _set("origin", ORIGINS)
    yield _pattern("dest", "^[A-Z]{3}$", "the code of an airport")
    yield _pattern("carrier", "^[A-Z0-9]{2}$", "the code of a carrier")
    yield _between("flight", 1, 9999, "(a flight number)")
    yield _between("sched_dep_time", 0, 2359, "(HHMM)")


def _given(column: str) -> Any:
    return gxe.ExpectColumnValuesToNotBeNull(column=column, description=f"{column} must be given")


def _set(column: str, values: Sequence[str]) -> Any:
    return gxe.ExpectColumnValuesToBeInSet(
        column=column, value_set=list(values), description=f"{column} must be one of {', '.join(values)}"
    )


def _pattern(column: str, regex: str, meaning: str) -> Any:
    return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=regex, description=f"{column} must be {meaning}")


def _between(column: str, least: float, most: float, unit: str) -> Any:
    return gxe.ExpectColumnValuesToBeBetween(
        column=column, min_value=least, max_value=most, description=f"{column} must be {least} to {most} {unit}"
    )


def _volume(least: int, most: int) -> Any:
    return gxe.ExpectTableRowCountToBeBetween(
        min_value=least, max_value=most, description=f"a day must have {least} to {most} rows"
    )


def _one_date(column: str) -> Any:
    return gxe.ExpectColumnUniqueValueCountToBeBetween(
        column=column, min_value=1, max_value=1, description=f"{column} must be one date"
    )
