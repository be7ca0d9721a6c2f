"""Register the reference time of deadlines.

The scheduler loads it only from a plugin.
"""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from include.orchestration.deadline_reference import ScheduledRunQueuedAt


class DeadlinePlugin(AirflowPlugin):
    name = "airworthy_deadline"
    deadline_references: ClassVar[list[Any]] = [ScheduledRunQueuedAt]
