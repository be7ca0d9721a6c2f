"""`airworthy maintain`: print what is removed, or would be, of each declaration."""

from __future__ import annotations

import os

from rich.console import Console

from include.cli.escaping import print_line
from include.declaration.feature_group_discovery import all_feature_groups, broken_feature_groups
from include.declaration.use_case_discovery import all_use_cases, broken_use_cases, load_declaration
from include.local import instance
from include.maintenance import apply
from include.project import open_data_project

_LOGS = "AIRFLOW__LOGGING__BASE_LOG_FOLDER", "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"


def print_cleanup(console: Console, name: str | None, *, apply_changes: bool) -> None:
    """Maintain one use case or feature group, or all, and print what is removed.

    A dry run unless `apply_changes`. Without a name, all that can be loaded are maintained before a broken one is
    reported. Printed are counts, bytes and first items. Raises the errors of `maintenance.apply` too.

    Raises:
        InvalidRequestError: the name is unknown, or a use case cannot be loaded.
    """
    results = []
    for declared in [load_declaration(name)] if name else [*all_use_cases().values(), *all_feature_groups().values()]:
        result = apply.maintain(open_data_project(declared), apply_changes=apply_changes, logs=_logs())
        results.append(result)
        print_cleanup_result(console, result)
    if not apply_changes:
        console.print("Dry run: nothing was changed. Run it with --apply to remove.")
    for result in results:
        apply.require_plan(result)
    for error in () if name else [*broken_use_cases().values(), *broken_feature_groups().values()]:
        raise error


def print_cleanup_result(console: Console, result: apply.CleanupResult) -> None:
    """Print what was removed of a use case, or would be, and what was left."""
    print_line(console, result.use_case, "bold")
    for line in (*result.lines, *(f"left: {left}" for left in result.left)):
        print_line(console, f"  {line}")
    for item in result.items:
        where = "/".join(filter(None, (str(item["table"]), str(item["name"]))))
        print_line(console, f"    {item['kind']} {where}: {item['reason']}", "dim")


def _logs() -> list[str]:
    """Return where the environment says that task logs are.

    By default, this is the local services' folder.
    """
    places = [os.environ.get(name, "") for name in _LOGS]
    return [place for place in places if place] or [str(instance.current().logs / "tasks")]
