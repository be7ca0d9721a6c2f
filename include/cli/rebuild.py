"""Show what `airworthy rebuild` would remove, or has removed."""

from __future__ import annotations

from rich.console import Console

from include.cli.escaping import print_line
from include.declaration.period import Period
from include.declaration.use_case_discovery import load_declaration
from include.maintenance.rebuild import rebuild_table
from include.project import open_data_project


def print_rebuild(console: Console, use_case: str, table: str, since: Period, *, apply: bool) -> None:
    """Print what rebuilding a table from a period removes; `apply` removes it."""
    for line in rebuild_table(open_data_project(load_declaration(use_case)), table, since, apply=apply).lines:
        print_line(console, line)
