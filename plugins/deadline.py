"""The moment from which deadlines count: the scheduler takes it from plugins alone."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from include.orchestration.deadline_reference import ScheduledRunQueuedAt


class DeadlinePlugin(AirflowPlugin):
    name = "airworthy_deadline"
    deadline_references = [ScheduledRunQueuedAt]  # noqa: RUF012 (Airflow's own way)
