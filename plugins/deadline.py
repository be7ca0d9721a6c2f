"""Register the reference time of deadlines: the scheduler loads it only from a plugin."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from include.orchestration.deadline_reference import ScheduledRunQueuedAt


class DeadlinePlugin(AirflowPlugin):
    name = "airworthy_deadline"
    deadline_references = [ScheduledRunQueuedAt]  # noqa: RUF012 (Airflow's own way)
