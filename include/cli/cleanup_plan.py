"""`airworthy plan`: print the stale periods, and the command that rebuilds them."""

from __future__ import annotations

from rich.console import Console

from include.cli.escaping import print_line
from include.declaration.use_case_discovery import load_declaration
from include.features import staleness
from include.project import open_project


def print_stale_periods(console: Console, name: str) -> None:
    """Print the staleness of each table by stretches of days; change nothing.

    Raises:
        InvalidRequestError: the name is unknown.
    """
    use_case = load_declaration(name)
    found = staleness.find_stale(open_project(use_case))
    if not found:
        print_line(console, f"{name}: nothing has been landed yet, so nothing is stale.")
        return
    for table in found:
        print_line(console, table.summary, "yellow" if table.stale else "")
        for stretch in staleness.stale_stretches(table):
            print_line(console, f"  {stretch}", "dim")
    if command := staleness.rebuild_command(use_case, found):
        print_line(console, "Rebuild them with:")
        print_line(console, f"  {command}")
        print_line(console, "Models trained on them do not change; the next training reads the rebuilt periods.")
