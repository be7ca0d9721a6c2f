"""Provide the clock of all use cases, and check time zones and waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from include.declaration.problems import did_you_mean, require


def now() -> datetime:
    """Return the current instant in UTC; tests replace this function."""
    return datetime.now(UTC)


def require_time_zone(name: str) -> bool:
    """Report a `time_zone` that is not in the IANA database, with similar names."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # unknown, a folder of the database, or not a name
        problem = f"time_zone {name!r} is not a time zone of the IANA database, such as 'Europe/Berlin'."
        return require(False, problem, field="time_zone", hint=did_you_mean(name, available_timezones(), most=3))
    return True


LONGEST_WAIT = timedelta(days=365)
"""Longest duration in a declaration: Airflow adds durations to instants, which end with year 9999."""


def require_wait(wait: timedelta, say: str) -> None:
    """Report a duration that is not above 0 or exceeds `LONGEST_WAIT`.

    `say` ends with its field's name.
    """
    problem = f"{say} must be above 0 and at most {LONGEST_WAIT.days} days; it is {wait}."
    require(timedelta() < wait <= LONGEST_WAIT, problem, field=say.rpartition(" ")[2])
