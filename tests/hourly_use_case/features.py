"""The features are the stop's own fields, and its passengers of the same hour a day earlier."""

from __future__ import annotations

import ibis

from include.use_case import Period


def build(period: Period, stops: ibis.Table, passengers: ibis.Table) -> ibis.Table:
    """One row per stop of `period`."""
    now = stops.filter(stops.at == period.start)
    before = passengers.filter(passengers.at == (period - 24).start)
    rows = now.left_join(before.select("stop", a_day_ago=before.passengers), "stop")
    return rows.select("at", "stop", "line", "rain", "a_day_ago", hour=rows["at"].hour())


def labels(period: Period, stops: ibis.Table, passengers: ibis.Table) -> ibis.Table:
    """One row per stop whose passengers became known at `period`."""
    return passengers.filter(passengers.period == period.start).select("at", "stop", "passengers")
