"""Choose the calendar of a new use case, and what depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.calendars import WEEKDAYS, Calendar, Daily, Hourly, Weekly, describe_start
from include.declaration.period import Period
from include.declaration.problems import DeclarationError, Problem
from include.scaffold.answers import Answers, time_of

FEWEST_WEEKS = 4
"""Number of distinct dates, all on one day of the week, from which a sample is taken for weekly."""
PER_DAY = {"hour": 24}
"""Unit to the number of periods in a day, where there is more than one."""


@dataclass(frozen=True)
class Rhythm:
    """The calendar, and how the templates write what depends on it."""

    calendar: Calendar
    suffix: str
    """Letter after the number of periods in the names of trailing features."""
    time_features: tuple[tuple[str, str], ...]
    """Feature, and the attribute of the period's start that it is."""
    season: int
    """Periods after which values repeat; 0: none."""
    season_text: str
    part: str
    """Attribute of a period's start by which periods without rows repeat; empty: none."""
    new_column: str
    """Name of the key with the period's start, if the sample has no such column."""

    @property
    def unit(self) -> str:
        """Return the name of a period, such as `day`."""
        return self.calendar.unit.name

    @property
    def per_day(self) -> int:
        """Return the number of periods in a day, by which splits for days are multiplied."""
        return PER_DAY.get(self.unit, 1)

    @property
    def arrow_type(self) -> str:
        """Return the code of the key's Arrow type."""
        return 'pa.timestamp("us", "UTC")' if self.unit == "hour" else "pa.date32()"

    @property
    def begins(self) -> str:
        """Return in words when a period begins."""
        return describe_start(self.calendar)

    @property
    def code(self) -> str:
        """Return the declaration of the calendar; empty for days from midnight."""
        at = f"at=time({self.at.hour}, {self.at.minute})" if self.at != time() else ""
        if isinstance(self.calendar, Weekly):
            return f'Weekly(on="{self.calendar.on}"{", " + at if at else ""})'
        return "Hourly()" if self.unit == "hour" else f"Daily({at})" if at else ""

    @property
    def at(self) -> time:
        """Return the local time of the decision."""
        return getattr(self.calendar, "at", time())

    @property
    def imports(self) -> tuple[str, ...]:
        """Return what the declaration of the calendar imports."""
        changed = () if self.unit == "day" else ("Monitoring", "Retraining")
        return (*((type(self.calendar).__name__,) if self.code else ()), *changed)

    def windows(self, mature: int) -> tuple[int, int]:
        """Return the trailing windows of features for that number of labelled periods."""
        short, long, least = {"day": ((3, 7), (7, 28), 90), "hour": ((6, 24), (24, 168), 500)}.get(
            self.unit, ((2, 4), (4, 13), 60)
        )
        return long if mature >= least else short

    def part_of(self, start: date) -> int:
        """Return the part of a period's start by which periods without rows repeat."""
        return start.hour if isinstance(start, datetime) else start.isoweekday()

    @property
    def parts(self) -> range:
        """Return all values of `part_of`."""
        return {"day": range(1, 8), "hour": range(24)}.get(self.unit, range(0))

    def period(self, start: date) -> Period:
        """Return the period with this value of the key."""
        return Period.from_start(start, self.calendar.unit)


def plan_rhythm(answers: Answers, dates: pa.ChunkedArray) -> Rhythm:
    """Return the rhythm of the answers, for the values of the date column.

    Raises:
        DeclarationError: hours are declared, and the column has dates only.
    """
    at = time_of(answers.at) or time()
    if answers.calendar == "hourly":
        if not pa.types.is_timestamp(dates.type):
            problem = f"column {answers.date!r} holds dates, which do not say the hour."
            raise DeclarationError([Problem("calendar", problem, "Write local times, such as 2024-01-31 15:00:00.")])
        features = (("day_of_week", "isoweekday()"), ("hour_of_day", "hour"))
        return Rhythm(Hourly(), "h", features, 24, "a day", "hour", "hour_start")
    if answers.calendar == "weekly":
        on = answers.on or WEEKDAYS[(_only_weekday(dates) or 1) - 1]
        return Rhythm(Weekly(on=on, at=at), "w", (("month", "month"),), 0, "", "", "week_start")
    return Rhythm(Daily(at=at), "d", (("day_of_week", "isoweekday()"),), 7, "a week", "isoweekday()", "date")


def propose_calendar(dates: pa.ChunkedArray) -> str:
    """Return the calendar that the values of the date column suggest.

    It is `weekly` if all dates are on one day of the week, `hourly` if there are times of several hours of a day, and
    else `daily`.
    """
    if not (pa.types.is_date(dates.type) or pa.types.is_timestamp(dates.type)):
        return "daily"
    if _only_weekday(dates):
        return "weekly"
    if pa.types.is_timestamp(dates.type) and pc.count_distinct(pc.hour(dates), mode="only_valid").as_py() > 1:
        return "hourly"
    return "daily"


def _only_weekday(dates: pa.ChunkedArray) -> int | None:
    """Return the day of the week of all dates; Monday is 1.

    The result is None if there are several, or few dates.
    """
    days = pc.unique(dates.cast(pa.date32(), safe=False)).drop_null()
    found = pc.unique(pc.day_of_week(days, count_from_zero=False)).to_pylist()
    return int(found[0]) if len(found) == 1 and len(days) >= FEWEST_WEEKS else None


def starts(rhythm: Rhythm, dates: pa.ChunkedArray, time_zone: str) -> pa.ChunkedArray:
    """Return the start of the period of each local date or time, as in `source.py`."""
    if rhythm.unit == "hour":
        local = pc.floor_temporal(dates, unit="hour")
        instants = pc.assume_timezone(local, time_zone, ambiguous="earliest", nonexistent="latest")
        return pc.floor_temporal(instants.cast(pa.timestamp("us", "UTC")), unit="hour")
    days = dates.cast(pa.date32(), safe=False)
    if isinstance(rhythm.calendar, Weekly):
        into = pc.day_of_week(days, count_from_zero=True, week_start=rhythm.calendar.weekday).cast(pa.int32())
        return pc.subtract(days.cast(pa.int32()), into).cast(pa.date32())
    return days
