"""Declare the calendar of a use case: its periods, and the decision time of each.

Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import ClassVar, TypeVar

from include.declaration.column_types import TIMESTAMP
from include.declaration.field_types import require_field_types
from include.declaration.period import DAY, HOUR, WEEK, Period, PeriodError, Unit
from include.declaration.problems import declared, did_you_mean, require
from include.declaration.span import count_units
from include.errors import AirworthyError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
T = TypeVar("T")


class WrongCalendarError(AirworthyError):
    """A stored value is not the start of a period of the declared calendar."""

    def __init__(self, start: object, calendar: str) -> None:
        self.start, self.calendar = start, calendar
        super().__init__(
            f"The stored period {start} is none of the declared calendar, {calendar}. A table keeps its calendar:"
            " declare the earlier one again, or build the use case under another name."
        )


@dataclass(frozen=True)
class Calendar:
    """Define the periods of a use case.

    A period begins at its decision time, and ends with that of the next.
    """

    unit: ClassVar[Unit]
    column_type: ClassVar[str]
    """Type of the column and of the key that hold a period's start."""

    def decision_time(self, period: Period, zone: tzinfo) -> datetime:
        """Return the instant (UTC) at which a period starts in `zone`.

        Its run uses what was known then.
        """
        raise NotImplementedError

    def period_at(self, instant: datetime, zone: tzinfo) -> Period:
        """Return the newest period that has begun at an instant."""
        raise NotImplementedError

    def decision_time_if_any(self, period: Period, zone: tzinfo) -> datetime | None:
        """Return the decision time of a period; None if the zone skipped it.

        A zone that crosses the date line skips a whole day, such as Pacific/Apia 2011-12-30.
        """
        return self.decision_time(period, zone)

    def contains(self, period: Period) -> bool:
        """Return whether the period is one of this calendar."""
        return period.unit is self.unit

    def parse(self, key: str, use_case: str = "") -> Period:
        """Return the period with a key of this calendar.

        Raises:
            PeriodError: the key is none of this calendar, which the text describes.
        """
        try:
            return self.require(Period(key), use_case)
        except PeriodError as error:
            if error.units == (self.unit,):
                raise
            raise self._refused(key, use_case) from None

    def require(self, period: Period, use_case: str = "") -> Period:
        """Return the period if it is one of this calendar.

        Raises:
            PeriodError: it is a period of another calendar.
        """
        if not self.contains(period):
            raise self._refused(period.key, use_case)
        return period

    def _refused(self, key: str, use_case: str) -> PeriodError:
        what = f"{use_case} has {self.adjective} periods" if use_case else f"The periods are {self.adjective}"
        return PeriodError(key, (self.unit,), what, example=self.example)

    def period_of(self, start: date) -> Period:
        """Return the period with this value in the partition column.

        Raises:
            WrongCalendarError: the value does not start a period of this calendar.
        """
        try:
            period = Period.from_start(start, self.unit)
        except PeriodError:
            raise WrongCalendarError(start, str(self)) from None
        if not self.contains(period):
            raise WrongCalendarError(start, str(self))
        return period

    def periods_of(self, starts: Iterable[date]) -> list[Period]:
        """Return the periods with these values in the partition column, in their order."""
        return [self.period_of(start) for start in starts]

    def by_period(self, values: Iterable[tuple[date, T]]) -> dict[Period, T]:
        """Return start to value as a dictionary by period."""
        return {self.period_of(start): value for start, value in values}

    @property
    def adjective(self) -> str:
        """Return the word for a period's length, such as `hourly`."""
        return self.unit.adjective

    @property
    def example(self) -> str:
        """Return a key of this calendar."""
        return self.unit.example

    def count(self, span: timedelta) -> int:
        """Return a span of time as a number of periods; declared ones are counted with it.

        A local day is one period, whether it has 23, 24 or 25 hours: `Daily().count(timedelta(days=30))` is 30, and
        `Hourly().count(timedelta(days=1))` is 24.

        Raises:
            DeclarationError: it is no whole number of periods; the text says what to write.
        """
        return count_units(span, self.unit)

    def is_finer_than(self, other: Calendar) -> bool:
        """Return whether the periods are shorter than those of the other calendar."""
        return self.unit.step < other.unit.step

    def is_due(self, schedule: Calendar, period: Period, zone: tzinfo) -> bool:
        """Return whether a run of `period` is due by a coarser calendar.

        It is the first period that starts when a period of `schedule` starts, or after that.
        """
        start = self.decision_time_if_any(period, zone)
        if start is None:
            return False
        before = period - 1
        while (previous := self.decision_time_if_any(before, zone)) is None:
            before -= 1
        return schedule.period_at(previous, zone) < schedule.period_at(start, zone)


def _begins(day: date, at: time, zone: tzinfo) -> datetime:
    """Return the instant (UTC) of a wall-clock time.

    For one that does not exist, this is the time before the clocks were set forward, counted on: 02:30 is then 03:30,
    and midnight the instant at which they were set forward. For one that occurs twice, it is the first.
    """
    return datetime.combine(day, at, zone).replace(fold=0).astimezone(UTC)


