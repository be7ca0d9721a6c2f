"""Find the periods a user chose for a backfill, from its instants.

Airflow receives only the instants. What reaches the scheduler as (from, to), observed in Airflow 3.3.2 and in the
source of its form:

* command line: `--from-date 2013-05-20` is 00:00 UTC (or 00:00 of `[core] default_timezone`); so is a date over REST;
* REST with an offset, `2013-05-20T00:00:00-04:00`: the offset is kept, so the digits say the day;
* UI: the form converts to UTC by the zone that its clock shows (the browser's, unless another was selected) and does
  not send that zone. Where the time is left empty, `from` is 00:00:00.000 there and `to` is 23:59:59.999. A time that
  was typed has neither seconds nor milliseconds.

So only a `to` of 59.999 seconds proves that a day was chosen in an unknown zone. An instant on the hour does not:
14:00 UTC is midnight in Sydney, but a user may also have typed 14:00. It is read as an instant.

Days and weeks are chosen by days. Hours are those that begin from the lower to the upper bound, which are instants: a
day without a time in the form is then all hours that begin on it where the browser is, and a date on the command line
its first hour.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from include.declaration.calendars import Daily
from include.declaration.period import HOUR, Period, Unit

DAY = timedelta(days=1)
LATEST_MIDNIGHT = timedelta(hours=10)
"""The latest time (UTC) at which a day begins in a zone with many inhabitants: Hawaii.

Zones at -11 and -12 share their midnights with +13 and +12 (New Zealand), and +14 shares them with -10 (Hawaii): these
three are recognised only if they are the use case's own.
"""
QUARTER = 15
"""Minutes; offsets of zones from UTC are multiples of it."""
LAST_MINUTE = (23, 59)
LAST_SECOND = 59
LAST_MILLISECOND = 999_000

LONGEST_BACKFILL = 4_000
"""Periods that one backfill may span, of days more than ten years; Airflow creates all its runs in one request."""
FIRST_DAY, LAST_DAY = datetime(2, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""Bounds within which every zone has days: Python's calendar covers the years 1 to 9999."""


DAYS = Daily()
"""Days from midnight to midnight: bounds name them, whatever the decision time of the use case."""


