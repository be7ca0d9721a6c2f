"""The features are the event's own fields."""

from __future__ import annotations

import ibis

from include.use_case import Period


def build(period: Period, events: ibis.Table, outcomes: ibis.Table) -> ibis.Table:
    """One row per event of `period`."""
    rows = events.filter(events.event_date == period.start_date)
    return rows.select("event_date", "id", "kind", "size", "hour", "urgent")


def labels(period: Period, events: ibis.Table, outcomes: ibis.Table) -> ibis.Table:
    """One row per outcome that became known at `period`."""
    return outcomes.filter(outcomes.period == period.start_date).select("event_date", "id", "failed")
