"""Name a period of a calendar, for runs, partitions and declarations.

A period is a day, an hour or a week; the form of its key says which. Imports nothing heavy.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, total_ordering
from typing import overload

from include.errors import NAME_SHOWN, InvalidRequestError, shorten
from include.grammar import counted


@dataclass(frozen=True)
class Unit:
    """A kind of period: its length, and the form of its keys."""

    name: str
    """In the singular, as texts say it."""
    adjective: str
    step: timedelta
    """Length in values of the partition column: dates of a local calendar, or instants in UTC."""
    example: str
    form: str
    """The form of a key, in words."""
    pattern: re.Pattern[str]
    parse: Callable[[str], date]
    write: Callable[[date], str]

    @property
    def preposition(self) -> str:
        """Return the preposition before the name, as in `on this day`."""
        return "on" if self.name == "day" else "in"

    def counted(self, number: int, kind: str = "") -> str:
        """Return a number of periods in words: `7 days`, `168 hours` or `1 test week`."""
        return counted(number, f"{kind} {self.name}".strip())

    @property
    def article(self) -> str:
        """Return the name with its article."""
        return f"{'an' if self.name.startswith('h') else 'a'} {self.name}"


def _parse_hour(key: str) -> datetime:
    return datetime.fromisoformat(f"{key[:-1]}:00:00").replace(tzinfo=UTC)


def _write_hour(start: date) -> str:
    if not isinstance(start, datetime):
        raise TypeError(f"{start!r} is a date, which does not name an hour.")
    start = start.astimezone(UTC) if start.tzinfo else start.replace(tzinfo=UTC)
    if start.minute or start.second or start.microsecond:
        raise ValueError(f"{start.isoformat()} is not the start of an hour.")
    return f"{start:%Y-%m-%dT%H}Z".rjust(len("2013-04-01T05Z"), "0")


def _write_day(start: date) -> str:
    if isinstance(start, datetime):
        raise TypeError(f"{start!r} is an instant, and a day is named by its date.")
    return start.isoformat()


def _write_week(start: date) -> str:
    if isinstance(start, datetime):
        raise TypeError(f"{start!r} is an instant, and a week is named by the date of its first day.")
    year, week, weekday = start.isocalendar()
    return f"{year:04}-W{week:02}-{weekday}"


DAY = Unit(
    "day",
    "daily",
    timedelta(days=1),
    "2013-01-05",
    "YYYY-MM-DD",
    re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
    date.fromisoformat,
    _write_day,
)
HOUR = Unit(
    "hour",
    "hourly",
    timedelta(hours=1),
    "2013-01-05T05Z",
    "YYYY-MM-DDTHHZ, the hour in UTC",
    re.compile(r"\d{4}-\d\d-\d\dT\d\dZ", re.ASCII),
    _parse_hour,
    _write_hour,
)
WEEK = Unit(
    "week",
    "weekly",
    timedelta(weeks=1),
    "2013-W14-1",
    "YYYY-Www-D, the ISO week date of its first day",
    re.compile(r"\d{4}-W\d\d-\d", re.ASCII),
    date.fromisoformat,
    _write_week,
)
UNITS = (DAY, HOUR, WEEK)


class PeriodError(InvalidRequestError, ValueError):
    """A text is not the key of a period, or of one of another calendar."""

    def __init__(self, key: object, units: tuple[Unit, ...] = UNITS, owner: str = "", example: str = "") -> None:
        """Build the message.

        `owner` says which periods there are, such as `flights has hourly periods`.
        """
        self.key, self.units = key, units
        shown = repr(shorten(str(key), NAME_SHOWN))
        if owner:
            (unit,) = units
            text = f"{owner}, such as {example or unit.example}; {shown} is not one. Write {unit.form}."
        else:
            ways = [f"{unit.article} as {unit.form}, such as {unit.example}" for unit in units]
            text = f"{shown} is not {units[0].article if len(units) == 1 else 'a period'}. Write {', or '.join(ways)}."
        super().__init__(text)


class MixedUnitsError(InvalidRequestError, TypeError):
    """Periods of different calendars are compared or subtracted."""

    def __init__(self, one: Period, other: Period) -> None:
        self.one, self.other = one, other
        super().__init__(
            f"{one} is {one.unit.article}, and {other} is {other.unit.article}: periods of different calendars are not"
            " compared. Compare their decision times."
        )


@lru_cache(maxsize=32_768)
def _of_start(start: date, unit: Unit) -> Period:
    """Return the period of a start: rows of tables name few periods many times."""
    return Period(unit.write(start))


@total_ordering
class Period:
    """A period of a use case's calendar, named by its key.

    `Period("2013-04-01")` is that local day, `Period("2013-04-01T05Z")` that hour in UTC, and `Period("2013-W14-1")`
    the week whose first day has this ISO week date. Keys of one calendar sort as texts. A period equals only periods,
    and comparing it with a date or a column raises TypeError, so that no filter is silently empty. The class is not a
    dataclass, because `dataclasses.asdict` would write a dictionary in its place.
    """

    __slots__ = ("_key", "_start", "_unit")
    __array_ufunc__ = None
    """Makes NumPy leave comparisons to this class."""
    __pandas_priority__ = 5000
    """Makes pandas leave comparisons to this class: higher than that of its own classes."""

    def __init__(self, key: str) -> None:
        """Check and keep the key.

        Raises:
            PeriodError: the key is not a day, an hour or a week, written in ASCII as `UNITS` say.
        """
        unit = next((unit for unit in UNITS if isinstance(key, str) and unit.pattern.fullmatch(key)), None)
        if unit is None:
            raise PeriodError(key)
        try:
            start = unit.parse(key)
        except ValueError:
            raise PeriodError(key) from None
        if unit.write(start) != key:
            raise PeriodError(key)
        self._key, self._unit, self._start = key, unit, start

    @classmethod
    def from_date(cls, day: date) -> Period:
        """Return the daily period of a local date."""
        return cls.from_start(day, DAY)

    @classmethod
    def from_start(cls, start: date, unit: Unit) -> Period:
        """Return the period with this value in the partition column.

        That is a date, or for an hour a datetime (without a time zone: in UTC).

        Raises:
            PeriodError: the value is none of a period of the unit.
        """
        try:
            return _of_start(start, unit)
        except (TypeError, ValueError):
            raise PeriodError(start, (unit,)) from None

    def sibling(self, start: date) -> Period:
        """Return the period of the same calendar with this value in the partition column."""
        return Period.from_start(start, self._unit)

    @property
    def key(self) -> str:
        """Return the text that names the period.

        It is the partition key of its runs, and its name in files and tables.
        """
        return self._key

    @property
    def unit(self) -> Unit:
        """Return whether the period is a day, an hour or a week."""
        return self._unit

    @property
    def start(self) -> date:
        """Return the value in the partition column and in the key that holds the period.

        It is the local date on which a day or week starts, or a datetime in UTC for an hour.
        """
        return self._start

    @property
    def start_date(self) -> date:
        """Return the date on which the period starts; of an hour, the date in UTC."""
        return self._start.date() if isinstance(self._start, datetime) else self._start

    @property
    def ordinal(self) -> int:
        """Return the number of the period since the year 1, from 1.

        Of a day it is that of `date.toordinal`.
        """
        origin = datetime(1, 1, 1, tzinfo=UTC) if self._unit is HOUR else date.min
        return (self._start - origin) // self._unit.step + 1

    @property
    def naive_start(self) -> str:
        """Return the start in ISO 8601 without a time zone, as numpy reads it."""
        return self._key[:-1] if self._unit is HOUR else self._start.isoformat()

    @property
    def backfill_bound(self) -> str:
        """Return the bound with which Airflow's command line backfills the period."""
        return f"{self._start:%Y-%m-%dT%H:00:00Z}" if self._unit is HOUR else self._start.isoformat()

    def __str__(self) -> str:
        return self._key

    def __format__(self, spec: str) -> str:
        """Return the key, or with a format of `strftime` the start."""
        return f"{self._start:{spec}}" if "%" in spec else format(self._key, spec)

    def __reduce__(self) -> tuple[type[Period], tuple[str]]:
        return Period, (self._key,)

    def __repr__(self) -> str:
        return f"Period({self._key!r})"

    def __hash__(self) -> int:
        return hash(self._start)  # as of the date, so that a set or dictionary that mixes them compares, and raises

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Period):
            return self._key == other._key
        if other is None:
            return False
        raise TypeError(f"The period {self} is compared with a {type(other).__name__}: compare its `start` or key.")

    def __lt__(self, other: Period) -> bool:
        if not isinstance(other, Period):
            return NotImplemented
        if self._unit is not other._unit and not (self._is_bound or other._is_bound):
            raise MixedUnitsError(self, other)
        return self._key < other._key

    @property
    def _is_bound(self) -> bool:
        return self._key in _BOUNDS

    def __add__(self, periods: int) -> Period:
        """Return the period that is that number of periods later."""
        if not isinstance(periods, int):
            return NotImplemented
        return self.sibling(self._start + self._unit.step * periods)

    @overload
    def __sub__(self, other: int) -> Period: ...
    @overload
    def __sub__(self, other: Period) -> int: ...
    def __sub__(self, other: int | Period) -> Period | int:
        """Return the period a number of periods earlier, or the number since another."""
        if isinstance(other, Period):
            if self._unit is not other._unit:
                raise MixedUnitsError(self, other)
            difference = self._start - other._start
            if difference % self._unit.step:  # weeks that begin on different days
                raise MixedUnitsError(self, other)
            return difference // self._unit.step
        if not isinstance(other, int):
            return NotImplemented
        return self + -other


_BOUNDS = frozenset({"0001-01-01", "9999-12-31"})
EARLIEST, LATEST = Period("0001-01-01"), Period("9999-12-31")
"""Bounds of an open range of periods of any calendar."""


def is_key(text: str) -> bool:
    """Return whether a text has the form of a period's key."""
    return any(unit.pattern.fullmatch(text) for unit in UNITS)


def periods_left(period: Period) -> int:
    """Return how many periods of the same calendar can be named after this one."""
    end = datetime.combine(date.max, datetime.min.time(), UTC) if period.unit is HOUR else date.max
    return (end - period.start) // period.unit.step


def period_range(first: Period, last: Period) -> list[Period]:
    """Return the periods from `first` to `last`, both included.

    There are none if `last` is before `first`.
    """
    return [first + number for number in range(last - first + 1)]
