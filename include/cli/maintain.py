"""What `airworthy maintain` shows: what would go, or has gone, of each use case."""

from __future__ import annotations

import os

from rich.console import Console

from include.cli.escaping import print_line
from include.declaration.registry import all_use_cases, broken_use_cases, load_use_case
from include.local import instance
from include.maintenance import apply
from include.project import open_project

_LOGS = "AIRFLOW__LOGGING__BASE_LOG_FOLDER", "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"


def print_cleanup(console: Console, name: str | None, *, apply_changes: bool) -> None:
    """Maintain one use case, or all, and print counts, bytes and the first of each kind; a dry run unless
    `apply_changes`.

    Of all, those that can be loaded are maintained before a broken one is reported.

    Raises:
        InvalidRequestError: the name is unknown, or a use case cannot be loaded; also what stages/maintain.py raises.
    """
    declared = [load_use_case(name)] if name else all_use_cases().values()
    results = []
    for use_case in declared:
        result = apply.maintain(open_project(use_case), apply_changes=apply_changes, logs=_logs())
        results.append(result)
        print_line(console, use_case.name, "bold")
        for line in (*result.lines, *(f"left: {left}" for left in result.left)):
            print_line(console, f"  {line}")
        for item in result.items:
            where = "/".join(filter(None, (str(item["table"]), str(item["name"]))))
            print_line(console, f"    {item['kind']} {where}: {item['reason']}", "dim")
    if not apply_changes:
        console.print("A dry run: nothing was changed. With --apply it is done.")
    for result in results:
        apply.require_plan(result)
    for error in () if name else broken_use_cases().values():
        raise error


def _logs() -> list[str]:
    """Where the environment says that Airflow keeps its tasks' logs; the local services' own folder otherwise."""
    told = [os.environ.get(name, "") for name in _LOGS]
    return [place for place in told if place] or [str(instance.current().logs / "tasks")]
