"""Features and labels of flight_delays, pure functions of Ibis tables.

A row's `period` is the midnight at which it was known, so trailing windows run over `period`, never over the date of
the flight: a flight still in the air at midnight counts from the day after. All sums are of integers, so neither the
order of rows nor the number of threads can change a bit of the result.
"""

from __future__ import annotations

from typing import Any

import ibis
from ibis import _
from ibis.expr.types import Table

from include.use_case import Period
from include.use_cases.flight_delays import GROUPS, LATE_FROM_MINUTES, USE_CASE, WINDOWS

PRIOR_FLIGHTS = 20
"""Number of flights of average lateness that every history starts with; see `excess`."""
WEATHER_DAYS = 2
"""Days within which the last observation must have become known; an older one is not used."""
_CELL = ("carrier", "flight", "origin", "dest", "hour")
_COUNTS = tuple(f"{what}_{days}" for what in ("late", "flights") for days in WINDOWS)
_ARROW_TO_IBIS = {"category": "string", "date32": "date"}


def build(period: Period, *, schedule: Table, outcomes: Table, weather: Table) -> Table:
    """Return one row per flight of `period`: the use case's keys, then its features.

    The arguments hold clean rows of days up to `period`, with a column `period`, the look-back included; later days, or
    days before the look-back, change nothing.
    """
    cells, overall = _history(period, outcomes)
    # One chain of joins with one projection at its end: Ibis compiles it in half the time of separate joins.
    # A corrected flight of an earlier day became known today; it has flown, so it is not predicted.
    joined = _planned(schedule.filter(_.period == period.start_date, _.flight_date == period.start_date))
    for group, columns in GROUPS.items():
        joined = joined.left_join(_sums(cells, group), [(column, f"{group}_{column}") for column in columns])
    joined = joined.left_join(_last_observed(period, weather), [("origin", "observed_at")]).cross_join(overall)
    types = {**USE_CASE.key_types(), **USE_CASE.features}
    values = {name: _[name] for name in types} | _trailing()
    return joined.select(**{name: values[name].cast(_ARROW_TO_IBIS.get(kind, kind)) for name, kind in types.items()})


def labels(period: Period, *, schedule: Table, outcomes: Table, weather: Table) -> Table:
    """Return keys and `late` of flights whose arrival became known on `period`.

    `late` is 1 or 0. A cancelled or diverted flight never arrived as planned: it has no label. Late is an arrival 15
    minutes or more after the scheduled time: ArrDel15 of the US Bureau of Transportation Statistics.
    """
    landed = outcomes.filter(_.period == period.start_date, _.status == "landed", _.arr_delay.notnull())
    return landed.select(*USE_CASE.keys, late=(_.arr_delay >= LATE_FROM_MINUTES).cast("int8"))


def excess(late: Any, flights: Any, rate: Any) -> Any:
    """Return how far a late rate is above the overall `rate`, shrunk to 0.

    It is shrunk towards 0 for few flights. The rate is (late + m rate) / (flights + m) with m = PRIOR_FLIGHTS, the
    m-estimate of Cestnik (Estimating probabilities: a crucial task in machine learning, ECAI 1990); the result is that
    minus `rate`. Works on numbers and on Ibis columns; null if `rate` is null, that is, before any flight.
    """
    return (late - flights * rate) / (flights + PRIOR_FLIGHTS)


def _planned(schedule: Table) -> Table:
    """Return each flight's timetable features, and the traffic around it.

    The traffic is planned on that day.
    """
    flights = schedule.select(
        *USE_CASE.keys,
        "distance",
        hour=_.sched_dep_time // 100,
        dep_minute=_.sched_dep_time % 100,
        arr_hour=_.sched_arr_time // 100,
        day_of_week=_.flight_date.day_of_week.index(),
        # Local time at both ends: includes the difference of time zones, which is constant for a destination.
        scheduled_minutes=(_minute_of_day(_.sched_arr_time) - _minute_of_day(_.sched_dep_time) + 1440) % 1440,
    )
    return flights.mutate(
        dep_hour=_.hour,
        origin_departures=_.count().over(group_by="origin"),
        origin_hour_departures=_.count().over(group_by=["origin", "hour"]),
        dest_arrivals=_.count().over(group_by="dest"),
        carrier_departures=_.count().over(group_by=["origin", "carrier"]),
        route_departures=_.count().over(group_by=["origin", "dest"]),
    )


def _minute_of_day(clock: Any) -> Any:
    """Return the minutes since midnight of a clock time written as HHMM."""
    return clock // 100 * 60 + clock % 100


def _history(period: Period, outcomes: Table) -> tuple[Table, Table]:
    """Count late and landed flights in each window, by cell and overall.

    The windows are trailing. The rows are read once; every group's history is a sum over the far fewer cells.
    """
    landed = outcomes.filter(
        _.period > (period - max(WINDOWS)).start_date,
        _.period <= period.start_date,
        _.status == "landed",
        _.arr_delay.notnull(),
    ).mutate(hour=_.sched_dep_time // 100, is_late=_.arr_delay >= LATE_FROM_MINUTES)
    counts, overall = {}, {}
    for days in WINDOWS:
        within = landed.period > (period - days).start_date
        counts[f"late_{days}"] = (within & landed.is_late).sum()
        counts[f"flights_{days}"] = within.sum()
        # An empty window has no rate and no mean: null, never NaN.
        overall[f"all_late_{days}d"] = counts[f"late_{days}"].cast("float64") / counts[f"flights_{days}"].nullif(0)
        overall[f"delivered_{days}"] = landed.period.nunique(where=within).nullif(0)
    return landed.group_by(*_CELL).aggregate(**counts), landed.aggregate(**overall)


def _sums(cells: Table, group: str) -> Table:
    """Sum the cells' counts over the columns of a group.

    Every column is named <group>_<column>.
    """
    columns = {f"{group}_{column}": cells[column] for column in GROUPS[group]}
    return cells.group_by(**columns).aggregate(**{f"{group}_{name}": cells[name].sum() for name in _COUNTS})


def _last_observed(period: Period, weather: Table) -> Table:
    """Return each airport's last observation known by `period`.

    Its columns are `observed_at` and last_<measure>.
    """
    recent = weather.filter(_.period > (period - WEATHER_DAYS).start_date, _.period <= period.start_date)
    # In the hour that occurs twice, the later one has the smaller offset from UTC.
    # Of a corrected observation, the version that became known last counts.
    latest = [ibis.desc("observed_on"), ibis.desc("hour"), ibis.asc("utc_offset"), ibis.desc("period")]
    ranked = recent.mutate(rank=ibis.row_number().over(group_by="origin", order_by=latest))
    measures = [name for name in USE_CASE.features if name.startswith("last_")]
    return ranked.filter(_.rank == 0).select(
        observed_at=_.origin, **{name: _[name.removeprefix("last_")] for name in measures}
    )


def _trailing() -> dict[str, Any]:
    """Return excess and volume of each group and window, by feature name.

    They are computed from the joined counts.
    """
    values = {}
    for group in GROUPS:
        for days in WINDOWS:
            late, flights = _[f"{group}_late_{days}"].coalesce(0), _[f"{group}_flights_{days}"].coalesce(0)
            values[f"{group}_excess_{days}d"] = excess(late, flights, _[f"all_late_{days}d"])
            # A mean per delivered day: the plain count would distinguish the source's first weeks from later ones.
            values[f"{group}_flights_{days}d"] = flights.cast("float64") / _[f"delivered_{days}"]
    return values
