"""Expectations of one day of each feed and of the features.

Keys are checked for every feed without a declaration. They use only constants and the day's own rows; monitoring
compares days with each other. The limits are well outside the range of 2013 and exclude impossible values; comments
give the range seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import great_expectations.expectations as gxe

from include.use_case import FeatureSuite, Suite
from include.use_cases.flight_delays import USE_CASE
from include.use_cases.flight_delays import custom_expectations as custom

ORIGINS = ("EWR", "JFK", "LGA")
STATUSES = ("landed", "cancelled", "diverted")


def schedule() -> Suite:
    """Return the suite of a day's planned flights."""
    return Suite(
        rows=(
            *_flights(["sched_arr_time", "distance"]),
            _clock("sched_arr_time"),
            # Seen: 80 (Philadelphia) to 4,983 (Honolulu), and one flight of 17 miles from Newark to LaGuardia.
            _between("distance", 50, 5500, "miles"),
        ),
        # Seen: 634 (28 November, Thanksgiving) to 1,014 flights.
        table=(_columns("schedule"), _volume(300, 1500), _one_date("flight_date")),
    )


def outcomes() -> Suite:
    """Return the suite of outcomes: landed, cancelled or diverted flights."""
    return Suite(
        rows=(
            *_flights(["status"]),
            _set("status", STATUSES),
            _between("dep_delay", -60, 1440, "minutes"),  # seen: -43 to 1,301
            _between("arr_delay", -120, 1440, "minutes"),  # seen: -86 to 1,272
            _between("air_time", 15, 780, "minutes"),  # seen: 20 to 695
            # Seen: 109 minutes made up and 196 lost on the way.
            custom.ExpectColumnPairDifferenceToBeBetween(
                column_A="arr_delay",
                column_B="dep_delay",
                least=-180,
                most=300,
                description="arr_delay less dep_delay must be -180 to 300 minutes",
            ),
            _complete("landed", given=["dep_delay", "arr_delay", "air_time"], missing=[]),
            _complete("cancelled", given=[], missing=["dep_delay", "arr_delay", "air_time"]),
            _complete("diverted", given=["dep_delay"], missing=["arr_delay", "air_time"]),
        ),
        # Seen: 640 to 1,105: most of a day's flights, and those still in the air at the midnight before.
        table=(_columns("outcomes"), _volume(300, 1700)),
    )


def weather() -> Suite:
    """Return the suite of a day's hourly observations.

    A measure may be missing, but not impossible.
    """
    return Suite(
        rows=(
            _set("origin", ORIGINS),
            _between("hour", 0, 23, "o'clock"),
            _between("utc_offset", -5, -4, "hours"),
            _between("temp", -30, 120, "°F"),  # seen: 11 to 100
            _between("dewp", -60, 90, "°F"),  # seen: -10 to 78
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="temp",
                column_B="dewp",
                or_equal=True,
                ignore_row_if="either_value_is_missing",
                description="dewp must not be above temp",
            ),
            _between("humid", 0, 100, "%"),
            _between("wind_dir", 0, 360, "degrees"),
            _between("wind_speed", 0, 120, "mph"),  # seen: 0 to 43, and 1,048 once
            _between("wind_gust", 0, 150, "mph"),  # seen: 16 to 67
            _between("precip", 0, 6, "inches in the hour"),  # seen: 0 to 1.21
            _between("pressure", 940, 1070, "millibars"),  # seen: 984 to 1,042
            _between("visib", 0, 10, "miles"),  # the instruments report no more
        ),
        table=(
            _columns("weather"),
            # Seen: 57 to 72 (three airports, 24 hours); 75 is possible where the clocks go back.
            _volume(36, 75),
            gxe.ExpectColumnDistinctValuesToContainSet(
                column="origin", value_set=list(ORIGINS), description=f"{', '.join(ORIGINS)} must all be observed"
            ),
            _one_date("observed_on"),
        ),
    )


def features() -> FeatureSuite:
    """Return the features that are equal, or null, for all flights of some days.

    The day of the week and the overall late rate are of the day, and there are three airports: often all report the
    same visibility, no rain, and no gusts.
    """
    observed = tuple(name for name in USE_CASE.features if name.startswith("last_"))
    of_the_day = tuple(name for name in USE_CASE.features if name.startswith("all_late_"))
    return FeatureSuite(may_be_constant=("day_of_week", *of_the_day, *observed), may_be_null=observed)


def _flights(also_given: Sequence[str]) -> Iterable[Any]:
    """Yield the expectations that schedule and outcomes share."""
    yield _given(also_given)
    yield _set("origin", ORIGINS)
    yield custom.ExpectColumnValuesToBeKnownAirports(column="dest", description="dest must be a known airport")
    yield custom.ExpectColumnPairValuesToBeDifferent(
        column_A="origin", column_B="dest", description="dest must not be the origin"
    )
    yield _set("carrier", sorted(custom.CARRIERS))
    yield _between("flight", 1, 9999, "(a flight number)")
    yield _clock("sched_dep_time")


def _given(columns: Sequence[str]) -> Any:
    if len(columns) == 1:  # Great Expectations' multi-column expectations need at least two columns
        return gxe.ExpectColumnValuesToNotBeNull(column=columns[0], description=f"{columns[0]} must be given")
    return custom.ExpectColumnsToBeComplete(
        column_list=list(columns), given=list(columns), missing=[], description=f"{', '.join(columns)} must be given"
    )


def _complete(status: str, given: list[str], missing: list[str]) -> Any:
    conditions = [f"{' and '.join(names)} {verb}" for names, verb in ((given, "given"), (missing, "missing")) if names]
    return custom.ExpectColumnsToBeComplete(
        column_list=["status", *given, *missing],
        given=given,
        missing=missing,
        status=status,
        description=f"a {status} flight must have {', and '.join(conditions)}",
    )


def _set(column: str, values: Sequence[str]) -> Any:
    return gxe.ExpectColumnValuesToBeInSet(
        column=column, value_set=list(values), description=f"{column} must be one of {', '.join(values)}"
    )


def _between(column: str, least: float, most: float, unit: str) -> Any:
    return gxe.ExpectColumnValuesToBeBetween(
        column=column, min_value=least, max_value=most, description=f"{column} must be {least} to {most} {unit}"
    )


def _clock(column: str) -> Any:
    return custom.ExpectColumnValuesToBeClockTimes(column=column, description=f"{column} must be a clock time, HHMM")


def _columns(feed: str) -> Any:
    names = list(USE_CASE.feed(feed).columns)
    return gxe.ExpectTableColumnsToMatchOrderedList(
        column_list=names, description=f"columns must be {', '.join(names)}"
    )


def _volume(least: int, most: int) -> Any:
    return gxe.ExpectTableRowCountToBeBetween(
        min_value=least, max_value=most, description=f"a day must have {least} to {most} rows"
    )


def _one_date(column: str) -> Any:
    return gxe.ExpectColumnUniqueValueCountToBeBetween(
        column=column, min_value=1, max_value=1, description=f"{column} must be one date"
    )
