"""The features are the event's own fields."""

from __future__ import annotations

import ibis

from include.use_case import Period


def build(day: Period, events: ibis.Table, outcomes: ibis.Table) -> ibis.Table:
    """One row per event of `day`."""
    rows = events.filter(events.event_date == day.start_date)
    return rows.select("event_date", "id", "kind", "size", "hour", "urgent")


def labels(day: Period, events: ibis.Table, outcomes: ibis.Table) -> ibis.Table:
    """One row per outcome that became known at `day`."""
    return outcomes.filter(outcomes.day == day.start_date).select("event_date", "id", "failed")
