"""Features and labels of late_departures, pure functions of Ibis tables.

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
from include.use_cases.late_departures import GROUPS, LATE_FROM_MINUTES, MEASURES, MIXES, USE_CASE, WINDOWS

PRIOR_DEPARTURES = 20
"""Number of departures with the overall rate that every rate starts with; see `shrunk_rate`."""
EVENING = 17
"""The hour from which yesterday's departures show a disruption that may last into the morning."""
WEATHER_DAYS = 2
"""Days within which the last observation must have become known; an older one is not used."""
PARTS = 1_000_000
"""Rates are added as whole millionths."""
_FLIGHT = ("flight_date", "origin", "dest", "carrier", "flight", "sched_dep_time")
_ARROW_TO_IBIS = {"category": "string", "date32": "date"}


def build(period: Period, *, schedule: Table, departures: Table, weather: Table) -> Table:
    """Return one row per airport and hour with departures: keys, then features.

    The arguments hold clean rows of days up to `period`, the look-back included; later days, or days before the
    look-back, change nothing.
    """
    known = _known(departures).filter(
        _.period > (period - max(WINDOWS)).start_date,
        _.period <= period.start_date,
    )
    planned = _with_hour(schedule.filter(_.period == period.start_date, _.flight_date == period.start_date))
    overall = known.aggregate(**_counts(period, known, "all"))
    # One chain of joins with one projection at its end: Ibis compiles it in half the time of separate joins.
    joined = _timetable(planned).cross_join(overall)
    for group, columns in GROUPS.items():
        counts = known.group_by(*columns).aggregate(**_counts(period, known, group))
        joined = _joined(joined, counts, group, columns)
    for name, columns in MIXES.items():
        expected = _expected(period, planned, known, overall, name, columns)
        joined = _joined(joined, expected, name, ("origin", "hour"))
    joined = _joined(joined, _evening(period, known), "evening", ("origin",))
    joined = _joined(joined, _week_ago(period, known), "week_ago", ("origin", "hour"))
    joined = _joined(joined, _last_observed(period, weather), "observed", ("origin",))
    types = {**USE_CASE.key_types(), **USE_CASE.features}
    values = {name: _[name] for name in types} | _rates() | {"expected_by_hour": _.departures * _rate("hour", 28)}
    return joined.select(**{name: values[name].cast(_ARROW_TO_IBIS.get(kind, kind)) for name, kind in types.items()})


def labels(period: Period, *, schedule: Table, departures: Table, weather: Table) -> Table:
    """Return keys and `late` of each airport and hour whose last departure is known.

    It became known on `period`. The flights are those that were planned at the decision time, so that the label is
    about the rows that were scored; with one of them missing, there is no label yet.
    """
    planned = _with_hour(schedule.filter(_.period == _.flight_date, _.flight_date < period.start_date))
    ended = _known(departures).filter(_.period <= period.start_date)
    ended = ended.group_by(*_FLIGHT).aggregate(known_on=_.period.min(), is_late=_.is_late.max())
    both = _joined(planned.select(*_FLIGHT, "hour"), ended, "known", _FLIGHT)
    cells = both.group_by("flight_date", "origin", "hour").aggregate(
        late=_.is_late.sum(),
        missing=_.known_on.isnull().sum(),
        last_known=_.known_on.max(),
    )
    complete = cells.filter(_.missing == 0, _.last_known == period.start_date)
    return complete.select("flight_date", "origin", "hour", late=_.late.cast("float64"))


def shrunk_rate(late: Any, departures: Any, overall: Any) -> Any:
    """Return the share of late departures, near the overall rate for few of them.

    (late + m overall) / (departures + m) with m = PRIOR_DEPARTURES, the m-estimate of Cestnik (Estimating
    probabilities: a crucial task in machine learning, ECAI 1990). Works on numbers and on Ibis columns; null if
    `overall` is null, that is, before any departure.
    """
    return (late + PRIOR_DEPARTURES * overall) / (departures + PRIOR_DEPARTURES)


