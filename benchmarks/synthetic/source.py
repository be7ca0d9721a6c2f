"""Invent the rows of a day; the environment says how many."""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa

from benchmarks.synthetic import COLUMNS, FIRST
from include.use_case import Period

ROWS = "BENCH_ROWS"


def rows() -> int:
    """Return the number of rows a day."""
    return int(os.environ[ROWS])


def events(period: Period) -> pa.Table:
    """The events of the day."""
    rng, count = np.random.default_rng(period.start_date.toordinal()), rows()
    columns = {
        "event_date": pa.repeat(pa.scalar(period.start_date), count),
        "id": np.arange(count),
        "customer": pa.array(rng.integers(0, max(count // 5, 1), count), pa.int32()),
        "kind": rng.choice(["a", "bb", "ccc"], count),
        "cents": rng.integers(0, 100_000, count),
        "size": rng.normal(0, 1, count),
    }
    return pa.table(columns, schema=pa.schema({name: pa.type_for_alias(kind) for name, kind in COLUMNS.items()}))


def outcomes(period: Period) -> pa.Table:
    """The outcomes of the day before: large and expensive events fail more often."""
    known = events(period - 1)
    if period == FIRST:
        known = known.slice(0, 0)
    rng = np.random.default_rng(period.start_date.toordinal() + 1_000_000)
    score = known["size"].to_numpy() + known["cents"].to_numpy() / 50_000 - 2
    failed = (rng.random(known.num_rows) < 1 / (1 + np.exp(-score))).astype(np.int8)
    return known.select(["event_date", "id"]).append_column("failed", pa.array(failed))
