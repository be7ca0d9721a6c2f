"""Find the first period on which resubmitted rows can become known."""

from __future__ import annotations

from include.declaration.period import LATEST, Period
from include.declaration.use_case import Feed
from include.errors import InvalidRequestError
from include.ingestion.correction_log import CorrectionLog
from include.lake import schemas
from include.project import Project

AHEAD_DAYS = 31
"""A correction may become known at most this many days after the first free day: a mistyped year would hide the rows
forever, because a correction cannot be taken back."""
DECIDED = ("features", "labels", "predictions", "metrics", "decisions")
"""Tables that are built from a day's known rows: a day with one of them accepts no more corrections."""


def free_period(project: Project, feed: Feed, after: Period) -> Period:
    """Return the first day after `after` and after all landed or decided days.

    Days declared absent are skipped. Earlier days that were never run are not free: rows that become known now were not
    known then.
    """
    period = max({after, *_landed(project, feed, after), *_decided(project, after)}) + 1
    while period in feed.missing_periods:
        period += 1
    return period


def _landed(project: Project, feed: Feed, since: Period) -> set[Period]:
    """Return the days from `since` on for which the feed is landed."""
    view, closed = project.lake.as_of(LATEST), CorrectionLog.open(project, feed.name).closed_periods()
    held = {period for table in ("raw", "checked") for period in view.partitions(f"{table}/{feed.name}", since)}
    return held | {period for period in closed if period >= since}


def _decided(project: Project, since: Period) -> set[Period]:
    """Return the days from `since` on that are in one of the tables DECIDED."""
    view = project.lake.as_of(LATEST)
    tables = [table for table in DECIDED if table in schemas.table_names(project.use_case)]
    return {period for table in tables for period in view.partitions(table, since)}


def require_free(project: Project, feed: Feed, period: Period, last: Period, free: Period) -> None:
    """Check that the rows can become known on a day.

    Raises:
        InvalidRequestError: they cannot; the text names the first free day.
    """
    use_case = project.use_case
    problem, decided = "", _decided(project, last)
    if period <= last:
        problem = f"is not after {last}, the day they were quarantined on: what was known then does not change"
    elif period in decided | _landed(project, feed, last):
        problem = "is landed or decided already: what was known then does not change"
    elif period in feed.missing_periods:
        problem = "is one of the feed's `missing_periods`"
    elif period < max(decided, default=period):  # running that later day again would use rows unknown at its decision
        problem = f"lies before {max(decided)}, which is decided already: what was known then does not change"
    elif period > max(free, use_case.today()):
        problem = f"has not begun in {use_case.time_zone}, where today is {use_case.today()}"
    elif use_case.last_period is not None and period > use_case.last_period:
        problem = f"is after {use_case.last_period}, on which {use_case.name} ends: nothing is landed after it"
    elif period > free + AHEAD_DAYS:
        problem = f"is more than {AHEAD_DAYS} days after the first free day, and until then the rows would be missing"
    if problem:
        raise InvalidRequestError(
            f"{use_case.name}: {period} {problem}. The first free day of feed {feed.name!r} is {free}."
        )
