"""Declare how the period in which a row became known is found.

Imports nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from include.declaration import clock
from include.declaration.field_types import require_field_types
from include.declaration.problems import declared, require
from include.declaration.span import Span, Spanned


class _Delayed(Spanned):
    """A way to know a row's period, with a delay."""

    delay_periods: Span

    def check_spans(self) -> None:
        """Report a delay below 0."""
        problem = f"{type(self).__name__}: delay_periods must be at least 0."
        require(self.delay_periods >= 0, problem, field="delay_periods")


@declared
@dataclass(frozen=True)
class ByPath(_Delayed):
    """The path names the period: `{period}` in it is replaced by the period's date."""

    delay_periods: Span = Span(0)
    """Periods from the one that the path names to the run that reads the file. 0: the file of a period has what was
    known by its decision time. 1: it has what happened within the period, which is known when the period has ended."""

    def __post_init__(self) -> None:
        require_field_types(self)
        self.check_counted_spans()


@declared
@dataclass(frozen=True)
class ByColumn(_Delayed):
    """A column has the date or the time at which a row became known."""

    column: str
    """A `date32` or a `timestamp`. It need not be among the feed's columns; then it is read and left out."""
    delay_periods: Span = Span(1)
    """Periods from the one that the column is in to the run that reads the row. 1: a row is known when its period has
    ended. 0: rows of a period are known before it begins, such as a timetable's."""

    def __post_init__(self) -> None:
        require_field_types(self)
        require(bool(self.column), "ByColumn: name the column.", field="column")
        self.check_counted_spans()


@declared
@dataclass(frozen=True)
class ByWindow(_Delayed):
    """The query or the request itself selects the rows of a period.

    These are the rows that became known from its start to its end.
    """

    delay_periods: Span = Span(1)
    """Periods from the one that is asked for to the run that reads the rows, as for `ByColumn`."""

    def __post_init__(self) -> None:
        require_field_types(self)
        self.check_counted_spans()


@declared
@dataclass(frozen=True)
class FirstSeen:
    """A row became known in the period whose load saw it first.

    Each load reads the whole source and keeps the rows that no earlier load saw, so a changed row is a new row and a
    removed one stays. The source says nothing about the past: a period can only be loaded while it lasts.
    """

    within: timedelta = timedelta(hours=6)
    """Longest time after a period's decision time in which its load may begin; rows of a later load would be taken for
    known earlier than they were."""

    def __post_init__(self) -> None:
        require_field_types(self)
        clock.require_wait(self.within, "FirstSeen: within")
