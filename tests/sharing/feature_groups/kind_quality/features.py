"""The defects of the day, and their mean over three days."""

from __future__ import annotations

import ibis

from include.use_case import Period


def build(period: Period, inspections: ibis.Table) -> ibis.Table:
    """One row for each kind that was inspected on `period`."""
    recent = inspections.group_by("kind").agg(recent_defects=inspections.defects.mean())
    today = inspections.filter(inspections.inspected_on == period.start_date)
    return today.join(recent, "kind").select("inspected_on", "kind", "defects", "recent_defects")
