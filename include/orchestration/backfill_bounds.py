"""Which calendar days a person chose for a backfill, from the instants that Airflow received.

What reaches the scheduler as (from, to), seen in Airflow 3.3:

* command line: `--from-date 2013-05-20` is 00:00 UTC (or 00:00 of `[core] default_timezone`); so is a date over REST;
* REST with an offset, `2013-05-20T00:00:00-04:00`: the offset is kept, so the digits say the day;
* UI: the form converts the chosen days to UTC by the zone that its clock shows (the browser's, unless another was
  selected) and does not send that zone: `from` is 00:00:00.000 there, `to` is 23:59:59.999, unless a time was typed.

So an instant in UTC may be midnight of a zone that nobody names. Each bound by itself says the day for zones from
-10:00 to +13:59, since no two of them have a midnight at the same instant of different days.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from include.declaration import clock

DAY = timedelta(days=1)
LATEST_MIDNIGHT = timedelta(hours=10)
"""The latest time of a day (UTC) at which that day begins in a zone that many people live in: Hawaii.

Zones at -11 and -12 share their midnights with +13 and +12 (New Zealand), and +14 shares them with -10 (Hawaii): these
three are only recognised when the use case itself is there.
"""
CLOCK_CHANGE = timedelta(hours=2)
"""How far from midnight another midnight of the same zone may seem, where clocks changed in between (Troll: 2 h)."""
QUARTER = 15
"""Offsets of zones from UTC are multiples of so many minutes."""


def chosen_days(first: datetime, last: datetime, zone: tzinfo) -> tuple[date, date]:
    """Return the first and the last calendar day that a person chose.

    Args:
        first: the lower bound as Airflow received it, with a time zone.
        last: the upper bound likewise; midnight and the last minute of a day both mean that day.
        zone: the time zone of the use case, which decides where the bounds allow several readings.
    """
    first, last = _plain(first), _plain(last)
    offset = _offset(first, last, zone)
    return _day(first, offset), _day(last, offset)


def chosen_day(moment: datetime, zone: tzinfo) -> date:
    """Return the calendar day that one bound alone means."""
    return chosen_days(moment, moment, zone)[0]


def _plain(moment: datetime) -> datetime:
    """Return a moment of the standard library: pendulum's subtraction refuses other libraries' zones."""
    return datetime.combine(
        moment.date(), time(moment.hour, moment.minute, moment.second, moment.microsecond), moment.tzinfo
    )


def ends_a_day(moment: datetime) -> bool:
    """Return whether it is the last minute before a quarter of an hour, as 23:59 is in every zone."""
    return moment.minute % QUARTER == QUARTER - 1


def _offset(first: datetime, last: datetime, zone: tzinfo) -> timedelta:
    """Return the offset from UTC by which both bounds become wall-clock times of the person who chose them."""
    if _bounds_a_day(first, zone):
        return _utc_offset(first, zone)
    if ends_a_day(last) and _bounds_a_day(last, zone):
        return _utc_offset(last, zone)
    if ends_a_day(last):  # the form makes it from a day without a time
        return _offset_of_midnight(_closed(last))
    if _may_be_midnight(first):
        return _offset_of_midnight(first)
    return _utc_offset(first, zone)  # a time of day was typed in both


def _day(moment: datetime, offset: timedelta) -> date:
    if moment.utcoffset():  # a zone was named: the digits are the person's own
        return moment.date()
    closed = _closed(moment)
    local = closed.astimezone(UTC) + offset
    midnight = datetime.combine((local + DAY / 2).date(), datetime.min.time(), UTC)
    if abs(local - midnight) > CLOCK_CHANGE:
        return local.date()  # a time of day was typed
    return midnight.date() - DAY if closed > moment else midnight.date()


def _closed(moment: datetime) -> datetime:
    """Return the midnight that follows the last minute of a day; any other moment unchanged."""
    if not ends_a_day(moment):
        return moment
    return moment.replace(second=0, microsecond=0) + timedelta(minutes=1)


def _bounds_a_day(moment: datetime, zone: tzinfo) -> bool:
    closed = _closed(moment)
    return clock.start_of_day(closed.astimezone(zone).date(), zone) == closed


def _may_be_midnight(moment: datetime) -> bool:
    return moment.minute % QUARTER == 0 and moment.second == moment.microsecond == 0


def _utc_offset(moment: datetime, zone: tzinfo) -> timedelta:
    """Return the zone's offset at the day's midnight, also where a clock change moves the day's first instant."""
    local = _closed(moment).astimezone(zone)
    offset = local.utcoffset()
    assert offset is not None
    return offset


def _offset_of_midnight(moment: datetime) -> timedelta:
    """Return the offset at which the moment is midnight: from -10:00 on, below +14:00."""
    moment = moment.astimezone(UTC)
    since = timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second)
    return -since if since <= LATEST_MIDNIGHT else DAY - since
