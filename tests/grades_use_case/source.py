"""Generate grades with known probabilities, known at the start of the next day."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from include.use_case import Period

FIRST = Period("2020-01-01")
PARTS = 120
MACHINES = np.array(["lathe", "mill", "press"])
GRADES = np.array(["best", "good", "fair", "poor", "scrap"])


def parts(period: Period) -> pa.Table:
    """The parts of `period`."""
    return everything(period).drop_columns(["grade"])


def inspections(period: Period) -> pa.Table:
    """The grades of the day before `period`."""
    return everything(period - 1).select(["on", "part", "grade"])


def everything(period: Period) -> pa.Table:
    """Parts and grades of `period`; none before the first day."""
    rows = PARTS if period >= FIRST else 0
    rng = np.random.default_rng(period.start_date.toordinal())
    machine, heat = rng.integers(0, 3, rows), rng.normal(0, 1, rows)
    # A hot press scraps, a hot lathe grades best: an interaction that no linear model finds.
    middle = 2.0 + 1.5 * heat * np.array([-1.0, 0.0, 1.0])[machine]
    score = -np.square(np.arange(5)[None, :] - middle[:, None]) / 1.5
    chances = np.exp(score - score.max(axis=1, keepdims=True)) if rows else np.empty((0, 5))
    chances /= chances.sum(axis=1, keepdims=True)
    grade = (rng.random(rows)[:, None] > np.cumsum(chances, axis=1)).sum(axis=1).clip(max=4)
    return pa.table(
        {
            "on": pa.array([period.start_date] * rows, pa.date32()),
            "part": pa.array(np.arange(rows, dtype=np.int32)),
            "machine": pa.array(MACHINES[machine], pa.string()),
            "heat": pa.array(heat),
            "grade": pa.array(GRADES[grade], pa.string()),
        }
    )
