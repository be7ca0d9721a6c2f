"""Generate events with a known probability of failing.

An event is known at the start of its own day. Its outcome is known at the start of the next day, or, for every
seventh event, a day later.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from include.use_case import Period
from tests.toy_use_case import USE_CASE

ROWS = 200
KINDS = np.array(["bolt", "nut", "rivet", "screw"])


def events(period: Period) -> pa.Table:
    """The events of `period`."""
    return everything(period).drop_columns(["failed"])


def outcomes(period: Period) -> pa.Table:
    """What became known during the day before: the prompt outcomes of yesterday and the late ones of before."""
    prompt, late = everything(period - 1), everything(period - 2)
    known = pa.concat_tables([prompt.filter(~_late(prompt)), late.filter(_late(late))])
    return known.select(["event_date", "id", "failed"]).sort_by([("event_date", "ascending"), ("id", "ascending")])


def everything(period: Period, rows: int = ROWS) -> pa.Table:
    """Events and outcomes of `period`, whenever they become known; none before the first day."""
    rows = rows if period >= USE_CASE.first_period else 0
    rng = np.random.default_rng(period.start_date.toordinal())
    kind, hour = rng.integers(0, len(KINDS), rows), rng.integers(0, 24, rows).astype(np.int32)
    size, urgent = rng.normal(10, 3, rows), rng.random(rows) < 0.2
    # The kinds differ only within office hours: an interaction that no linear model finds.
    office = (hour >= 8) & (hour < 18)
    score = -1.6 + np.where(office, np.array([2.2, -1.0, 0.8, -1.6])[kind], 0.4) + 1.2 * (np.abs(size - 10) > 4)
    failed = rng.random(rows) < 1 / (1 + np.exp(-score))
    size = np.where(rng.random(rows) < 0.1, np.nan, size)
    return pa.table(
        {
            "event_date": pa.array([period.start_date] * rows, pa.date32()),
            "id": pa.array(np.arange(rows, dtype=np.int64)),
            "kind": pa.array(KINDS[kind], pa.string()),
            "size": pa.array(size, from_pandas=True),
            "hour": pa.array(hour),
            "urgent": pa.array(urgent),
            "failed": pa.array(failed.astype(np.int8)),
        }
    )


def _late(rows: pa.Table) -> pa.Array:
    return np.asarray(rows["id"]) % 7 == 3
