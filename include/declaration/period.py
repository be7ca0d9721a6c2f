"""Name a period of a calendar, for runs, partitions and declarations.

Each period is a local day for now. Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import total_ordering
from typing import overload

from include.errors import NAME_SHOWN, InvalidRequestError, shorten


class PeriodError(InvalidRequestError, ValueError):
    """A text is not the key of a period."""

    def __init__(self, key: object) -> None:
        self.key = key
        super().__init__(f"{shorten(str(key), NAME_SHOWN)!r} is not a day. Write it as YYYY-MM-DD, such as 2013-01-05.")


@total_ordering
class Period:
    """A period of a use case's calendar, named by its key.

    `Period("2013-04-01")` is that local day. Keys of one calendar sort as texts. A period equals only periods, and
    comparing it with a date or a column raises TypeError, so that no filter is silently empty. The class is not a
    dataclass, because `dataclasses.asdict` would write a dictionary in its place.
    """

    __slots__ = ("_key",)
    __array_ufunc__ = None
    """Makes NumPy leave comparisons to this class."""
    __pandas_priority__ = 5000
    """Makes pandas leave comparisons to this class: higher than that of its own classes."""

    def __init__(self, key: str) -> None:
        """Check and keep the key.

        Raises:
            PeriodError: the key is not a day written as YYYY-MM-DD in ASCII, one of the formats of ISO 8601.
        """
        try:
            period = date.fromisoformat(key)
        except (TypeError, ValueError):
            period = None
        if period is None or period.isoformat() != key:
            raise PeriodError(key)
        self._key = key

    @classmethod
    def from_date(cls, period: date) -> Period:
        """Return the period that starts on a local date."""
        return cls(period.isoformat())

    @property
    def key(self) -> str:
        """Return the text that names the period.

        It is the partition key of its runs, and its name in files and tables.
        """
        return self._key

    @property
    def start_date(self) -> date:
        """Return the local date on which the period starts."""
        return date.fromisoformat(self._key)

    def __str__(self) -> str:
        return self._key

    def __repr__(self) -> str:
        return f"Period({self._key!r})"

    def __hash__(self) -> int:
        return hash(self.start_date)  # as of the date, so that a set or dictionary that mixes them compares, and raises

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Period):
            return self._key == other._key
        if other is None:
            return False
        raise TypeError(
            f"The period {self} is compared with a {type(other).__name__}: compare its `start_date` or key."
        )

    def __lt__(self, other: Period) -> bool:
        return self._key < other._key if isinstance(other, Period) else NotImplemented

    def __add__(self, periods: int) -> Period:
        """Return the period that is that number of periods later."""
        if not isinstance(periods, int):
            return NotImplemented
        return Period.from_date(self.start_date + timedelta(days=periods))

    @overload
    def __sub__(self, other: int) -> Period: ...
    @overload
    def __sub__(self, other: Period) -> int: ...
    def __sub__(self, other: int | Period) -> Period | int:
        """Return the period a number of periods earlier, or the number since another."""
        if isinstance(other, Period):
            return (self.start_date - other.start_date).days
        if not isinstance(other, int):
            return NotImplemented
        return Period.from_date(self.start_date - timedelta(days=other))


EARLIEST, LATEST = Period("0001-01-01"), Period("9999-12-31")
"""Bounds of an open range of periods."""


def period_range(first: Period, last: Period) -> list[Period]:
    """Return the periods from `first` to `last`, both included.

    There are none if `last` is before `first`.
    """
    return [first + number for number in range(last - first + 1)]


def periods_of(periods: Iterable[date]) -> list[Period]:
    """Return the periods that start on the given dates, in their order.

    The dates are the values of a table's column `day`.
    """
    return [Period.from_date(period) for period in periods]
