"""The features are the part's own fields."""

from __future__ import annotations

import ibis

from include.use_case import Period


def build(period: Period, parts: ibis.Table, inspections: ibis.Table) -> ibis.Table:
    """One row per part of `period`."""
    return parts.filter(parts.on == period.start_date).select("on", "part", "machine", "heat")


def labels(period: Period, parts: ibis.Table, inspections: ibis.Table) -> ibis.Table:
    """One row per part whose grade became known at `period`."""
    return inspections.filter(inspections.period == period.start_date).select("on", "part", "grade")
