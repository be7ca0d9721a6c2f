"""The toy use case in a lake, written directly: features and labels as its stages would leave them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pyarrow as pa

from include.storage.lake import Lake
from include.storage.partitions import days_from
from tests.toy_use_case import USE_CASE, source

__all__ = ["USE_CASE", "fill"]
FEATURES = ["event_date", "id", *USE_CASE.features]


def fill(lake: Lake, first: date, last: date, rows: Callable[[date], pa.Table] = source.everything) -> None:
    """Labels, then features, of each day from `first` to `last`, as the data run of each day leaves them."""
    for day in days_from(first, last):
        lake.replace("labels", day, source.outcomes(day), inputs={}, stage="label")
        lake.replace("features", day, rows(day).select(FEATURES), inputs={}, stage="build_features")
