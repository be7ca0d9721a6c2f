"""The one clock by which days begin, and the arithmetic of days in a time zone."""

from __future__ import annotations

import difflib
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, available_timezones


def now() -> datetime:
    """Return the current instant in UTC; tests replace this function."""
    return datetime.now(UTC)


def today(time_zone: str) -> date:
    """Return the calendar day that it is now in `time_zone`."""
    return now().astimezone(ZoneInfo(time_zone)).date()


def start_of_day(day: date, zone: tzinfo) -> datetime | None:
    """Return the first instant (UTC) of `day` in `zone`; None if the zone skipped that day.

    Where clocks are set forward at midnight the day begins at 01:00; where midnight occurs twice, at the first one.
    A zone that crosses the date line skips a whole day, such as Pacific/Apia 2011-12-30.
    """
    # For a wall-clock time that does not exist, fold=0 gives the instant at which the clocks were set forward.
    start = datetime.combine(day, time(), zone).replace(fold=0).astimezone(UTC)
    return start if start.astimezone(zone).date() == day else None


def days_between(first: date, last: date) -> list[date]:
    """Return every calendar day from `first` to `last`, both included."""
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def require_time_zone(name: str, say: str) -> None:
    """Check that `name` is a time zone of the IANA database; `say` begins the message.

    Raises:
        ValueError: it is not; the message names similar ones.
    """
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # not found, a folder of the database, no name at all
        known = {zone.lower(): zone for zone in available_timezones()}
        close = [known[each] for each in difflib.get_close_matches(name.strip().lower(), known, n=3)]
        maybe = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise ValueError(
            f"{say}time_zone {name!r} is not a time zone of the IANA database, such as 'Europe/Berlin'.{maybe}"
        ) from None


LONGEST_WAIT = timedelta(days=365)
"""The longest time that a declaration may let anything wait: Airflow adds it to instants, which end with year 9999."""


def require_wait(wait: timedelta, say: str) -> None:
    """Check that a time to wait is above 0 and not too long to be counted; `say` names it.

    Raises:
        ValueError: it is not.
    """
    if not timedelta() < wait <= LONGEST_WAIT:
        raise ValueError(f"{say} is a time above 0 and at most {LONGEST_WAIT.days} days; it is {wait}.")


def require_existing(time_zone: str, day: date | None, say: str) -> None:
    """Check that the zone did not skip that day, if there is one.

    Raises:
        ValueError: it did.
    """
    if day is not None and start_of_day(day, ZoneInfo(time_zone)) is None:
        raise ValueError(f"{say} {day} does not exist in {time_zone}, which skipped it.")
