"""Decide whether a stage took longer than it usually does for as many rows."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_DAYS = 3
"""With fewer earlier days nobody knows what is usual."""


@dataclass(frozen=True)
class Duration:
    """How long a stage took for so many rows; None for what is not known yet."""

    seconds: float
    rows: int
    usual_seconds: float | None = None
    limit: float | None = None
    breached: bool | None = None


def judge_duration(seconds: float, rows: int, earlier: Sequence[tuple[float, int]], slower: float) -> Duration:
    """Hold `seconds` for `rows` against the median of the seconds per row of earlier days (seconds and rows of each).

    Breached where it took more than `slower` times as long. Not judged without rows, or with fewer than 3 such days.
    """
    each = [took / done for took, done in earlier if done > 0]
    if len(each) < LEAST_DAYS or rows <= 0:
        return Duration(seconds, rows)
    usual = statistics.median(each) * rows
    return Duration(seconds, rows, usual, slower * usual, seconds > slower * usual)