def _is_skipped(day: date, at: time, zone: tzinfo) -> bool:
    """Return whether the zone has no such day: it then starts when the next one does."""
    return day < date.max and _begins(day, at, zone) == _begins(day + timedelta(days=1), at, zone)


def _require_at(at: time, say: str) -> None:
    require(at.tzinfo is None, say + "at is a local time; leave out its time zone.", field="at")
    whole = at.second == at.microsecond == 0
    require(whole, say + "at must be a whole minute.", field="at")


@declared
@dataclass(frozen=True)
class Daily(Calendar):
    """Use local days as periods, such as `2013-01-05`."""

    at: time = time()
    """Local time of the decision: the period of a day begins then, and has the rows known from then on the day before.
    """

    unit = DAY
    column_type = "date32"

    def __post_init__(self) -> None:
        require_field_types(self)
        _require_at(self.at, "Daily: ")

    def decision_time(self, period: Period, zone: tzinfo) -> datetime:
        """Return the instant (UTC) of the time `at` on the day."""
        return _begins(period.start, self.at, zone)

    def decision_time_if_any(self, period: Period, zone: tzinfo) -> datetime | None:
        """Return the decision time; None for a day that the zone skipped."""
        return None if _is_skipped(period.start, self.at, zone) else self.decision_time(period, zone)

    def period_at(self, instant: datetime, zone: tzinfo) -> Period:
        """Return the day that began last."""
        period = Period.from_date(instant.astimezone(zone).date())
        while self.decision_time(period, zone) > instant:
            period -= 1
        return period

    def __str__(self) -> str:
        return "Daily()" if self.at == time() else f"Daily(at=time({self.at.hour}, {self.at.minute}))"


@declared
@dataclass(frozen=True)
class Hourly(Calendar):
    """Use hours of UTC as periods, such as `2013-01-05T05Z`.

    They are unambiguous when clocks change.

    In a time zone whose offset is not a whole number of hours, periods begin within local hours.
    """

    unit = HOUR
    column_type = TIMESTAMP

    def decision_time(self, period: Period, zone: tzinfo) -> datetime:
        """Return the start of the hour."""
        start = period.start
        assert isinstance(start, datetime)
        return start

    def period_at(self, instant: datetime, zone: tzinfo) -> Period:
        """Return the hour of UTC that an instant is in."""
        return Period.from_start(instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0), HOUR)

    def __str__(self) -> str:
        return "Hourly()"


@declared
@dataclass(frozen=True)
class Weekly(Calendar):
    """Use local weeks as periods, such as `2013-W14-1`.

    The key is the ISO week date of the first day.
    """

    on: str = "monday"
    """The first day of the week, on which the decision is made."""
    at: time = time()
    """Local time of the decision."""

    unit = WEEK
    column_type = "date32"

    def __post_init__(self) -> None:
        require_field_types(self)
        hint = did_you_mean(self.on, WEEKDAYS)
        problem = f"Weekly: on={self.on!r} is not one of {list(WEEKDAYS)}."
        require(self.on in WEEKDAYS, problem, field="on", hint=hint)
        _require_at(self.at, "Weekly: ")

    @property
    def weekday(self) -> int:
        """Return the first day of the week; Monday is 1."""
        return WEEKDAYS.index(self.on) + 1

    @property
    def example(self) -> str:
        """Return a key of this calendar."""
        return f"{WEEK.example[:-1]}{self.weekday}"

    def contains(self, period: Period) -> bool:
        """Return whether the period is a week that begins on the declared day."""
        return period.unit is WEEK and period.start.isoweekday() == self.weekday

    def decision_time(self, period: Period, zone: tzinfo) -> datetime:
        """Return the instant (UTC) of the time `at` on the first day."""
        return _begins(period.start, self.at, zone)

    def period_at(self, instant: datetime, zone: tzinfo) -> Period:
        """Return the week that began last."""
        day = instant.astimezone(zone).date()
        period = Period.from_start(day - timedelta(days=(day.isoweekday() - self.weekday) % 7), WEEK)
        while self.decision_time(period, zone) > instant:
            period -= 1
        return period

    def __str__(self) -> str:
        at = "" if self.at == time() else f", at=time({self.at.hour}, {self.at.minute})"
        return f"Weekly(on={self.on!r}{at})"


def describe_start(calendar: Calendar) -> str:
    """Return in words when periods of a calendar start, such as `Monday`."""
    if not isinstance(calendar, Daily | Weekly):
        return f"{calendar.unit.name} of UTC"
    name = calendar.on.capitalize() if isinstance(calendar, Weekly) else calendar.unit.name
    return name if calendar.at == time() else f"{name} (at {calendar.at:%H:%M})"


def describe_time(calendar: Calendar, time_zone: str) -> str:
    """Return when runs of a calendar are due, as `Monday at 06:00 Europe/Berlin`."""
    if not isinstance(calendar, Daily | Weekly):
        return describe_start(calendar)
    name = calendar.on.capitalize() if isinstance(calendar, Weekly) else calendar.unit.name
    return f"{name} at {calendar.at:%H:%M} {time_zone}"