def _with_hour(flights: Table) -> Table:
    return flights.mutate(hour=(_.sched_dep_time // 100).cast("int8"))


def _known(departures: Table) -> Table:
    """Return departures with `is_late`: 1 from LATE_FROM_MINUTES on, or if cancelled.

    Of a departure without a delay it is not known, so it is left out.
    """
    late = (departures.status == "cancelled") | (departures.dep_delay >= LATE_FROM_MINUTES)
    return _with_hour(departures).mutate(is_late=late.cast("int32")).filter(_.is_late.notnull())


def _joined(left: Table, right: Table, name: str, columns: Sequence[str]) -> Table:
    """Left join a table whose key columns are renamed: no two share a name."""
    renamed = right.rename({f"{name}_{column}": column for column in columns})
    return left.left_join(renamed, [(column, f"{name}_{column}") for column in columns])


def _timetable(planned: Table) -> Table:
    """Return keys and timetable features of each airport and hour with departures."""
    cells = planned.group_by("flight_date", "origin", "hour").aggregate(departures=_.count())
    by_hour = ibis.window(group_by="origin", order_by="hour")
    cells = cells.mutate(
        hour_before=_.hour.lag().over(by_hour),
        lagged=_.departures.lag().over(by_hour),
        departures_until=_.departures.cumsum().over(by_hour),
        departures_of_day=_.departures.sum().over(group_by="origin"),
        day_of_week=_.flight_date.day_of_week.index(),
    )
    return cells.mutate(
        departures_hour_before=(_.hour_before == _.hour - 1).ifelse(_.lagged, 0).fill_null(0),
        departures_earlier=_.departures_until - _.departures,
    ).drop("hour_before", "lagged", "departures_until")


def _counts(period: Period, known: Table, group: str) -> dict[str, Any]:
    """Count late and all departures of each window, named <group>_<what>_<days>."""
    counts = {}
    for days in WINDOWS:
        within = known.period > (period - days).start_date
        counts[f"{group}_late_{days}"] = known.is_late.sum(where=within).fill_null(0)
        counts[f"{group}_departures_{days}"] = within.sum().fill_null(0)
    return counts


def _overall(days: int) -> Any:
    """Return the rate of all airports; null before any departure."""
    return _[f"all_late_{days}"].cast("float64") / _[f"all_departures_{days}"].nullif(0)


def _rate(group: str, days: int) -> Any:
    late, departures = _[f"{group}_late_{days}"].fill_null(0), _[f"{group}_departures_{days}"].fill_null(0)
    return shrunk_rate(late, departures, _overall(days))


def _rates() -> dict[str, Any]:
    """Return the trailing rates by feature name, from the joined counts."""
    overall = {f"all_rate_{days}d": _overall(days) for days in WINDOWS}
    return overall | {f"{group}_rate_{days}d": _rate(group, days) for group in GROUPS for days in WINDOWS}


def _expected(period: Period, planned: Table, known: Table, overall: Table, name: str, columns: Sequence[str]) -> Table:
    """Return the late departures to expect in each hour from who departs in it.

    It is the sum of the shrunk rates of the planned departures' groups over the longest window.
    """
    days = max(WINDOWS)
    counts = known.group_by(*columns).aggregate(**_counts(period, known, "mix"))
    planned = planned.group_by("origin", "hour", *set(columns) - {"origin"}).aggregate(departures=_.count())
    mixed = _joined(planned, counts, "mix", columns).cross_join(overall)
    parts = mixed.mutate(parts=(_.departures * _rate("mix", days) * PARTS).round().cast("int64"))
    return parts.group_by("origin", "hour").aggregate(**{f"expected_by_{name}": _.parts.sum() / PARTS})


def _evening(period: Period, known: Table) -> Table:
    """Return each airport's share of late departures of yesterday evening."""
    last = known.filter(_.period == period.start_date, _.hour >= EVENING)
    return last.group_by("origin").aggregate(evening_rate=_.is_late.sum().cast("float64") / _.count())


def _week_ago(period: Period, known: Table) -> Table:
    """Return the late departures of each airport and hour a week earlier."""
    before = known.filter(_.flight_date == (period - 7).start_date)
    return before.group_by("origin", "hour").aggregate(late_7d_ago=_.is_late.sum())


def _last_observed(period: Period, weather: Table) -> Table:
    """Return each airport's last observation known by `period`, as last_<measure>."""
    recent = weather.filter(_.period > (period - WEATHER_DAYS).start_date, _.period <= period.start_date)
    # In the hour that occurs twice, the later one has the smaller offset from UTC.
    # Of a corrected observation, the version that became known last counts.
    latest = [ibis.desc("observed_on"), ibis.desc("hour"), ibis.asc("utc_offset"), ibis.desc("period")]
    ranked = recent.mutate(rank=ibis.row_number().over(group_by="origin", order_by=latest))
    return ranked.filter(_.rank == 0).select("origin", **{f"last_{name}": _[name] for name in MEASURES})
