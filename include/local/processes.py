"""Which processes belong to an instance, and ending them all."""

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
    """The living processes that carry the mark of the instance at `home`, but for the caller and its ancestors.

    The mark is inherited: sessions, process groups and re-parenting do not matter. A zombie has ended.
    """
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [process for process in psutil.process_iter() if process.pid not in own and _carries(process, str(home))]


def is_alive(pid: int, home: Path) -> bool:
    """Whether `pid` is still a process of this instance, and not a number that was given to another one."""
    try:
        return _carries(psutil.Process(pid), str(home))
    except psutil.Error:
        return False


def sweep(home: Path) -> int:
    """Ends every process of the instance, first politely; returns how many there were.

    Raises:
        ProcessesLeftError: some did not end even when killed.
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
    """Returns when none of `pids` lives, or after `timeout_s`; does not wait for somebody to reap them."""
    end = time.monotonic() + timeout_s
    left = list(pids)
    while (left := [pid for pid in left if is_alive(pid, home)]) and time.monotonic() < end:
        time.sleep(0.1)


def _carries(process: psutil.Process, home: str) -> bool:
    try:
        return bool(process.environ().get(MARK) == home and process.status() != psutil.STATUS_ZOMBIE)
    except (psutil.Error, OSError):
        return False  # it ended meanwhile, or it is somebody else's


def _end(process: psutil.Process, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.Error:
        pass
