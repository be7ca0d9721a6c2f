"""Collect one row per drill, print the table of all at the end, and optionally write it to the page."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from tests.drills import report
from tests.drills.report import Row, Untold

BEGIN, END = "<!-- table: made by `make drills` -->\n", "<!-- end of table -->\n"
OUTCOMES = ("passed", "failed", "error", "skipped")
"""Those of pytest's kinds of reports that are of a test."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--drills-page", help="the page whose table of drills is written again")


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


def pytest_itemcollected(item: pytest.Item) -> None:
    """Each test that hands in a row is a drill; its name goes with all its reports, even where it never begins."""
    if "survived" in getattr(item, "fixturenames", ()):
        item.user_properties.append((report.DRILL, item.name.removeprefix("test_").replace("_", " ")))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """The table, of all processes that ran drills: what was found, what was skipped and what failed before it said so.

    The page is written only after a run in which nothing failed.
    """
    rows = sorted(_rows(terminalreporter), key=lambda row: row.fault)
    if not rows or hasattr(config, "workerinput"):  # a worker knows what it has run alone
        return
    Console(width=None if terminalreporter.isatty else 140).print(report.table(rows))
    found = [row for row in rows if isinstance(row, Row)]
    terminalreporter.write_line(
        f"{sum(row.trials for row in found)} trials of {len(found)} faults; {sum(not row.survived for row in rows)}"
        f" failed, {sum(isinstance(row, Untold) and row.survived for row in rows)} skipped."
    )
    if (page := config.getoption("--drills-page", default=None)) and exitstatus:
        terminalreporter.write_line(f"{page} is left as it was: not everything has passed.")
    elif page:
        _write(Path(page), rows)


def _rows(terminalreporter: pytest.TerminalReporter) -> Iterator[Row | Untold]:
    reports = [each for outcome in OUTCOMES for each in terminalreporter.stats.get(outcome, [])]
    for each in reports:
        properties = list(each.user_properties)
        names = [value for name, value in properties if name == report.DRILL]
        rows = [Row(**value) for name, value in properties if name == report.NAME and each.when == "call"]
        yield from rows
        if names and each.skipped:
            yield Untold(names[0], f"skipped: {each.longrepr[2].removeprefix('Skipped: ')}")
        elif names and each.failed and all(row.survived for row in rows):
            yield Untold(names[0], f"FAILED: {_last_words(each)}")


def _last_words(failed: pytest.TestReport) -> str:
    """What it ended with, in a line."""
    crash = getattr(failed.longrepr, "reprcrash", None)
    return str(crash.message if crash else failed.longrepr).strip().partition("\n")[0]


def _write(page: Path, rows: list[Row | Untold]) -> None:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    commit = asked.stdout.strip() or "an unknown commit"
    made = f"Made by `make drills` on {date.today()}, on the tree of commit {commit}"  # noqa: DTZ011
    changed = subprocess.run(["git", "status", "--porcelain", "include", "tests"], capture_output=True, text=True)
    made += " with changes that were not committed yet.\n\n" if changed.stdout.strip() else ".\n\n"
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(before + BEGIN + made + report.markdown(rows) + END + after)
