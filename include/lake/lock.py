"""Lock a file, so that one process at a time works on it.

The lock of a killed process expires. On disk, the operating system locks the file itself until the process ends. On S3,
the lock is a record next to the file, `<file>.holder-<number>`, created by a conditional write and removed at the end.
A killed process leaves its record; after the expiry time in it, the next process takes the next number and removes
older records except the newest. A process that works longer than that may not be alone: work under a lock must be
harmless if it is done twice, and must first check whether it is done already.
"""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from include.lake.object_store import StoragePath

LOCK_DURATION = timedelta(minutes=10)
"""Much longer than sending a message by every channel takes, and than clocks of two machines differ."""


@contextmanager
def try_lock(file: StoragePath) -> Iterator[bool]:
    """Yield whether this process holds the lock of the file until the block ends.

    Raises:
        FileNotFoundError: the file, on disk, does not exist.
    """
    with _lock_on_disk(file) if file.is_local else _lock_on_s3(file) as is_held:
        yield is_held


@contextmanager
def _lock_on_disk(file: StoragePath) -> Iterator[bool]:
    with file.path.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def _lock_on_s3(file: StoragePath) -> Iterator[bool]:
    folder = StoragePath(file.uri.rpartition("/")[0])
    numbers = _numbers(folder, file.name)
    newest = numbers[-1] if numbers else 0
    is_free = not newest or _is_expired(folder / f"{file.name}.holder-{newest}")
    record = folder / f"{file.name}.holder-{newest + 1}" if is_free else None
    until = (datetime.now(UTC) + LOCK_DURATION).isoformat(timespec="seconds")
    is_held = record is not None and record.create(json.dumps({"until": until}).encode())
    try:
        if is_held:
            # Keep the newest: without it, a new process takes number 1 while one that listed before takes the next.
            for number in numbers[:-1]:
                (folder / f"{file.name}.holder-{number}").remove()
        yield is_held
    finally:
        if record is not None and is_held:
            record.remove()


def _numbers(folder: StoragePath, name: str) -> list[int]:
    """Return the numbers of the lock records of a file, in order."""
    pattern = re.compile(rf"{re.escape(name)}\.holder-(\d+)")
    matches = (pattern.fullmatch(record) for record in folder.names(f"{name}.holder-"))
    return sorted(int(match[1]) for match in matches if match)


def _is_expired(record: StoragePath) -> bool:
    try:
        until = datetime.fromisoformat(json.loads(record.read())["until"])
    except FileNotFoundError:  # released meanwhile: the next attempt finds the file free
        return False
    except (ValueError, TypeError, KeyError):
        return True
    return until.astimezone(UTC) < datetime.now(UTC)
