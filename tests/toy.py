"""The toy use case in a lake, written directly: features and labels as its steps would write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa

from include.declaration.period import Period, period_range
from include.lake.lake import Lake
from include.use_case import UseCase
from tests.toy_use_case import USE_CASE, source

__all__ = ["USE_CASE", "fill", "with_key"]
FEATURES = ["event_date", "id", *USE_CASE.features]


def fill(lake: Lake, first: Period, last: Period, rows: Callable[[Period], pa.Table] = source.everything) -> None:
    """Labels, then features, of each day from `first` to `last`, as the data run of each day leaves them."""
    for period in period_range(first, last):
        lake.replace("labels", period, source.outcomes(period), inputs={}, stage="label")
        lake.replace("features", period, rows(period).select(FEATURES), inputs={}, stage="build_features")


def with_key(name: str) -> UseCase:
    """The toy use case with that name for its key `id`."""
    feeds = tuple(
        replace(
            feed,
            columns={name if column == "id" else column: kind for column, kind in feed.columns.items()},
            keys=("event_date", name),
        )
        for feed in USE_CASE.feeds
    )
    return replace(USE_CASE, feeds=feeds, keys=("event_date", name))
