"""Trailing sums per customer over the look-back, before the day itself."""

from __future__ import annotations

import ibis

from include.use_case import Period


def build(period: Period, events: ibis.Table, outcomes: ibis.Table) -> ibis.Table:  # noqa: ARG001  # every feed is given
    """One row per event of the day, with what was known of its customer."""
    past = (
        events.filter(events.event_date < period.start_date)
        .group_by("customer")
        .aggregate(count=lambda t: t.count(), amount=lambda t: t.cents.sum(), largest=lambda t: t.cents.max())
    )
    rows = events.filter(events.event_date == period.start_date).left_join(past, "customer")
    return rows.select("event_date", "id", "kind", "size", "cents", "count", "amount", "largest")


def labels(period: Period, events: ibis.Table, outcomes: ibis.Table) -> ibis.Table:  # noqa: ARG001  # every feed is given
    """The outcomes that became known on the day."""
    known = outcomes.filter(outcomes.event_date == (period - 1).start_date)
    return known.select("event_date", "id", "failed")
