"""Read the drawn range of periods from a page's address, and write it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import HTTPException, Query

from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import Period, PeriodError
from include.declaration.use_case import UseCase

SPANS = (30, 90, 365)
"""Numbers of periods that a page offers to draw."""
MOST_PERIODS = 1100
"""Longest range that is drawn: each period is a file that is read."""
KEY_LENGTH = 40
"""Longest text of a period in an address."""
Key = Annotated[str, Query(max_length=KEY_LENGTH)]


@dataclass(frozen=True)
class DateRange:
    """The range that an address asks for.

    Without a `last` period it ends with the newest measured one that has labels, or with `first` at the newest that has
    begun.
    """

    last: Period | None
    span: int
    """Number of periods."""
    is_free: bool = False
    """Whether the first period is named, and not only the number of periods."""

    @property
    def chosen(self) -> bool:
        """Return whether the last period is named."""
        return self.last is not None

    @property
    def query(self) -> str:
        """Return the part of an address that asks for this range."""
        if self.last is None:
            return urlencode({"span": self.span})
        if not self.is_free:
            return urlencode({"period": self.last.key, "span": self.span})
        return urlencode({"from": (self.last - (self.span - 1)).key, "to": self.last.key})

    def ending(self, last: Period) -> str:
        """Return the part of an address for the same number of periods up to another one."""
        return urlencode({"period": last.key, "span": self.span})

    def spanning(self, span: int) -> str:
        """Return the part of an address for another number of periods with the same end."""
        return DateRange(self.last, span).query


@dataclass(frozen=True)
class RangeQuery:
    """The parameters of an address that name a range, as they were sent."""

    period: str = ""
    span: int = SPANS[1]
    first: str = ""
    last: str = ""

    def resolve(self, use_case: UseCase) -> DateRange:
        """Return the range in the calendar of the use case.

        Raises:
            HTTPException: 422 for a text that is no period of the calendar, or a range that cannot be drawn.
        """
        last = parse_period(use_case, self.last or self.period)
        if not self.first:
            if self.span not in SPANS:
                raise HTTPException(422, f"The span cannot be {self.span} periods.")
            return DateRange(last, self.span)
        first = max(_require(use_case, self.first), use_case.first_period)
        last = min(last or use_case.newest_period(), use_case.newest_period())
        if first > last:
            raise HTTPException(422, f"The range from {first} ends before it begins, on {last}.")
        span = last - first + 1
        if span > MOST_PERIODS:
            raise HTTPException(422, f"The range has {span:,} periods; at most {MOST_PERIODS:,} are drawn.")
        return DateRange(last, span, is_free=True)


def read_range(
    period: Key = "",
    span: int = SPANS[1],
    first: Annotated[str, Query(alias="from", max_length=KEY_LENGTH)] = "",
    last: Annotated[str, Query(alias="to", max_length=KEY_LENGTH)] = "",
) -> RangeQuery:
    """Return the range that a request names, as a dependency of a route."""
    return RangeQuery(period, span, first, last)


def parse_period(use_case: DataDeclaration, key: str) -> Period | None:
    """Return the period of a key; None for an empty one.

    Raises:
        HTTPException: 422 for a text that is no period of the calendar.
    """
    return _require(use_case, key) if key else None


def _require(use_case: DataDeclaration, key: str) -> Period:
    try:
        return use_case.calendar.parse(key, use_case.name)
    except PeriodError as error:
        raise HTTPException(422, str(error)) from None
