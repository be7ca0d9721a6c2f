"""Write what was measured to docs/performance.md, a section for each subject."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from include.settings import REPOSITORY

PAGE = REPOSITORY / "docs" / "performance.md"
LIBRARIES = ("duckdb", "deltalake", "pyarrow", "pandas", "great-expectations", "ibis-framework", "lightgbm")


def write_section(title: str, content: str, page: Path = PAGE) -> None:
    """Replace the section of this title, or add it at the end; others stay."""
    heading = f"## {title}\n"
    before, _, rest = page.read_text(encoding="utf-8").partition(heading)
    _, found, others = rest.partition("\n## ")
    after = f"## {others}" if found else ""
    section = f"{heading}\n{content.strip()}\n\n"
    page.write_text(f"{before.rstrip()}\n\n{section}{after}".rstrip() + "\n", encoding="utf-8")


def measured_on(how: str) -> str:
    """Return the sentence that says when, how and on what machine something was measured."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return f"Measured on {datetime.now(UTC):%Y-%m-%d}, {how}; {machine}; {libraries}."


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines).replace("| --- ", "|---").replace("--- |", "---|")


def target(value: float, limit: float | None, *, at_least: bool = False) -> str:
    """Return a target and whether it is met."""
    if limit is None:
        return "–"
    is_met = value >= limit if at_least else value <= limit
    return f"{limit:.2f}, {'met' if is_met else '**missed**'}"
