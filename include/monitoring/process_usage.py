"""Measure the time, processor time, memory and bytes that a block of code takes.

On Linux, /proc is read. Elsewhere bytes are unknown, and the peak of memory is that of the process.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from include.lake import s3_traffic

PROC = Path("/proc/self")
_RESET_PEAK = b"5"
"""Sets the peak of resident memory to the present value, see proc_pid_clear_refs(5)."""
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class ProcessUsage:
    """What a block of code took.

    Processes that it started and that ended within it are included.
    """

    started_at: datetime
    seconds: float
    cpu_seconds: float
    """Of all threads."""
    peak_memory: int
    """Largest resident memory, in bytes: of this process, or of one that it started."""
    memory_before: int
    """Resident memory when the block began."""
    peak_is_of_block: bool
    """Whether the peak is that of the block; otherwise it is that of the process since its start."""
    read_bytes: int | None
    """Bytes that read calls returned, of files and pipes, from the disk or its cache; None if unknown."""
    written_bytes: int | None
    downloaded_bytes: int
    """Bytes of files read from S3; sockets are not in `read_bytes`."""
    uploaded_bytes: int


class UsageMeter:
    """Measure the code in a `with` block, for `usage`.

    Blocks must not be nested: each lets the peak of memory begin again.
    """

    usage: ProcessUsage

    def __init__(self, proc: Path = PROC) -> None:
        """Read the files of this folder, which may be missing."""
        self._proc = proc

    def __enter__(self) -> Self:
        self._resets = _reset_peak(self._proc)
        self._memory_before = _resident(self._proc)
        self._children_before = _peak_of_children()
        self._before = _Counters.read(self._proc)
        self._started_at = datetime.now(UTC)
        return self

    def __exit__(self, *_: object) -> None:
        after, before = _Counters.read(self._proc), self._before
        children = _peak_of_children()
        own = _peak(self._proc)
        self.usage = ProcessUsage(
            started_at=self._started_at,
            seconds=after.seconds - before.seconds,
            cpu_seconds=after.cpu_seconds - before.cpu_seconds,
            # The peak of children only grows: if it did, one that ended in the block had it.
            peak_memory=max(own, children) if children > self._children_before else own,
            memory_before=self._memory_before,
            peak_is_of_block=self._resets,
            read_bytes=_difference(after.read_bytes, before.read_bytes),
            written_bytes=_difference(after.written_bytes, before.written_bytes),
            downloaded_bytes=after.traffic.downloaded - before.traffic.downloaded,
            uploaded_bytes=after.traffic.uploaded - before.traffic.uploaded,
        )


@dataclass(frozen=True)
class _Counters:
    """What this process and its ended children have used so far."""

    seconds: float
    cpu_seconds: float
    read_bytes: int | None
    written_bytes: int | None
    traffic: s3_traffic.S3Traffic

    @classmethod
    def read(cls, proc: Path) -> _Counters:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        counted = _values(proc / "io")
        return cls(
            seconds=time.monotonic(),
            cpu_seconds=time.process_time() + children.ru_utime + children.ru_stime,
            read_bytes=counted.get("rchar"),
            written_bytes=counted.get("wchar"),
            traffic=s3_traffic.current_traffic(),
        )


def _difference(after: int | None, before: int | None) -> int | None:
    return None if after is None or before is None else after - before


def _reset_peak(proc: Path) -> bool:
    """Let the peak of resident memory begin again; return whether the kernel does."""
    try:
        file = os.open(proc / "clear_refs", os.O_WRONLY)  # creates none where there is no /proc
    except OSError:
        return False
    try:
        os.write(file, _RESET_PEAK)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def _resident(proc: Path) -> int:
    kilobytes = _values(proc / "status").get("VmRSS")
    return 0 if kilobytes is None else kilobytes * 1024


def _peak(proc: Path) -> int:
    kilobytes = _values(proc / "status").get("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT if kilobytes is None else kilobytes * 1024


def _peak_of_children() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _MAXRSS_UNIT


def _values(file: Path) -> Mapping[str, int]:
    """Return the numbers of a file of /proc by name; none if it cannot be read."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":")[::2] for line in lines)
    return {name: int(words[0]) for name, text in pairs if (words := text.split()) and words[0].isdigit()}