def bounded_backfill(first: datetime, last: datetime, now: datetime, unit: Unit) -> tuple[datetime, datetime]:
    """Return the bounds of a backfill; a far end is moved close to `now`.

    No period is made after `now`.

    Raises:
        InvalidBackfillDateRange: the bounds are further apart than `LONGEST_BACKFILL`.
    """
    from airflow.models.backfill import InvalidBackfillDateRange

    if (ahead := last - now) > DAY * 2:
        last -= timedelta(days=ahead.days - 1)  # whole days: the time of day shows whether it ends a day
    seconds = (last - first).total_seconds()  # pendulum divides by no timedelta
    if (span := int(seconds // unit.step.total_seconds())) > LONGEST_BACKFILL:
        raise InvalidBackfillDateRange(
            f"A backfill from {first.date()} to {last.date()} spans {span:,} {unit.name}s, and at most"
            f" {LONGEST_BACKFILL:,} are accepted at once. Nothing was created. Choose a later first {unit.name}, or"
            " make several backfills."
        )
    return first, last


def within_calendar(moment: datetime) -> datetime:
    """Return the moment, clipped to days that exist in every time zone."""
    return min(max(moment, FIRST_DAY), LAST_DAY)


def chosen_hours(first: datetime, last: datetime) -> tuple[Period, Period]:
    """Return the first and last hour that begin between two instants.

    Both instants are included. The last is before the first if none does.
    """
    ends = [moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0) for moment in (first, last)]
    begins, end = (Period.from_start(moment, HOUR) for moment in ends)
    return begins if ends[0] == first else begins + 1, end


def chosen_periods(first: datetime, last: datetime, zone: tzinfo) -> tuple[Period, Period]:
    """Return the first and last calendar day that a user chose.

    A bound means its whole day. Args: first: the lower bound as Airflow received it, with a time zone. last: the upper
    bound likewise. zone: the time zone of the use case, used for a bound that does not begin or end a day.
    """
    first, last = _plain(first), _plain(last)
    if named := next((moment for moment in (first, last) if moment.utcoffset()), None):
        return _by_named(first, named), _by_named(last, named)
    first, last = first.astimezone(UTC), last.astimezone(UTC)
    for where in (zone, UTC):
        if (found := _bounds(first, last, where)) is not None:
            return found
    if (found := _bounds_elsewhere(first, last)) is not None:
        return found
    where = _clock(first, last, zone)
    return DAYS.period_at(first, where), DAYS.period_at(last, where)


def chosen_period(moment: datetime, zone: tzinfo) -> Period:
    """Return the calendar day of a single bound, as in a filter of the list of runs.

    A whole quarter of an hour counts as midnight: that is what the list of runs sends for a day.
    """
    moment = _plain(moment)
    if moment.utcoffset():
        return Period.from_date(moment.date())
    for where in (zone, UTC):
        if (period := _bounded_period(moment, where)) is not None:
            return period
    if _is_form_end(moment) or _may_be_midnight(moment):
        return DAYS.period_at(moment, _zone_of_bound(moment))
    return DAYS.period_at(moment, zone)


def ends_a_day(moment: datetime) -> bool:
    """Return whether a moment is the last second before a quarter hour.

    For example 23:59:59.
    """
    return moment.minute % QUARTER == QUARTER - 1 and moment.second == LAST_SECOND


def _clock(first: datetime, last: datetime, zone: tzinfo) -> tzinfo:
    """Return the zone of two bounds if at most one of them begins or ends a day."""
    for where in (zone, UTC):
        if ends_a_day(last) and _ends_day_in(last, where):
            return where
    if _is_form_end(last):
        return _zone_of_bound(last)
    for where in (zone, UTC):  # the command line and REST name days in UTC
        if _begins_day_in(first, where):
            return where
    return zone


def _by_named(moment: datetime, named: datetime) -> Period:
    """Return the day of a bound if one of the two has an offset.

    Midnight in UTC keeps its date.
    """
    if moment.utcoffset() or _bounded_period(moment, UTC) is not None:
        return Period.from_date(moment.date())
    return DAYS.period_at(moment, named.tzinfo or UTC)


def _plain(moment: datetime) -> datetime:
    """Return a standard-library datetime.

    pendulum's subtraction rejects other libraries' zones.
    """
    return datetime.combine(
        moment.date(), time(moment.hour, moment.minute, moment.second, moment.microsecond), moment.tzinfo
    )


def _bounds(first: datetime, last: datetime, zone: tzinfo) -> tuple[Period, Period] | None:
    """Return the days in a zone if the bounds fit it; else None.

    `first` must begin a day, and `last` begin or end one.
    """
    ends = _bounded_period(last, zone) if _begins_day_in(first, zone) else None
    return None if ends is None else (DAYS.period_at(first, zone), ends)


def _bounded_period(moment: datetime, zone: tzinfo) -> Period | None:
    """Return the day that begins or ends at a moment in a zone, or None.

    It ends in its last minute.
    """
    bounds = _begins_day_in(moment, zone) or _ends_day_in(moment, zone)
    return DAYS.period_at(moment, zone) if bounds else None


def _begins_day_in(moment: datetime, zone: tzinfo) -> bool:
    local = moment.astimezone(zone)
    return local.time() == time() or DAYS.decision_time(DAYS.period_at(moment, zone), zone) == moment


def _ends_day_in(moment: datetime, zone: tzinfo) -> bool:
    local = moment.astimezone(zone)
    return (local.hour, local.minute) == LAST_MINUTE


@lru_cache(maxsize=4096)
def _bounds_elsewhere(first: datetime, last: datetime) -> tuple[Period, Period] | None:
    """Return the days if the bounds fit some zone of the world.

    `first` must begin a day, and `last` end one. Real zones are tried, since clocks may change between the bounds. All
    matching zones agree on the days.
    """
    if not _may_be_midnight(first) or last.minute % QUARTER != QUARTER - 1:
        return None
    for zone in _zones():
        if _ends_day_in(last, zone) and (found := _bounds(first, last, zone)) is not None:
            offsets = {moment.astimezone(zone).utcoffset() or timedelta() for moment in (first, last)}
            if all(-LATEST_MIDNIGHT <= offset < DAY - LATEST_MIDNIGHT for offset in offsets):
                return found
    return None


@cache
def _zones() -> tuple[ZoneInfo, ...]:
    return tuple(ZoneInfo(name) for name in sorted(available_timezones()))


def _is_form_end(moment: datetime) -> bool:
    """Return whether a moment must come from the form, as a last day without a time."""
    return ends_a_day(moment) and moment.microsecond >= LAST_MILLISECOND


def _may_be_midnight(moment: datetime) -> bool:
    return moment.minute % QUARTER == 0 and moment.second == moment.microsecond == 0


def _zone_of_bound(moment: datetime) -> tzinfo:
    """Return the offset at which a day begins or ends at a moment.

    It is from -10:00 to below +14:00.
    """
    begins = moment.astimezone(UTC)
    if ends_a_day(moment):
        begins = begins.replace(second=0, microsecond=0) + timedelta(minutes=1)
    since = timedelta(hours=begins.hour, minutes=begins.minute)
    return timezone(-since if since <= LATEST_MIDNIGHT else DAY - since)
