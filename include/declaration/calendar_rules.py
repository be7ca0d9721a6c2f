"""Check that feeds and exports fit the calendar.

Imports nothing heavy.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import TYPE_CHECKING

from include.declaration.exports import ToFiles
from include.declaration.known import ByColumn, ByPath
from include.declaration.landing import LandingBucket
from include.declaration.period import DAY, HOUR, Period, period_range
from include.declaration.problems import require, sound
from include.declaration.sources import Files, Http, Sql

if TYPE_CHECKING:
    from include.declaration.data_declaration import DataDeclaration
    from include.declaration.feeds import Feed
    from include.declaration.use_case import UseCase

SAMPLE = 60
"""Number of periods whose paths are compared; months have fewer days."""
_DATES = ("start_date", "end_date")


def require_feeds_of_calendar(declared: DataDeclaration) -> None:
    """Report what of feeds does not fit the calendar.

    That is periods of another calendar, paths that do not tell periods apart, and dates that name no hour.
    """
    calendar = declared.calendar
    for number, feed in enumerate(sound(declared.feeds)):
        say, field = f"Feed({feed.name!r}): ", f"feeds[{number}]"
        wrong = sorted(period.key for period in feed.missing_periods if not calendar.contains(period))
        problem = f"{say}missing_periods {wrong} are none of the calendar {calendar}."
        require(not wrong, problem, field=field, hint=f"Write {calendar.unit.form}, such as {calendar.example}.")
        if calendar.unit is HOUR:
            for what in _dates_of(feed):
                problem = f"{say}{what}, and a date does not say the hour of {calendar}."
                require(False, problem, field=field, hint="Declare a timestamp, or `:start` and `:end`.")
        source = feed.source
        if isinstance(source, LandingBucket):
            _require_paths(declared, source.prefix_of, f"{say}the prefix", field)
        elif isinstance(source, Files) and isinstance(source.known, ByPath):
            _require_paths(declared, source.path_of, f"{say}the path", field)


def require_exports_of_calendar(use_case: UseCase) -> None:
    """Report paths of exported files that do not tell the periods apart."""
    for number, export in enumerate(sound(use_case.exports)):
        if isinstance(export, ToFiles):
            _require_paths(use_case, export.path_of, f"{export.target}: the path", f"exports[{number}]")


def _dates_of(feed: Feed) -> Iterator[str]:
    """Yield what of a feed is known by a date only."""
    if feed.known_at and feed.columns.get(feed.known_at) == "date32":
        yield f"known_at={feed.known_at!r} is a date32"
    source = feed.source
    known = getattr(source, "known", None)
    if isinstance(source, Files) and isinstance(known, ByColumn) and feed.columns.get(known.column) in (None, "date32"):
        yield f"the rows are chosen by {known.column!r}, which is not declared as a timestamp"
    used: set[str] = set()
    if isinstance(source, Sql):
        used = set(source.parameters)
    elif isinstance(source, Http):
        used = {name for text in source.parameters.values() for _, name, _, _ in string.Formatter().parse(text) if name}
    if stray := sorted(used.intersection(_DATES)):
        yield f"the source uses {stray}"


def _require_paths(declared: DataDeclaration, path_of: object, say: str, field: str) -> None:
    first = declared.first_period
    if not declared.calendar.contains(first) or declared.calendar.unit is DAY or not callable(path_of):
        return  # the path itself was checked for days
    periods: list[Period] = period_range(first, first + SAMPLE)
    problem = f"{say} does not tell the periods of {declared.calendar} apart."
    named = "{period:%Y-%m-%dT%H}" if declared.calendar.unit is HOUR else "{period}"
    is_distinct = len({path_of(period) for period in periods}) == len(periods)
    require(is_distinct, problem, field=field, hint=f"Name the period in it, such as {named}.")
