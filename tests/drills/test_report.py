"""The table of the drills includes skipped and failed ones; after a failure, the page does not change."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.settings import REPOSITORY
from tests.drills.conftest import BEGIN, END

pytestmark = pytest.mark.slow
HEAD = """
import pytest
from tests.drills.report import Row

@pytest.fixture
def disk():
    pytest.skip("no right to mount")

@pytest.fixture
def broken():
    raise RuntimeError("nothing | to begin with")

"""
GOOD = """
def test_a_good_one(survived):
    survived(Row("a fault", "a guard", 2, 0, True)), survived(Row("another fault", "a guard", 1, 0, True))
"""
SKIPPED = """
def test_a_full_disk(disk, survived): ...

@pytest.mark.skipif(True, reason="no clock")
def test_a_wrong_clock(survived): ...

@pytest.mark.skip(reason="none")
def test_no_drill(): ...
"""
FAILED = """
def test_a_failed_setup(broken, survived): ...

def test_a_failure_before_its_row(survived):
    raise RuntimeError("nothing | to begin with")

def test_a_failure_after_its_row(survived):
    survived(Row("a third fault", "a guard", 1, 0, True))
    raise RuntimeError("nothing | to begin with")
"""
LOST = """
def test_a_loss(survived):
    survived(Row("a loss", "none", 1, 3, True))
"""


def run(folder: Path, tests: str, processes: int = 0, dist: str = "load") -> tuple[str, str]:
    """What pytest prints of these drills, and the page after it."""
    (folder / "test_some.py").write_text(HEAD + tests)
    page = folder / "page.md"
    page.write_text(f"# Drills\n{BEGIN}the old table\n{END}The end.\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.drills.conftest",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
    ]
    command += ["--rootdir", str(folder), str(folder), "-q", "-n", str(processes), "--drills-page", str(page)]
    command += ["--dist", dist] if processes else []
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=1200)
    return done.stdout + done.stderr, page.read_text()


@pytest.mark.parametrize("processes", [0, 1])
def test_what_was_skipped_is_in_the_table_and_in_the_page_with_the_reason(tmp_path, processes):
    said, page = run(tmp_path, GOOD + SKIPPED, processes)
    assert "3 trials of 2 faults; 0 failed, 2 skipped." in said
    assert "| a fault | 2 | a guard | 0 | yes |\n" in page
    assert "| another fault | 1 | a guard | 0 | yes |\n" in page
    assert "| a full disk | - | skipped: no right to mount | - | - |\n" in page
    assert "| a wrong clock | - | skipped: no clock | - | - |\n" in page
    assert "no drill" not in page
    assert "the old table" not in page
    assert page.endswith("The end.\n")


def test_a_process_in_which_nothing_failed_leaves_the_page_to_the_one_that_knows_all(tmp_path):
    (tmp_path / "test_other.py").write_text(HEAD + GOOD)
    said, page = run(tmp_path, FAILED, processes=2, dist="loadfile")
    assert "3 failed, 0 skipped." in said
    assert "the old table" in page


def test_what_failed_is_in_the_table_and_the_page_is_left_as_it_was(tmp_path):
    said, page = run(tmp_path, GOOD + FAILED)
    said = " ".join(said.replace("│", " ").split())
    for name in ("a failed setup", "a failure before its row", "a failure after its row"):
        assert f"{name} - FAILED: RuntimeError: nothing | to begin with - -" in said
    assert "3 failed, 0 skipped." in said
    assert "is left as it was" in said
    assert "the old table" in page


def test_rows_that_were_lost_are_one_failure_and_the_page_is_left_as_it_was(tmp_path):
    said, page = run(tmp_path, GOOD + LOST)
    assert "1 failed, 0 skipped." in said
    assert "FAILED:" not in said
    assert "the old table" in page
