"""Convert periods to NumPy arrays of their starts.

They are dates for days and weeks, and instants (UTC) for hours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from include.declaration.period import HOUR, Period, Unit

Starts = npt.NDArray[np.datetime64]


def to_starts(periods: Iterable[Period]) -> Starts:
    """Return the starts of periods of one calendar, in their order."""
    starts = [period.naive_start for period in periods]
    return np.array(starts, dtype="datetime64" if starts else "datetime64[D]")


def to_start(period: Period) -> np.datetime64:
    """Return the start of a period."""
    return np.datetime64(period.naive_start)


def to_step(unit: Unit, periods: int = 1) -> np.timedelta64:
    """Return the length of a number of periods."""
    step = unit.step * periods
    return np.timedelta64(step // HOUR.step, "h") if unit is HOUR else np.timedelta64(step.days, "D")


def end_of(starts: Starts) -> Any:
    """Return the end of the last period.

    It is taken to be as long as the shortest step between periods.
    """
    distinct = np.unique(starts)
    if len(distinct) > 1:
        return distinct[-1] + np.diff(distinct).min()
    return distinct[-1] + (np.timedelta64(1, "D") if starts.dtype == "datetime64[D]" else np.timedelta64(1, "h"))
