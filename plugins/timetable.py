"""Register the timetable of the partitioned DAGs.

Airflow stores only timetables of plugins.
"""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from include.orchestration.timetable import PeriodTimetable


class TimetablePlugin(AirflowPlugin):
    name = "airworthy_timetable"
    timetables: ClassVar[list[Any]] = [PeriodTimetable]
