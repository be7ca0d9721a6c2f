"""Find and end all processes of an instance."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from include.local.environment import MARK
from include.local.errors import ProcessesLeftError

_GRACE_S = 2.0
_PATIENCE_S = 20.0


def marked_processes(home: Path) -> list[psutil.Process]:
    """Return the running processes with the mark of the instance at `home`.

    Excludes the caller, its ancestors, and zombies. The mark is an inherited environment variable, so sessions, process
    groups and re-parenting do not matter.
    """
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [process for process in psutil.process_iter() if process.pid not in own and _carries(process, str(home))]


def is_alive(pid: int, home: Path) -> bool:
    """Return whether `pid` is a process of this instance, and not a reused number."""
    try:
        return _carries(psutil.Process(pid), str(home))
    except psutil.Error:
        return False


def sweep(home: Path) -> int:
    """End the instance's processes by SIGTERM, then SIGKILL; return their number.

    Raises:
        ProcessesLeftError: SIGKILL did not end some.
    """
    seen: set[int] = set()
    started = time.monotonic()
    while left := marked_processes(home):
        waited = time.monotonic() - started
        if waited > _PATIENCE_S:
            raise ProcessesLeftError([process.pid for process in left])
        for process in left:
            _end(process, kill=waited > _GRACE_S or process.pid in seen)
            seen.add(process.pid)
        wait_until_gone([process.pid for process in left], home, _GRACE_S)
    return len(seen)


def wait_until_gone(pids: Iterable[int], home: Path, timeout_s: float) -> None:
    """Wait until none of `pids` runs, or for `timeout_s`; zombies count as ended."""
    end = time.monotonic() + timeout_s
    left = list(pids)
    while (left := [pid for pid in left if is_alive(pid, home)]) and time.monotonic() < end:
        time.sleep(0.1)


def _carries(process: psutil.Process, home: str) -> bool:
    try:
        return bool(process.environ().get(MARK) == home and process.status() != psutil.STATUS_ZOMBIE)
    except (psutil.Error, OSError):
        return False  # it has ended, or belongs to another account


def _end(process: psutil.Process, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.Error:
        pass
