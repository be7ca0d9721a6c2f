"""Read the signals of a retraining policy from a day's metrics. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from include.declaration.period import Period
from include.monitoring.definitions import ESTIMATED_DEGRADATION, MONITORING_METRICS, PERFORMANCE, SIGNALS, limit_label

ROWS = {
    metric.signal: (metric.name, metric.signal_subject)
    for metric in MONITORING_METRICS.values()
    if metric.signal and metric.signal_subject
}
"""Signal to the metric and subject that show it."""
SHOWN_BY = {
    signal: tuple(metric.prefix for metric in MONITORING_METRICS.values() if metric.signal == signal)
    for signal in SIGNALS
    if signal not in ROWS
}
"""Signal to the first parts of the names of the metrics that show it, each with a limit."""

COMPARED = (*PERFORMANCE, ESTIMATED_DEGRADATION)
"""First parts of the names of metrics whose lower bound is compared with the limit."""


@dataclass(frozen=True)
class SignalValue:
    """Hold one signal on one day."""

    breached: bool | None
    """None: not judged on that day."""
    value: float | None = None
    limit: float | None = None
    metric: str = ""
    """The label of its limit."""
    missing_reason: str = ""
    """Why it is not judged."""
    measured_period: Period | None = None
    """The measured day, or the last of several: performance is known only for days before the label delay."""
    lower: float | None = None
    """The bound that is compared with the limit; None if the value is."""


@dataclass(frozen=True)
class MeasuredPeriod:
    """Hold the signals of one day."""

    period: Period
    version: str | None
    """The version that scored the day; None if it was not scored."""
    signals: Mapping[str, SignalValue] = field(default_factory=dict)
    missing_reason: str = ""
    """Why the day has no version."""


@dataclass(frozen=True)
class SignalFinding:
    """Hold one signal over the days that count."""

    signal: str
    breached: bool | None
    """On the newest day; None: not judged."""
    breaches: int
    """Days with a breach, of the `measured` days that count."""
    measured: int
    of_periods: int
    value: float | None
    limit: float | None
    lower: float | None
    triggers: bool
    metric: str = ""
    missing_reason: str = ""
    measured_period: str = ""
    """The last day that it was judged on; empty if it was not judged."""


def signals_of(period: Period, rows: Sequence[Mapping[str, Any]]) -> MeasuredPeriod:
    """Return the signals in one day's rows of the table `metrics`."""
    by_name = {(row["metric"], row["subject"]): row for row in rows}
    signals: dict[str, SignalValue] = {
        signal: _signal_value([by_name[key]] if key in by_name else [], period) for signal, key in ROWS.items()
    }
    compared = [row for (metric, _), row in by_name.items() if metric.startswith(COMPARED)]
    for signal, first_parts in SHOWN_BY.items():
        # Metrics without a limit are informational: if undefined, they do not make the signal inconclusive.
        limited = [row for row in compared if row["metric"].startswith(first_parts) and row["limit"] is not None]
        signals[signal] = _signal_value(limited, period)
    about_today = [by_name[key] for key in ROWS.values() if key in by_name]
    versions = [row["model_version"] for row in [*about_today, *compared] if row["model_version"]]
    if versions:
        return MeasuredPeriod(period, versions[0], signals)
    unscored = by_name.get(("missing_predictions", "predictions"), {})
    return MeasuredPeriod(period, None, signals, unscored.get("missing_reason") or "its metrics do not name a model")


def _signal_value(rows: Sequence[Mapping[str, Any]], period: Period) -> SignalValue:
    """Return a breach if any row is one, and no breach only if every row was judged."""
    if not rows:
        return SignalValue(None, missing_reason="it was not measured")
    ordered = sorted(rows, key=lambda row: (row["breached"] is not True, row["breached"] is not None, row["metric"]))
    row = ordered[0]
    compared, measured = row["metric"].startswith(COMPARED), row["measured_period"]
    return SignalValue(
        row["breached"], row["value"], row["limit"], limit_label(row["metric"], row["subject"]),
        row["missing_reason"] or "", period.sibling(measured) if measured else None, row["lower"] if compared else None,
    )  # fmt: skip
