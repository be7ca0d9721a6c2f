"""From when on the deadline of a run counts; Airflow's scheduler itself loads this, through plugins/deadline.py."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from airflow.sdk.definitions.deadline import BaseDeadlineReference

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class ScheduledRunQueuedAt(BaseDeadlineReference):
    """The moment at which a scheduled run was queued; other runs have no deadline: who starts them watches them.

    Airflow's own DAGRUN_QUEUED_AT cannot be used: in 3.3.2 no run that has one can be cleared before its deadline is
    over (500, apache/airflow#70368). Clearing a run does not move this one.
    """

    required_kwargs: ClassVar[set[str]] = {"dag_id", "run_id"}

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str) -> datetime | None:
        """Called by the scheduler when it makes the run."""
        from airflow.models import DagRun
        from sqlalchemy import select

        found = session.execute(
            select(DagRun.run_type, DagRun.queued_at).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        ).one_or_none()
        return found.queued_at if found is not None and found.run_type == "scheduled" else None
