"""Find the first period on which resubmitted rows can become known."""

from __future__ import annotations

from include.declaration.feeds import Feed
from include.declaration.period import LATEST, Period
from include.ingestion.correction_errors import NotFree, PeriodNotFreeError
from include.ingestion.correction_log import CorrectionLog
from include.lake import schemas
from include.project import DataProject

AHEAD_DAYS = 31
"""A correction may become known at most this many days after the first free day: a mistyped year would hide the rows
forever, because a correction cannot be taken back."""
DECIDED = ("features", "labels", "predictions", "metrics", "decisions")
"""Tables that are built from a day's known rows: a day with one of them accepts no more corrections."""


def free_period(project: DataProject, feed: Feed, after: Period) -> Period:
    """Return the first day after `after` and after all landed or decided days.

    Days declared absent are skipped. Earlier days that were never run are not free: rows that become known now were not
    known then.
    """
    period = max({after, *_landed(project, feed, after), *_decided(project, after)}) + 1
    while period in feed.missing_periods:
        period += 1
    return period


def _landed(project: DataProject, feed: Feed, since: Period) -> set[Period]:
    """Return the days from `since` on for which the feed is landed."""
    view, closed = project.lake.as_of(LATEST), CorrectionLog.open(project, feed.name).closed_periods()
    held = {period for table in ("raw", "checked") for period in view.partitions(f"{table}/{feed.name}", since)}
    return held | {period for period in closed if period >= since}


def _decided(project: DataProject, since: Period) -> set[Period]:
    """Return the days from `since` on that are in one of the tables DECIDED."""
    view = project.lake.as_of(LATEST)
    tables = [table for table in DECIDED if table in schemas.table_names(project.use_case)]
    return {period for table in tables for period in view.partitions(table, since)}


def require_free(project: DataProject, feed: Feed, period: Period, last: Period, free: Period) -> None:
    """Check that the rows can become known on a day.

    Raises:
        PeriodNotFreeError: they cannot; it names the first free day.
    """
    use_case = project.use_case
    decided, today, most = _decided(project, last), use_case.today(), free + AHEAD_DAYS
    problems: list[tuple[bool, NotFree, Period | None]] = [
        (period <= last, "quarantined", last),
        (period in decided | _landed(project, feed, last), "decided", None),
        (period in feed.missing_periods, "missing", None),
        # running that later day again would use rows unknown at its decision
        (period < max(decided, default=period), "before decided", max(decided, default=None)),
        (period > max(free, today), "not begun", today),
        (use_case.last_period is not None and period > use_case.last_period, "after the end", use_case.last_period),
        (period > most, "too far", most),
    ]
    for applies, problem, limit in problems:
        if applies:
            raise PeriodNotFreeError(use_case.name, feed.name, period, problem, limit, free)
