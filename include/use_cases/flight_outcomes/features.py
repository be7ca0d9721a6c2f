"""Features and labels of flight_outcomes, pure functions of Ibis tables.

A row's `period` is the midnight at which it was known, so trailing windows run over it, never over the date of the
flight. All sums are of integers, so neither the order of rows nor the number of threads can change a bit of the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis
from ibis import _
from ibis.expr.types import Table

from include.use_case import Period
from include.use_cases.flight_outcomes import (
    CLASSES,
    GROUP_WINDOWS,
    GROUPS,
    LATE_FROM_MINUTES,
    MEASURES,
    USE_CASE,
    VERY_LATE_FROM_MINUTES,
    WINDOWS,
)

PRIOR_FLIGHTS = 20
"""Number of flights with the overall rate that every history starts with; see `excess`."""
WEATHER_DAYS = 2
"""Days within which the last observation must have become known; an older one is not used."""
_ARROW_TO_IBIS = {"category": "string", "date32": "date"}


def build(period: Period, *, schedule: Table, outcomes: Table, weather: Table) -> Table:
    """Return one row per flight of `period`: the use case's keys, then its features.

    The arguments hold clean rows of days up to `period`, the look-back included; later days, or days before the
    look-back, change nothing.
    """
    known = _with_outcome(outcomes).filter(
        _.period > (period - max(WINDOWS)).start_date,
        _.period <= period.start_date,
    )
    # A corrected flight of an earlier day became known today; it is over, so it is not predicted.
    planned = schedule.filter(_.period == period.start_date, _.flight_date == period.start_date)
    # One chain of joins with one projection at its end: Ibis compiles it in half the time of separate joins.
    joined = _timetable(planned).cross_join(known.aggregate(**_counts(period, known, "all", WINDOWS)))
    for group, columns in GROUPS.items():
        counts = known.group_by(*columns).aggregate(**_counts(period, known, group, GROUP_WINDOWS))
        joined = _joined(joined, counts, group, columns)
    joined = _joined(joined, _last_observed(period, weather), "observed", ("origin",))
    types = {**USE_CASE.key_types(), **USE_CASE.features}
    values = {name: _[name] for name in types} | _rates()
    return joined.select(**{name: values[name].cast(_ARROW_TO_IBIS.get(kind, kind)) for name, kind in types.items()})


def labels(period: Period, *, schedule: Table, outcomes: Table, weather: Table) -> Table:
    """Return keys and `outcome` of the flights whose end became known on `period`."""
    ended = _with_outcome(outcomes).filter(_.period == period.start_date)
    on_time, late, very_late = CLASSES
    outcome = ibis.cases((_.is_very_late == 1, very_late), (_.is_late == 1, late), else_=on_time)
    return ended.select(*USE_CASE.keys, outcome=outcome)


def excess(count: Any, flights: Any, rate: Any) -> Any:
    """Return how far a share is above the overall `rate`, near 0 for few flights.

    The share is (count + m rate) / (flights + m) with m = PRIOR_FLIGHTS, the m-estimate of Cestnik (Estimating
    probabilities: a crucial task in machine learning, ECAI 1990); the result is that minus `rate`. Works on numbers and
    on Ibis columns; null if `rate` is null, that is, before any flight.
    """
    return (count - flights * rate) / (flights + PRIOR_FLIGHTS)


def _with_outcome(outcomes: Table) -> Table:
    """Add the departure's hour, and 1 or 0 for late at least, and very late.

    A landed flight without a delay is left out.
    """
    disrupted = (outcomes.status != "landed") | (outcomes.arr_delay >= VERY_LATE_FROM_MINUTES)
    late = disrupted | (outcomes.arr_delay >= LATE_FROM_MINUTES)
    counted = outcomes.mutate(
        hour=_.sched_dep_time // 100, is_late=late.cast("int32"), is_very_late=disrupted.cast("int32")
    )
    return counted.filter(_.is_very_late.notnull())


def _joined(left: Table, right: Table, name: str, columns: Sequence[str]) -> Table:
    """Left join a table whose key columns are renamed: no two share a name."""
    renamed = right.rename({f"{name}_{column}": column for column in columns})
    return left.left_join(renamed, [(column, f"{name}_{column}") for column in columns])


def _timetable(planned: Table) -> Table:
    """Return each flight's timetable features, and the traffic planned before it."""
    flights = planned.select(
        *USE_CASE.keys,
        "distance",
        hour=_.sched_dep_time // 100,
        dep_hour=_.sched_dep_time // 100,
        arr_hour=_.sched_arr_time // 100,
        day_of_week=_.flight_date.day_of_week.index(),
        # Local time at both ends: includes the difference of time zones, which is constant for a destination.
        scheduled_minutes=(_minute_of_day(_.sched_arr_time) - _minute_of_day(_.sched_dep_time) + 1440) % 1440,
    )
    # Up to the minute before: flights of one minute get one number, whatever the order of their rows.
    earlier = ibis.window(group_by="origin", order_by="sched_dep_time", range=(None, -1))
    return flights.mutate(
        origin_departures=_.count().over(group_by="origin"),
        hour_departures=_.count().over(group_by=["origin", "hour"]),
        earlier_departures=_.count().over(earlier),
    )


def _minute_of_day(clock: Any) -> Any:
    """Return the minutes since midnight of a clock time written as HHMM."""
    return clock // 100 * 60 + clock % 100


def _counts(period: Period, known: Table, group: str, windows: Sequence[int]) -> dict[str, Any]:
    """Count flights, late and very late ones of each window: <group>_<what>_<days>."""
    counts = {}
    for days in windows:
        within = known.period > (period - days).start_date
        counts[f"{group}_flights_{days}"] = within.sum().fill_null(0)
        counts[f"{group}_late_{days}"] = known.is_late.sum(where=within).fill_null(0)
        counts[f"{group}_very_late_{days}"] = known.is_very_late.sum(where=within).fill_null(0)
    return counts


def _rates() -> dict[str, Any]:
    """Return the overall rates and each group's excess by feature name.

    They are computed from the joined counts.
    """
    values: dict[str, Any] = {}
    for what in ("late", "very_late"):
        overall = {d: _[f"all_{what}_{d}"].cast("float64") / _[f"all_flights_{d}"].nullif(0) for d in WINDOWS}
        values |= {f"all_{what}_{days}d": rate for days, rate in overall.items()}
        for group in GROUPS:
            for days in GROUP_WINDOWS:
                count, flights = (_[f"{group}_{each}_{days}"].fill_null(0) for each in (what, "flights"))
                values[f"{group}_{what}_{days}d"] = excess(count, flights, overall[days])
    return values


def _last_observed(period: Period, weather: Table) -> Table:
    """Return each airport's last observation known by `period`, as last_<measure>."""
    recent = weather.filter(_.period > (period - WEATHER_DAYS).start_date, _.period <= period.start_date)
    # In the hour that occurs twice, the later one has the smaller offset from UTC.
    # Of a corrected observation, the version that became known last counts.
    latest = [ibis.desc("observed_on"), ibis.desc("hour"), ibis.asc("utc_offset"), ibis.desc("period")]
    ranked = recent.mutate(rank=ibis.row_number().over(group_by="origin", order_by=latest))
    return ranked.filter(_.rank == 0).select("origin", **{f"last_{name}": _[name] for name in MEASURES})
