"""Provide the clock of all use cases, and compute when periods start in a zone."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from include.declaration.period import Period
from include.declaration.problems import did_you_mean, require


def now() -> datetime:
    """Return the current instant in UTC; tests replace this function."""
    return datetime.now(UTC)


def today(time_zone: str) -> Period:
    """Return the current period in `time_zone`."""
    return period_at(now(), ZoneInfo(time_zone))


def period_at(instant: datetime, zone: tzinfo) -> Period:
    """Return the period in which an instant is in `zone`."""
    return Period.from_date(instant.astimezone(zone).date())


def decision_time(period: Period, zone: tzinfo) -> datetime:
    """Return the instant (UTC) at which a period starts in `zone`.

    The period's run uses what was known then.
    """
    # For a wall-clock time that does not exist, fold=0 gives the instant at which the clocks were set forward.
    return datetime.combine(period.start_date, time(), zone).replace(fold=0).astimezone(UTC)


def start_of_period(period: Period, zone: tzinfo) -> datetime | None:
    """Return the first instant (UTC) of a period in `zone`; None if skipped.

    If clocks are set forward at midnight, the day begins at 01:00; if midnight occurs twice, at the first one. A zone
    that crosses the date line skips a whole day, such as Pacific/Apia 2011-12-30.
    """
    start = decision_time(period, zone)
    return start if start.astimezone(zone).date() == period.start_date else None


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


def require_existing(time_zone: str, period: Period | None, field: str) -> None:
    """Report a period that the time zone skipped."""
    exists = period is None or start_of_period(period, ZoneInfo(time_zone)) is not None
    require(exists, f"{field} {period} does not exist in {time_zone}, which skipped it.", field=field)
