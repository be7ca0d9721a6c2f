"""A backfill whose process is killed three times ends with what one that was never killed leaves."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from include.declaration.period import Period, period_range
from include.lake.lake import Lake
from include.settings import REPOSITORY
from tests.backfill.use_cases.refused_toy import EMPTY, USE_CASE
from tests.local.conftest import Shell, make_shell

pytestmark = pytest.mark.slow
FIRST, LAST = Period("2020-01-01"), Period("2020-01-20")
COMMAND = ("backfill", USE_CASE.name, "--from", str(FIRST), "--to", str(LAST), "--kinds", "data")
KILLED_AFTER = (3, 9, 26)
"""Records of periods that all tries together have written when a try is killed."""
LIMIT_S = 1200.0


def shell_of(home: Path) -> Shell:
    return make_shell(home, AIRWORTHY_USE_CASE_PACKAGES="tests.backfill.use_cases")


def records(home: Path) -> int:
    return len(list((home / "lake" / USE_CASE.name / "backfills").glob("*/*.json")))


def kill_when(shell: Shell, home: Path, wanted: int) -> None:
    """Start the command, and kill it with SIGKILL as soon as there are that many records."""
    process = subprocess.Popen(
        [sys.executable, "-m", "include.cli.main", *COMMAND],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=REPOSITORY,
        env=shell.env,
    )
    deadline = time.monotonic() + LIMIT_S
    while records(home) < wanted and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it was killed"


def left(shell: Shell) -> set[tuple[str, str]]:
    """Run the command to its end; return the phase and period of what it says is left."""
    done = shell.run(*COMMAND)
    assert done.returncode != 0, done.stdout
    named = re.findall(r"left: (\w+) of ([\d-]+): ", done.stdout)
    assert "backfill" in done.stderr and str(EMPTY[0]) in done.stderr
    return set(named)


def partitions(home: Path) -> dict[str, object]:
    lake = Lake.open(USE_CASE, str(home / "lake"))
    tables = ["raw/events", "checked/events", "raw/outcomes", "checked/outcomes", "labels", "features"]
    return {table: lake.as_of(LAST).partitions(table, FIRST, LAST) for table in tables}


def test_killed_three_times_it_ends_with_the_exact_list_of_what_is_left_and_the_same_content(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    refused = {(phase, str(period)) for phase in ("land",) for period in EMPTY}
    # Features look back two days, so those of the two days after a refused one cannot be built either.
    refused |= {("build", str(period)) for empty in EMPTY for period in period_range(empty, empty + 2)}
    assert left(shell_of(whole)) == refused
    for wanted in KILLED_AFTER:
        kill_when(shell_of(killed), killed, wanted)
    assert left(shell_of(killed)) == refused
    assert partitions(killed) == partitions(whole)
    assert len(partitions(whole)["features"]) == LAST - FIRST + 1 - 6
