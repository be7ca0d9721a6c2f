"""Generate visits: Poisson counts with a known mean, known at the start of the next day."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from include.use_case import Period

FIRST = Period("2020-01-01")
SHOPS = 60
TOWNS = np.array(["north", "south", "west"])


def shops(period: Period) -> pa.Table:
    """The shops of `period`, with the forecast of the temperature."""
    return everything(period).drop_columns(["visits"])


def visits(period: Period) -> pa.Table:
    """The visits of the day before `period`."""
    return everything(period - 1).select(["on", "shop", "visits"])


def mean_of(period: Period, shop: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """The mean of each shop's visits."""
    weekend = period.start_date.weekday() >= 5
    level = np.array([2.0, 2.6, 1.2])[shop % 3] + (0.5 if weekend else 0.0)
    # Warmth helps in the north and hurts in the south: an interaction that no linear model finds.
    return np.exp(level + np.array([0.06, -0.06, 0.0])[shop % 3] * (temperature - 10))


def everything(period: Period) -> pa.Table:
    """Shops and visits of `period`; none before the first day."""
    rows = SHOPS if period >= FIRST else 0
    rng = np.random.default_rng(period.start_date.toordinal())
    shop, temperature = np.arange(rows, dtype=np.int32), rng.normal(10, 5, rows)
    return pa.table(
        {
            "on": pa.array([period.start_date] * rows, pa.date32()),
            "shop": pa.array(shop),
            "town": pa.array(TOWNS[shop % 3], pa.string()),
            "temperature": pa.array(temperature),
            "visits": pa.array(rng.poisson(mean_of(period, shop, temperature)).astype(np.int32)),
        }
    )
