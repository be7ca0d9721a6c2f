"""Check what sensors wait for. Light, since sensors and the triggerer import it."""

from __future__ import annotations

from include.declaration.period import Period
from include.project import Project
from include.retraining import decide


def is_available(project: Project, table: str, period: Period) -> bool:
    """Return whether the lake holds that day of a table, or never will.

    The predictions of a period without a champion never come, nor those of one that is not due for scoring.

    Raises:
        InvalidRequestError: the day is before the first.
    """
    project.use_case.require(period)
    if period in project.lake.as_of(period).partitions(table, since=period):
        return True
    if table == "predictions" and not project.use_case.is_scored(period):
        return True
    return table == "predictions" and project.ledger.champion_apart_from(None, period) is None


def is_ready_to_decide(project: Project, period: Period) -> bool:
    """Return whether the day is decided, or can be.

    It can be if the day before is decided and all earlier trainings have their outcome. So False is returned for the
    first day of a chain of decisions, since an earlier day may be about to be decided.

    Raises:
        InvalidRequestError: the day is before the first.
    """
    project.use_case.require(period)
    if decide.existing_decision(project, period):
        return True
    before = period - 1
    return before in project.lake.as_of(period).partitions("decisions", since=before) and decide.has_no_open_retraining(
        project, period
    )
