"""Generate orders: Poisson counts with a known mean, known at the start of the next week."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from include.use_case import Period

FIRST = Period("2018-W12-7")
SHOPS = 30
TOWNS = np.array(["north", "south", "west"])


def shops(period: Period) -> pa.Table:
    """The shops of `period`, with their prices."""
    return everything(period).drop_columns(["orders"])


def orders(period: Period) -> pa.Table:
    """The orders of the week before `period`."""
    return everything(period - 1).select(["week", "shop", "orders"])


def everything(period: Period) -> pa.Table:
    """Shops and orders of `period`; none before the first week."""
    rows = SHOPS if period >= FIRST else 0
    rng = np.random.default_rng(period.ordinal)
    shop, price = np.arange(rows, dtype=np.int32), rng.normal(0, 1, rows)
    mean = np.exp(np.array([3.0, 2.6, 2.2])[shop % 3] + np.array([0.4, -0.4, 0.0])[shop % 3] * price)
    return pa.table(
        {
            "week": pa.array([period.start] * rows, pa.date32()),
            "shop": pa.array(shop),
            "town": pa.array(TOWNS[shop % 3], pa.string()),
            "price": pa.array(price),
            "orders": pa.array(rng.poisson(mean).astype(np.int32)),
        }
    )
