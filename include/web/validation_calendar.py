"""Build the calendars of validations: the outcome of each period of each table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import DAY, HOUR, Period, period_range
from include.errors import AirworthyError
from include.monitoring.metric_table import measured_stretches
from include.project import DataProject
from include.web import validation_state
from include.web.validation_state import OUTCOMES, CalendarCell, TableState

CALENDAR_ROWS = {"day": 12, "hour": 31, "week": 4}
"""Lines of a calendar: months of days, days of hours, years of weeks."""
LISTED, STRETCHES = 10, 6
"""Periods to look at, and stretches outside the calendar, that are listed."""


@dataclass(frozen=True)
class TableCalendar:
    """The outcomes of a feed, of features or of predictions."""

    table: str
    is_feed: bool
    lines: tuple[tuple[str, tuple[CalendarCell | None, ...]], ...]
    """Each with its name and a cell per column; None where there is no period, or one outside the calendar."""
    counts: Mapping[str, int]
    """Outcome to number of periods."""


@dataclass(frozen=True)
class ValidationCalendar:
    """The calendars of all tables of a use case or feature group."""

    use_case: DataDeclaration
    first: Period
    last: Period
    newest: Period
    """The newest landed period; of a use case that never ran, the present one."""
    columns: tuple[str, ...]
    tables: tuple[TableCalendar, ...]
    problems: tuple[str, ...] = ()
    to_look_at: tuple[tuple[str, CalendarCell], ...] = ()
    """Refused periods and those with quarantined rows, the newest first; each with its table. Some are outside."""
    more: int = 0
    """How many of these are not listed."""
    elsewhere: tuple[tuple[Period, Period], ...] = ()
    """Stretches of landed or published periods outside the calendar, the newest first."""


def build_calendar(project: DataProject, until: Period | None = None, most: int = LISTED) -> ValidationCalendar:
    """Build the calendars up to a period; by default, up to the newest landed one.

    At most `most` periods to look at are listed.
    """
    use_case, problems = project.use_case, list[str]()
    stored = {
        table: validation_state.read_state(project, table, problems) for table in validation_state.table_names(use_case)
    }
    seen = [max(part) for table in stored.values() for part in (table.landed, table.published) if part]
    newest = max(seen, default=use_case.newest_period())
    last = min(max(until or newest, use_case.first_period), max(newest, use_case.newest_period()))
    first = max(_first_of(last), use_case.first_period)
    lines = _lines(first, last)
    tables = [_table_calendar(table, state, lines) for table, state in stored.items()]
    found = _to_look_at(stored)
    return ValidationCalendar(
        use_case, first, last, newest, _columns(last), tuple(tables), tuple(problems),
        to_look_at=tuple(found[:most]), more=max(len(found) - most, 0), elsewhere=_elsewhere(stored, first, last),
    )  # fmt: skip


def _to_look_at(stored: Mapping[str, TableState]) -> list[tuple[str, CalendarCell]]:
    """Return the refused periods and those with quarantined rows, the newest first."""
    found = []
    for table, state in stored.items():
        refused = state.refused()
        quarantined = {period for period, rows in state.quarantined.items() if rows}
        found += [(table, state.cell(period, refused)) for period in refused | quarantined]
    return sorted(found, key=lambda each: each[1].period, reverse=True)


def _elsewhere(stored: Mapping[str, TableState], first: Period, last: Period) -> tuple[tuple[Period, Period], ...]:
    """Return the newest stretches of periods that lie outside the calendar."""
    known = {period for state in stored.values() for part in (state.landed, state.published) for period in part}
    outside = measured_stretches(sorted(period for period in known if not first <= period <= last))
    return tuple(reversed(outside))[:STRETCHES]


def _table_calendar(table: str, state: TableState, lines: Mapping[str, list[Period | None]]) -> TableCalendar:
    refused = state.refused()
    begun = min({*state.landed, *state.published, *refused}, default=None)

    def cell(period: Period | None) -> CalendarCell | None:
        return None if period is None or begun is None or period < begun else state.cell(period, refused)

    made = tuple((name, tuple(map(cell, periods))) for name, periods in lines.items())
    counts = Counter(each.outcome for _, cells in made for each in cells if each is not None)
    kept = tuple((name, cells) for name, cells in made if any(cells))
    return TableCalendar(table, state.is_feed, kept, {name: counts[name] for name in OUTCOMES})


def _columns(period: Period) -> tuple[str, ...]:
    """Return the headings of a calendar's columns."""
    if period.unit is DAY:
        return tuple(str(day) for day in range(1, 32))
    return tuple(f"{hour:02}" for hour in range(24)) if period.unit is HOUR else tuple(map(str, range(1, 54)))


def _place(period: Period) -> tuple[str, int]:
    """Return the line of a period in the calendar, and its column."""
    if period.unit is DAY:
        return f"{period:%Y-%m}", period.start_date.day - 1
    if period.unit is HOUR:
        return period.key[:10], int(period.key[11:13])
    year, week, _ = period.start_date.isocalendar()
    return str(year), week - 1


def _lines(first: Period, last: Period) -> dict[str, list[Period | None]]:
    """Return the periods by line and column, the newest line first."""
    lines: dict[str, list[Period | None]] = {}
    for period in period_range(first, last):
        name, column = _place(period)
        lines.setdefault(name, [None] * len(_columns(period)))[column] = period
    return dict(reversed(lines.items()))


def _first_of(last: Period) -> Period:
    """Return the first period of the calendar that ends with this one."""
    first, wanted = last, CALENDAR_ROWS[last.unit.name]
    lines = {_place(last)[0]}
    try:
        while len(lines | {_place(first - 1)[0]}) <= wanted:
            first -= 1
            lines.add(_place(first)[0])
    except (OverflowError, AirworthyError):
        return first  # the calendar begins in the year 1
    return first


def end_of_line(period: Period) -> Period:
    """Return the last period of the calendar's line that has this one."""
    name, last = _place(period)[0], period
    while _place(last + 1)[0] == name:
        last += 1
    return last
