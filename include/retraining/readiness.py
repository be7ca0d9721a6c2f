"""Readiness: whether what others wait for is there. Light: sensors and the triggerer import it."""

from __future__ import annotations

from datetime import date, timedelta

from include.project import Project
from include.retraining import decide


def is_available(project: Project, table: str, day: date) -> bool:
    """Whether the lake holds that day of a table, or never will: nobody scores a day that has no champion.

    InvalidRequestError for a day before the first: none will ever come.
    """
    project.use_case.require(day)
    if day in project.lake.as_of(day).partitions(table, since=day):
        return True
    return table == "predictions" and project.ledger.champion_apart_from(None, day) is None


def is_ready_to_decide(project: Project, day: date) -> bool:
    """Whether the day is decided, or the day before is, and all trainings before have their outcome.

    Where a chain of decisions may begin, no lake can tell: an earlier day may be about to be decided.
    InvalidRequestError for a day before the first.
    """
    project.use_case.require(day)
    if decide.existing_decision(project, day):
        return True
    before = day - timedelta(days=1)
    return before in project.lake.as_of(day).partitions("decisions", since=before) and decide.has_no_open_retraining(
        project, day
    )
