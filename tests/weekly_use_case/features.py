"""The features are the shop's own fields, and its orders of four weeks earlier."""

from __future__ import annotations

import ibis

from include.use_case import Period


def build(period: Period, shops: ibis.Table, orders: ibis.Table) -> ibis.Table:
    """One row per shop of `period`."""
    now = shops.filter(shops.week == period.start)
    before = orders.filter(orders.week == (period - 4).start)
    rows = now.left_join(before.select("shop", weeks_ago=before.orders), "shop")
    return rows.select("week", "shop", "town", "price", "weeks_ago", month=rows.week.month())


def labels(period: Period, shops: ibis.Table, orders: ibis.Table) -> ibis.Table:
    """One row per shop whose orders became known at `period`."""
    return orders.filter(orders.period == period.start).select("week", "shop", "orders")
