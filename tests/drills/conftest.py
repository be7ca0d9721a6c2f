"""The drills' report: each drill hands in a row, the table of all of them ends the run, and may be kept in the page."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from tests.drills import report
from tests.drills.report import Row

BEGIN, END = "<!-- table: made by `make drills` -->\n", "<!-- end of table -->\n"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--drills-page", help="the page whose table of drills is written anew")


@pytest.fixture
def survived(request: pytest.FixtureRequest) -> Iterator[Callable[[Row], None]]:
    """Takes the row of a drill into the report; the test fails where anything was lost or is not equal."""
    taken, failed = [], request.session.testsfailed

    def take(row: Row) -> None:
        taken.append(row)
        request.node.user_properties.append((report.NAME, asdict(row)))
        assert row.survived, row

    yield take
    assert taken or request.session.testsfailed > failed, "this drill has not said what it found"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table, of all processes that ran drills."""
    rows = [Row(**values) for name, values in _told(terminalreporter) if name == report.NAME]
    if not rows:
        return
    rows.sort(key=lambda row: row.fault)
    Console(width=None if terminalreporter.isatty else 140).print(report.table(rows))
    terminalreporter.write_line(f"{sum(row.trials for row in rows)} trials of {len(rows)} faults.")
    if page := config.getoption("--drills-page", default=None):
        _write(Path(page), rows)


def _told(terminalreporter: pytest.TerminalReporter) -> list[tuple[str, dict]]:
    done = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    return [told for each in done if each.when == "call" for told in each.user_properties]


def _write(page: Path, rows: list[Row]) -> None:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    commit = asked.stdout.strip() or "an unknown commit"
    made = f"Made by `make drills` on {date.today()}, on the tree of commit {commit}"  # noqa: DTZ011
    changed = subprocess.run(["git", "status", "--porcelain", "include", "tests"], capture_output=True, text=True)
    made += " with changes that were not committed yet.\n\n" if changed.stdout.strip() else ".\n\n"
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(before + BEGIN + made + report.markdown(rows) + END + after)
