"""The tutorial, from an empty folder and its CSV to predictions; tests/end_to_end runs what needs Airflow."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from include.cli import main
from include.declaration import clock
from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.settings import REPOSITORY
from tests.contexts import Configure

PAGE = (REPOSITORY / "docs" / "tutorial.md").read_text()
SHOWN = "2026-11-30"
"""The day of the page's commands, in the place of today."""
TASKS = {"bike_counts": "regression", "bike_traffic": "multiclass"}


def done(command: str) -> str:
    result = CliRunner().invoke(main.app, shlex.split(command))
    assert result.exception is None, f"{command}\n{result.output}\n{result.exception!r}"
    return result.output


@pytest.fixture
def folder(tmp_path: Path, lake_home: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty package of use cases."""
    (tmp_path / "bicycles").mkdir()
    (tmp_path / "bicycles" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)  # `tracking` chooses another folder
    monkeypatch.syspath_prepend(str(tmp_path))
    configure(use_case_packages="bicycles")
    yield tmp_path / "bicycles"
    for module in [module for module in sys.modules if module.partition(".")[0] == "bicycles"]:
        del sys.modules[module]


def invent() -> None:
    """Write the CSV of the page into the present folder."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "tutorial.md", "exec"), {})


def commands(*names: str) -> list[str]:
    """Return the page's commands of these names, for today."""
    lines = [line.removeprefix("airworthy ") for line in PAGE.splitlines() if line.startswith("airworthy ")]
    today = str(Period.from_date(clock.now().date()))
    return [line.replace(SHOWN, today) for line in lines if line.split()[0] in names]


def test_the_commands_of_the_page_write_both_use_cases(folder):
    invent()
    written = [done(command) for command in commands("new")]
    assert {name: load_use_case(name).task.kind for name in TASKS} == TASKS
    assert all("Read its README.md" in text for text in written)
    assert {path.name for path in folder.iterdir() if path.is_dir()} - {"__pycache__"} == set(TASKS)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", TASKS)
def test_each_use_case_of_the_page_trains_is_promoted_and_scores_today(folder, tracking, without_plots, name):
    invent()
    for command in commands("new"):
        done(command)
    last = load_use_case(name).last_period
    assert last == Period.from_date(clock.now().date())
    assert "is the champion" in done(f"run {name} train --from {last}")
    assert "3 rows scored by version 1" in done(f"run {name} score --from {last}")
    (shown,) = commands("predictions")
    assert "Brücke" in done(shown.replace("bike_counts", name))
