"""The features are the event's own fields."""

from __future__ import annotations

from datetime import date

import ibis


def build(day: date, events: ibis.Table, outcomes: ibis.Table) -> ibis.Table:
    """One row per event of `day`."""
    return events.filter(events.event_date == day).select("event_date", "id", "kind", "size", "hour", "urgent")


def labels(day: date, events: ibis.Table, outcomes: ibis.Table) -> ibis.Table:
    """One row per outcome that became known at `day`."""
    return outcomes.filter(outcomes.day == day).select("event_date", "id", "failed")
