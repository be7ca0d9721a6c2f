"""Register the notes of runs, and the period in the ids of runs by hand.

Airflow takes listeners and middleware only from a plugin.
"""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from include.orchestration import requested_run, run_notes


class RunNotesPlugin(AirflowPlugin):
    name = "airworthy_run_notes"
    listeners: ClassVar[list[Any]] = [run_notes]
    fastapi_root_middlewares: ClassVar[list[Any]] = [
        {"middleware": requested_run.KeepRequestedRun, "name": "Airworthy requested run"}
    ]
