"""Choose the number of threads of a numeric library."""

from __future__ import annotations

import os
from pathlib import Path

ROWS_PER_THREAD = 250_000
"""Least number of rows for a second thread: for 44,000 flights on two busy cores, two threads (which wait for each
other at every split) took 17 s and one 1.6 s, for the same trees."""


def threads_for(rows: int) -> int:
    """Return the number of threads for this many rows, at most the number of cores.

    It changes no tree and no prediction.
    """
    return min(_cores(), 1 + rows // ROWS_PER_THREAD)


def _cores() -> int:
    """Return the cores that this process may use.

    They are its CPU affinity, limited by a container's quota.
    """
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(available, int(quota) // int(period)))
    except (OSError, ValueError):  # no such limit here, or the quota is "max"
        return available
