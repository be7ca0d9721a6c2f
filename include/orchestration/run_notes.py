"""Note at each run what it is for: its period, range or version.

The scheduler calls this when a run starts, as a listener of plugins/run_notes.py. A task cannot write its run's note.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow.listeners import hookimpl

from include.orchestration.timetable import PeriodTimetable

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,39}")
"""A value of a form that a note repeats: Airflow shows notes as Markdown."""


@hookimpl
def on_dag_run_running(dag_run: Any) -> None:
    """Write the note, unless a person or a task has written one."""
    dag = getattr(dag_run, "dag", None)
    if dag is None or dag_run.note:
        return
    if note := run_note(dag, dag_run.partition_key, dag_run.conf or {}, dag_run.run_after):
        dag_run.note = note


def run_note(dag: Any, key: str | None, conf: Mapping[str, Any], run_after: Any) -> str:
    """Return what a run is for; empty if that is not clear from its form."""
    if isinstance(dag.timetable, PeriodTimetable):
        period = dag.timetable.run_period(key or conf.get("period"), run_after)
        if period is None:
            return ""
        newest = "" if key or conf.get("period") else ", the newest when it was triggered"
        return f"{period.unit.name.capitalize()} {period}{newest}"
    given = {name: str(conf[name]) for name in conf if _PLAIN.fullmatch(str(conf[name]))}
    match dag.dag_id.partition("__")[2], given:
        case (("backfill" | "go_live"), {"first": first, "last": last}):
            return f"{first} to {last}"
        case "rollback", {"version": version, "effective_from": first}:
            return f"Version {version} from {first}"
        case "trial", {"action": action, "version": version}:
            return f"{action.capitalize()} version {version}"
        case "reproduce", {"version": version}:
            return f"Version {version}"
        case "quarantine", {"feed": feed, "action": action}:
            return f"{action.capitalize()} rows of {feed}"
        case "maintenance", _:
            return "Removes" if conf.get("apply_changes") is True else "Dry run"
    return ""
