"""Decide whether a stage took longer than usual for its number of rows."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_PERIODS = 3
"""With fewer earlier days, the usual duration is unknown."""


@dataclass(frozen=True)
class Duration:
    """Hold the duration of a stage and its limit; None if not known yet."""

    seconds: float
    rows: int
    usual_seconds: float | None = None
    limit: float | None = None
    breached: bool | None = None


def judge_duration(seconds: float, rows: int, earlier: Sequence[tuple[float, int]], max_slowdown: float) -> Duration:
    """Compare the seconds per row with the median of earlier days.

    They are given as (seconds, rows). A breach took more than `max_slowdown` times as long. Not judged without rows, or
    with fewer than 3 earlier days with rows.
    """
    per_row = [day_seconds / day_rows for day_seconds, day_rows in earlier if day_rows > 0]
    if len(per_row) < LEAST_PERIODS or rows <= 0:
        return Duration(seconds, rows)
    usual = statistics.median(per_row) * rows
    return Duration(seconds, rows, usual, max_slowdown * usual, seconds > max_slowdown * usual)
