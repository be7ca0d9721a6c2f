"""Map later days to the days of 2013 that they replay.

The shipped flights and weather are those of 2013. A date d after 2013-12-31 shows the date d - 364 n, with the smallest
n >= 1 that puts it in 2013-01-02..2013-12-31: 364 days are 52 whole weeks, so weekdays agree, and cycles follow each
other without a gap. Imports nothing heavy, because declarations import it.
"""

from __future__ import annotations

from datetime import date, timedelta

from include.declaration.period import Period

FIRST = date(2013, 1, 1)
LAST = date(2013, 12, 31)
CYCLE = 364
"""Days of a cycle: whole weeks."""
NOTICE = (
    "Replayed data: the flights and weather are those of 2013. Every date after 2013-12-31 shows the date a whole"
    " number of 52 weeks earlier that lies in 2013-01-02..2013-12-31."
)
"""What every page of a use case says about it."""


def replayed(day: date) -> tuple[date, int]:
    """Return the date of 2013 that `day` shows, and the shift in days.

    The shift is 0 up to the end of 2013.
    """
    if day <= LAST:
        return day, 0
    shift = -((LAST - day).days // CYCLE) * CYCLE
    return day - timedelta(days=shift), shift


def days_without_weather() -> frozenset[Period]:
    """Return the first day, and each day after a (replayed) 31 December 2013.

    The source has no observations of the day before these.
    """
    first, second = Period.from_date(FIRST), Period.from_date(LAST) + 1
    cycles = range((Period("2101-01-01") - second) // CYCLE + 1)
    return frozenset({first} | {second + CYCLE * n for n in cycles})
