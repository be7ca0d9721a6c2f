"""Lease: that only one process at a time works on a file; whoever dies with it does not keep it.

On disk it is a lock of the operating system on the file itself, which ends with the process. On S3 it is a record
beside it, `<file>.holder-<number>`, made by a conditional write and removed at the end. A holder that died leaves its
record; once the time in it is over, the next takes the next number, and removes the records before that one, which
goes with the file. So whoever works longer than that may not be alone: what is done under a lease must be harmless if
it is done twice, and must first look whether it is done already.
"""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from include.lake.object_store import StoragePath

LASTS = timedelta(minutes=10)
"""Many times what sending a message by every way takes, and more than clocks of two machines differ by."""


@contextmanager
def try_lock(file: StoragePath) -> Iterator[bool]:
    """Whether this process alone may work on that file until the block ends. FileNotFoundError on disk without it."""
    with _locked(file) if file.is_local else _recorded(file) as mine:
        yield mine


@contextmanager
def _locked(file: StoragePath) -> Iterator[bool]:
    with file.path.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def _recorded(file: StoragePath) -> Iterator[bool]:
    folder = StoragePath(file.uri.rpartition("/")[0])
    before = _numbers(folder, file.name)
    newest = before[-1] if before else 0
    is_free = not newest or _is_over(folder / f"{file.name}.holder-{newest}")
    record = folder / f"{file.name}.holder-{newest + 1}" if is_free else None
    until = (datetime.now(UTC) + LASTS).isoformat(timespec="seconds")
    mine = record is not None and record.create(json.dumps({"until": until}).encode())
    try:
        if mine:
            for each in before[:-1]:  # the newest stays: without it others would count anew, beside who looked before
                (folder / f"{file.name}.holder-{each}").remove()
        yield mine
    finally:
        if record is not None and mine:
            record.remove()


def _numbers(folder: StoragePath, name: str) -> list[int]:
    """The numbers of the records of a file, in their order."""
    found = (re.fullmatch(rf"{re.escape(name)}\.holder-(\d+)", each) for each in folder.names(f"{name}.holder-"))
    return sorted(int(match[1]) for match in found if match)


def _is_over(record: StoragePath) -> bool:
    try:
        until = datetime.fromisoformat(json.loads(record.read())["until"])
    except FileNotFoundError:  # let go meanwhile: whoever comes next finds it free
        return False
    except (ValueError, TypeError, KeyError):
        return True
    return until.astimezone(UTC) < datetime.now(UTC)
