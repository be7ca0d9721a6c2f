"""Register the timetable of the partitioned DAGs: Airflow stores only timetables of plugins."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from include.orchestration.timetable import PeriodTimetable


class TimetablePlugin(AirflowPlugin):
    name = "airworthy_timetable"
    timetables = [PeriodTimetable]  # noqa: RUF012 (Airflow's own way)
