"""Describe a version's false-alarm rates in a sentence, from rows of `metrics`."""

from __future__ import annotations

from collections.abc import Sequence

from include.declaration.monitoring import Monitoring
from include.model.day_process import DEFAULT_CORRELATION, OWN_DAYS
from include.monitoring.definitions import FALSE_ALARMS, MONITORING_METRICS, limit_label
from include.monitoring.metric_table import MetricValue


def false_alarm_sentence(rows: Sequence[MetricValue], monitoring: Monitoring) -> str:
    """Return each limit's false alarms per year and their basis; empty without rows."""
    of_limits = [row for row in rows if row.metric == FALSE_ALARMS]
    rated = [row for row in of_limits if row.value is not None]
    if not rated:
        return " ".join(dict.fromkeys(row.missing_reason for row in of_limits if row.missing_reason))
    declared = {limit_label(limit.name, limit.subject): limit.false_alarms_per_year for limit in monitoring.limits}
    drift = (name for name, metric in MONITORING_METRICS.items() if metric.category == "drift")
    declared |= dict.fromkeys(drift, monitoring.drift_false_alarms_per_year)
    shown = ", ".join(_rate(row, declared.get(row.subject)) for row in rated)
    unknown = "".join(f" {row.subject}: unknown, {row.missing_reason}" for row in of_limits if row.value is None)
    return f"False alarms a year: {shown}.{unknown} {_basis(max(row.periods for row in rated))}"


def _rate(row: MetricValue, declared: float | None) -> str:
    rate = f"{row.subject.replace('_', ' ')} {row.value:.1f}"
    return rate if declared is None else f"{rate} (declared {declared:g})"


def _basis(periods: int) -> str:
    if periods >= OWN_DAYS:
        return f"Computed from the version's {periods} validation and test periods."
    return (
        f"Computed from the version's {periods} validation and test periods: fewer than {OWN_DAYS}, so with the default"
        f" process (the correlation between consecutive periods is {DEFAULT_CORRELATION:g})."
    )
