"""Define when the deadline of a run starts.

The scheduler loads this through plugins/deadline.py.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from airflow.sdk.definitions.deadline import BaseDeadlineReference

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class ScheduledRunQueuedAt(BaseDeadlineReference):
    """The time at which a scheduled run was queued.

    Manual and backfill runs have no deadline. Airflow's DAGRUN_QUEUED_AT cannot be used: in 3.3.2 a run that has one
    cannot be cleared before its deadline (500, apache/airflow#70368). Clearing a run does not change this reference.
    """

    required_kwargs: ClassVar[set[str]] = {"dag_id", "run_id"}

    @property
    def reference_name(self) -> str:
        """Return the words for it on a DAG's page: *Must complete within 4 hours of …*."""
        return "being queued by the schedule; runs by hand and backfills are not watched"

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str) -> datetime | None:
        """Return the reference time; the scheduler calls this when it creates the run."""
        from airflow.models import DagRun
        from sqlalchemy import select

        found = session.execute(
            select(DagRun.run_type, DagRun.queued_at).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        ).one_or_none()
        return found.queued_at if found is not None and found.run_type == "scheduled" else None
