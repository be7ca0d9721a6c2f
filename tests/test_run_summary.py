"""A test run always ends with a summary, even if a test hangs, kills its worker, or takes too long."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from include.settings import REPOSITORY
from tests import conftest
from tests.guardian import MARK
from tests.run_summary import FilesOnce

pytestmark = pytest.mark.slow

CONFTEST = """
import tests.guardian, tests.run_summary
tests.guardian.GRACE_S = tests.run_summary.GRACE_S = 2.0
from tests.run_summary import *
"""
GOOD = "import pathlib\ndef test_{n}(): pathlib.Path(__file__).with_name(f'ended_{{__name__}}_{n}').touch()\n"
STARTS = """
import os, subprocess, sys, time
def forks_and_starts():
    started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(10000)"], start_new_session=True)
    forked = os.fork()
    if not forked:
        time.sleep(10000)
    open(os.environ["PIDS"], "a").write(f"{started.pid} {forked} ")
"""


def test_every_file_that_is_named_as_slow_or_long_is_there():
    assert [
        name for name in (*conftest.SLOW, *conftest.LONG) if not (REPOSITORY / "tests" / f"{name}.py").is_file()
    ] == []


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "conftest.py").write_text(CONFTEST)
    for number in range(4):
        (folder / f"test_good_{number}.py").write_text("".join(GOOD.format(n=n) for n in range(5)))
    return folder


def start(suite: Path, *options: str) -> subprocess.Popen[str]:
    settings = ["-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={suite}", "--import-mode=importlib"]
    settings += ["-o", "timeout=3", "-o", "timeout_method=signal", "-rf"]
    command = [sys.executable, "-m", "pytest", str(suite), *settings, *options]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", MARK))}
    environment = clean | {"PIDS": str(suite / "pids"), "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        command, cwd=suite, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def run(suite: Path, *options: str) -> tuple[int, str]:
    with start(suite, *options) as process:
        said, _ = process.communicate(timeout=1200)
        return process.returncode, said


def started(suite: Path) -> list[psutil.Process]:
    """What the tests of the suite have started, without what is already gone."""
    numbers = map(int, (suite / "pids").read_text().split())
    found = [psutil.Process(number) for number in numbers if psutil.pid_exists(number)]
    return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]


def gone(suite: Path) -> None:
    """Wait until none of them lives."""
    until = time.monotonic() + 1200
    while left := started(suite):
        assert time.monotonic() < until, left
        time.sleep(0.2)


WORKERS = ("-n", "2", "--dist", "loadgroup")


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("tests/test_a.py::test_x", "tests/test_a.py"),
        ("tests/test_a.py::test_x[a@b]", "tests/test_a.py"),
        ("tests/test_a.py::test_x[a@b]@leftovers", "leftovers"),
    ],
)
def test_a_worker_gets_a_group_of_a_file_or_what_has_no_group(name, unit):
    assert object.__new__(FilesOnce)._split_scope(name) == unit


def test_a_group_of_a_file_is_run_by_one_worker_and_so_is_the_rest_of_the_file(suite):
    written = (
        "import os, pathlib, pytest\n"
        "def run_by(unit):\n"
        "    with open(pathlib.Path(__file__).with_name(unit), 'a') as file:\n"
        "        file.write(os.environ['PYTEST_XDIST_WORKER'] + ' ')\n"
        "@pytest.mark.parametrize('number', range(4))\n"
        "@pytest.mark.xdist_group('a group')\n"
        "def test_grouped(number): run_by('a group')\n"
        "@pytest.mark.parametrize('number', range(4))\n"
        "def test_rest(number): run_by('the rest')\n"
    )
    (suite / "test_a.py").write_text(written)
    status, said = run(suite, *WORKERS, "-o", "timeout=1000")
    assert status == 0 and "28 passed" in said, said
    assert [len({*(suite / unit).read_text().split()}) for unit in ("a group", "the rest")] == [1, 1]


@pytest.mark.parametrize("workers", [WORKERS, ()], ids=["workers", "one process"])
def test_a_test_that_waits_too_long_fails_and_the_rest_goes_on(suite, workers):
    (suite / "test_a_slow.py").write_text("import time\ndef test_slow(): time.sleep(1000)\ndef test_next(): pass\n")
    status, said = run(suite, *workers)
    assert status == 1 and "1 failed, 21 passed" in said, said
    assert "Timeout" in said


def test_a_worker_that_no_signal_reaches_is_killed_its_test_failed_and_the_rest_goes_on(suite):
    hangs = STARTS + (
        "import signal\n"
        "def test_hangs():\n"
        "    forks_and_starts()\n"
        "    signal.signal(signal.SIGALRM, signal.SIG_IGN)\n"
        "    while True: time.sleep(1)\n"
        "def test_next(): pass\n"
    )
    (suite / "test_a_hangs.py").write_text(hangs)
    status, said = run(suite, *WORKERS)
    assert status == 1 and "1 failed, 21 passed" in said, said
    assert "crashed while running" in said and "test_hangs did not end" in said
    gone(suite)


@pytest.mark.parametrize("where", ["first", "last"])
def test_a_worker_that_dies_is_reported_once_and_what_its_tests_started_dies_too(suite, where):
    dies = STARTS + "def test_dies():\n    forks_and_starts()\n    os.kill(os.getpid(), 9)\ndef test_next(): pass\n"
    (suite / f"test_{'a' if where == 'first' else 'z'}_dies.py").write_text(dies)
    status, said = run(suite, *WORKERS)
    assert status == 1 and "1 failed, 21 passed" in said, said
    assert len((suite / "pids").read_text().split()) == 2, "the test ran twice"
    gone(suite)


def test_a_run_that_takes_too_long_ends_with_a_summary(suite):
    (suite / "test_z_long.py").write_text("import time\ndef test_long(): time.sleep(1000)\n")
    status, said = run(suite, *WORKERS, "-o", "timeout=1000", "--run-limit=0.01")
    assert status == 2 and "was ended by its limit of 0.01 minutes" in said, said


def test_the_summary_says_what_had_ended_and_what_was_running(suite):
    # The others have ended when the last one says so to the run's own process, as its timer would.
    late = (
        "import os, pathlib, signal, time\n"
        "def test_long():\n"
        "    while len(list(pathlib.Path(__file__).parent.glob('ended_*'))) < 20: time.sleep(0.1)\n"
        "    time.sleep(1)\n"
        "    os.kill(os.getppid(), signal.SIGUSR2)\n"
        "    time.sleep(1000)\n"
    )
    (suite / "test_z_long.py").write_text(late)
    status, said = run(suite, *WORKERS, "-o", "timeout=1000", "--run-limit=1000")
    assert status == 2 and "of 21 tests had ended" in said, said
    assert "test_z_long.py::test_long" in said.partition("were running")[2]
    assert re.search(r"(19|20) passed", said), said


SLOW_FORKS = """
import os, time
os.register_at_fork(after_in_child=lambda: time.sleep(1))
"""
"""On a busy machine a fork may run its first line only after its parent has been killed."""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize("workers", [WORKERS, ()], ids=["workers", "one process"])
@pytest.mark.parametrize("forks", ["", SLOW_FORKS], ids=["", "slow forks"])
def test_a_run_that_is_killed_leaves_nothing(suite, number, workers, forks):
    (suite / "conftest.py").write_text(forks + CONFTEST)
    (suite / "test_a.py").write_text(STARTS + "def test_long():\n    forks_and_starts()\n    time.sleep(1000)\n")
    with start(suite, *workers, "-o", "timeout=1000") as process:
        until = time.monotonic() + 1200
        while not (suite / "pids").exists() or not (suite / "pids").read_text():
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.2)
        own = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        process.communicate(timeout=1200)
    gone(suite)
    assert psutil.wait_procs(own, 1200)[1] == []
