"""Watch one test process from outside: `python -m tests.guardian`.

The test process writes `start SECONDS TEST` and `end` to the guardian's standard input. If a test takes longer than
its seconds, the guardian kills the process, because code that holds the interpreter cannot be stopped from within.
After the test process has ended, the guardian kills everything that it started, found by a mark in the environment or
the session.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psutil

REPOSITORY = Path(__file__).resolve().parent.parent
MARK = "TESTS_STARTED_BY"
"""In the environment of a process: the process of the tests that has started it."""
PR_SET_PDEATHSIG = 1
GRACE_S = 60.0
"""Between a test's own limit, which its process should notice, and its end."""


class Guardian:
    """This process's guardian, and what is said to it."""

    def __init__(self) -> None:
        self.mark = uuid4().hex
        environment = {name: value for name, value in os.environ.items() if name != MARK}
        command = [sys.executable, "-m", "tests.guardian", str(os.getpid()), self.mark]
        # In a session of its own, so that Ctrl-C does not end it before those that it must clear away.
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdin=subprocess.PIPE, start_new_session=True
        )
        os.register_at_fork(before=_note_parent, after_in_child=_die_with_parent)
        os.environ[MARK] = self.mark
        os.environ["SPT_NOENV"] = "1"  # or setproctitle writes over the environment in which the mark is looked for

    def start(self, test: str, seconds: float) -> None:
        """Say that a test starts which may take that long."""
        self._say(f"start {seconds} {test}")

    def end(self) -> None:
        """Say that it has ended."""
        self._say("end")

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        os.write(self._process.stdin.fileno(), f"{line}\n".encode())


_LIBC = ctypes.CDLL(None)
_forked_by: int | None = None
"""The process whose main thread is forking; None for another thread, with which a fork would end."""


def _note_parent() -> None:
    global _forked_by  # noqa: PLW0603  # what the fork reads
    _forked_by = os.getpid() if threading.current_thread() is threading.main_thread() else None


def _die_with_parent() -> None:
    """Have Linux end this fork with its parent, because a fork has no mark of its own."""
    if _forked_by is None or sys.platform != "linux":
        return
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != _forked_by:  # the parent ended before the line above: no signal would come any more
        os._exit(1)


def descendants(parent: int, mark: str) -> Iterator[psutil.Process]:
    """Yield what a process of the tests has started and what still lives: by its mark, or by its session."""
    for process in psutil.process_iter():
        try:
            if process.pid not in (os.getpid(), parent) and (
                os.getsid(process.pid) == parent or process.environ().get(MARK) == mark
            ):
                yield process
        except (OSError, psutil.Error):
            continue


def clear_away(parent: int, mark: str) -> None:
    """Kill all that is left; also what these have just started."""
    while found := list(descendants(parent, mark)):
        for process in found:
            try:
                process.kill()
            except psutil.Error:
                continue
        psutil.wait_procs(found, 10)


def watch(parent: int) -> None:
    """Return when the process has ended, which is killed if its test outlasts its limit."""
    until, test, rest = float("inf"), "", b""
    open_ = [sys.stdin.fileno()]
    while os.getppid() == parent:
        if select.select(open_, [], [], 1.0)[0]:
            said = os.read(open_[0], 1 << 16)
            if not said:
                open_.clear()  # it ends, or hands its end of the pipe to a fork: its death is what counts
                continue
            *lines, rest = (rest + said).split(b"\n")
            for line in lines:
                word, _, more = line.decode().partition(" ")
                seconds, _, test = more.partition(" ")
                until = time.monotonic() + float(seconds) if word == "start" else float("inf")
        if time.monotonic() > until:
            sys.stderr.write(
                f"\n{test} did not end, not even {GRACE_S:.0f} s after its limit: its process is killed.\n"
            )
            os.kill(parent, signal.SIGKILL)
            until = float("inf")


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _parent, _mark = int(sys.argv[1]), sys.argv[2]
    watch(_parent)
    clear_away(_parent, _mark)
