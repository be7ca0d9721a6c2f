"""Run a component of Airflow in its own folders: for the worker and the triggerer of docker-compose.yaml.

    run_component.py [--scratch FOLDER] --logs FOLDER COMMAND…

Containers of one service share volumes. In them, each has a folder named after its host: for temporary files
(TMPDIR, emptied before and after), and for the logs of tasks until they are on S3. While the command runs, it holds a
lock on a file next to the folder. Folders without a lock belong to containers that have ended: their temporary files
are removed and their logs sent. Uses only the standard library, since this process keeps running and should stay
small.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

SEND = Path(__file__).with_name("send_task_logs.py")
DAY_S = 24 * 3600.0
"""Interval of the search for logs; no task runs that long, so a log not written to for that time is complete."""


class OwnFolder:
    """This host's folder within a shared one."""

    def __init__(self, shared: Path, host: str) -> None:
        self.shared, self.path = shared, shared / host
        shared.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _locked(self.path)
        if self._lock is None:
            raise SystemExit(f"{self.path} is in use by another container whose host has the same name, {host}.")
        self.path.mkdir(mode=0o700, exist_ok=True)  # no other container removes it while it is locked

    def of_dead_hosts(self) -> Iterator[Path]:
        """Yield the folders whose container has ended, each locked while it is used."""
        for folder in sorted(self.shared.iterdir()):
            if folder.is_symlink() or not folder.is_dir() or folder == self.path:
                continue
            if (lock := _locked(folder)) is not None:
                yield folder
                os.close(lock)


def _locked(folder: Path) -> int | None:
    """Lock a folder by the file next to it; return None if a running process holds the lock."""
    handle = os.open(folder.with_name(f".{folder.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def empty(folder: Path) -> None:
    """Remove the content of a folder; links themselves, not their targets."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            try:
                entry.unlink()
            except OSError as error:
                sys.stderr.write(f"{entry} stays: {error}\n")


def remove_dead(scratch: OwnFolder) -> None:
    """Remove the temporary files of containers that have ended."""
    for folder in scratch.of_dead_hosts():
        empty(folder)
        folder.rmdir()  # not its lock file, which a container of the same name may be opening


def unsent(folder: Path, before: float) -> list[Path]:
    """Return the unsent logs not written to since `before`, in seconds since 1970.

    Removes sent logs, which are empty, and folders that are empty then.
    """
    found = []
    for path in sorted(folder.rglob("*"), reverse=True):  # the content of a folder comes before the folder
        try:
            status = path.lstat()
            if path.is_dir():
                if status.st_mtime < before:
                    path.rmdir()
            elif status.st_mtime < before and status.st_size:
                found.append(path)
            elif status.st_mtime < before:
                path.unlink()
        except OSError:  # a folder that is not empty, or a file that another removed
            continue
    return found


def send(logs: OwnFolder, environment: Mapping[str, str], *, all_of_this_host: bool) -> None:
    """Start a process that sends the unsent logs: all of ended containers, the complete ones of this host."""
    before = time.time() + DAY_S if all_of_this_host else time.time() - DAY_S
    left = {logs.path: unsent(logs.path, before)}
    for folder in logs.of_dead_hosts():
        left[folder] = unsent(folder, time.time() + DAY_S)
        if not any(folder.iterdir()):
            folder.rmdir()
    for folder in [folder for folder, files in left.items() if files]:
        # In the background: a worker must start even if S3 is not reachable.
        subprocess.Popen([sys.executable, SEND, folder], env=environment)


def main(arguments: list[str]) -> int:
    """Run the command to its end; return its status, or 128 plus the signal that ended it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args(arguments)
    host, environment = socket.gethostname(), dict(os.environ)
    logs, scratch = OwnFolder(given.logs, host), None
    environment["AIRFLOW__LOGGING__BASE_LOG_FOLDER"] = str(logs.path)
    if given.scratch:
        scratch = OwnFolder(given.scratch, host)
        empty(scratch.path)
        remove_dead(scratch)
        environment["TMPDIR"] = str(scratch.path)
    send(logs, environment, all_of_this_host=True)
    status = run(given.command, environment, lambda: send(logs, environment, all_of_this_host=False))
    if scratch:
        empty(scratch.path)
    return status


def run(command: list[str], environment: Mapping[str, str], daily: Callable[[], None]) -> int:
    """Run a command, forward the signals that end a container, and call `daily` once a day."""
    with subprocess.Popen(command, env=environment) as process:

        def forward(number: int, _frame: FrameType | None) -> None:
            process.send_signal(number)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, forward)
        while True:
            try:
                status = process.wait(DAY_S)
            except subprocess.TimeoutExpired:
                daily()
                continue
            return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
