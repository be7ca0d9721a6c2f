"""Generate passengers: Poisson counts with a known mean, known at the start of the next hour."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from include.use_case import Period

FIRST = Period("2020-03-25T00Z")
STOPS = 12
LINES = np.array(["red", "green", "blue"])


def stops(period: Period) -> pa.Table:
    """The stops of `period`, with the forecast of the rain."""
    return everything(period).drop_columns(["passengers"])


def passengers(period: Period) -> pa.Table:
    """The passengers of the hour before `period`."""
    return everything(period - 1).select(["at", "stop", "passengers"])


def mean_of(period: Period, stop: np.ndarray, rain: np.ndarray) -> np.ndarray:
    """The mean of each stop's passengers: more by day than at night."""
    level = np.array([2.0, 2.6, 1.2])[stop % 3] + np.sin(2 * np.pi * (period.start.hour - 8) / 24)
    return np.exp(level + np.array([0.3, -0.3, 0.0])[stop % 3] * rain)


def everything(period: Period) -> pa.Table:
    """Stops and passengers of `period`; none before the first hour."""
    rows = STOPS if period >= FIRST else 0
    rng = np.random.default_rng(period.ordinal)
    stop, rain = np.arange(rows, dtype=np.int32), rng.normal(0, 1, rows)
    return pa.table(
        {
            "at": pa.array([period.start] * rows, pa.timestamp("us", "UTC")),
            "stop": pa.array(stop),
            "line": pa.array(LINES[stop % 3], pa.string()),
            "rain": pa.array(rain),
            "passengers": pa.array(rng.poisson(mean_of(period, stop, rain)).astype(np.int32)),
        }
    )
