"""The features are the shop's own fields, and its visits a week earlier."""

from __future__ import annotations

import ibis

from include.use_case import Period


def build(period: Period, shops: ibis.Table, visits: ibis.Table) -> ibis.Table:
    """One row per shop of `period`."""
    today = shops.filter(shops.on == period.start_date)
    before = visits.filter(visits.on == (period - 7).start_date).select("shop", visits_7d_ago=visits.visits)
    rows = today.left_join(before, "shop")
    return rows.select("on", "shop", "town", "temperature", "visits_7d_ago", weekday=rows.on.day_of_week.index())


def labels(period: Period, shops: ibis.Table, visits: ibis.Table) -> ibis.Table:
    """One row per shop whose visits became known at `period`."""
    return visits.filter(visits.period == period.start_date).select("on", "shop", "visits")
