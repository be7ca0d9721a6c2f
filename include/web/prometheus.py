"""Export use cases' newest metrics in Prometheus' text format.

Their ages are exported too. A metric without a value is absent, never 0 or NaN. Ages grow with the clock, so a monitor
that stopped is visible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from include.declaration.gates import BASELINES, MODEL
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.monitoring.definitions import MONITORING_METRICS, STALENESS
from include.printable import escape_line
from include.project import open_project
from include.web import exporter
from include.web.exporter import ExporterSnapshot

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
NOTHING = (
    "# There is no use case whose DAGs this user may read, so no metric is shown. Give the user the role Viewer.\n"
)
"""A comment in Prometheus' format: it explains an empty answer."""
SUBJECTS = (MODEL, *BASELINES)
"""Subjects whose metrics compare predictions with labels."""
FIGURES = {
    name: metric
    for name, metric in MONITORING_METRICS.items()
    if metric.series and not metric.is_pattern and name != STALENESS
}
"""Metrics of the table with their own series."""
PARTS = {metric.prefix: metric for metric in MONITORING_METRICS.values() if metric.series and metric.is_pattern}
"""First part of a metric's name to its definition; its series has the bounds of its interval too."""
OTHERS = {
    "up": "Whether everything about the use case could be read.",
    "readable": "Whether that part could be read.",
    "measured": "Whether any period was ever measured.",
    "measured_day_timestamp_seconds": "Start of the newest measured period.",
    "staleness_seconds": "Time since the start of the newest period of the subject.",
    "realised": "Value of the newest single period whose labels are complete.",
    "metric": "Any other metric of the newest measured period.",
    "limit": "The limit of a metric.",
    "breached": "Whether a metric is over its limit; absent if it was not judged.",
    "unmeasured": "1 for a metric not measured or not judged in the newest measured period; the page has the reason.",
    "decision_triggers": "Whether a signal of the newest decision triggers, even if the policy then holds.",
    "decision_retrain": "Whether the newest decision was to train.",
    "decision_timestamp_seconds": "Start of the period of the newest decision.",
    "retraining_timestamp_seconds": "Start of the period of the newest retraining with that outcome.",
    "trainings_claimed": "Trainings claimed for periods of this calendar month.",
    "trainings_allowed": "Trainings that may be claimed for periods of a calendar month.",
    "champion_present": "Whether a model is champion today.",
    "champion_info": "The champion of today.",
    "champion_effective_timestamp_seconds": "Start of the champion's effective period.",
}


def render_metrics(use_cases: Iterable[UseCase], now: datetime | None = None) -> bytes:
    """Render the metrics of the use cases.

    A use case that cannot be read does not raise.
    """
    readings = [exporter.read_snapshot(open_project(use_case), now or datetime.now(UTC)) for use_case in use_cases]
    if not readings:
        return NOTHING.encode()
    registry = CollectorRegistry()
    registry.register(_Readings(readings))
    return generate_latest(registry)


def metric_families(readings: Sequence[ExporterSnapshot]) -> list[Metric]:
    """Return the series of the snapshots, each once.

    Prometheus would refuse all of them otherwise.
    """
    series: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for reading in readings:
        for name, value, labels in _series(reading):
            shown = {label: escape_line(text) for label, text in labels.items()}
            series[name, tuple({"use_case": reading.use_case.name, **shown}.items())] = value
    families: dict[str, GaugeMetricFamily] = {}
    for (name, pairs), value in sorted(series.items()):
        if name not in families:
            families[name] = GaugeMetricFamily(f"airworthy_{name}", HELP[name], labels=[label for label, _ in pairs])
        families[name].add_metric([label_value for _, label_value in pairs], value)
    return list(families.values())


def _help() -> dict[str, str]:
    parts = {metric.series: metric.meaning for metric in PARTS.values()}
    bounds = {
        f"{name}_{bound}": f"The {bound} bound of: {text}"
        for name, text in parts.items()
        for bound in ("lower", "upper")
    }
    return {metric.series: metric.meaning for metric in FIGURES.values()} | parts | bounds | OTHERS


HELP = _help()
"""Series name, without its prefix, to its meaning."""


class _Readings(Collector):
    """The snapshots as a prometheus_client collector."""

    def __init__(self, readings: Sequence[ExporterSnapshot]) -> None:
        self._readings = readings

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        return metric_families(self._readings)


Series = Iterator[tuple[str, float, dict[str, str]]]


def _series(reading: ExporterSnapshot) -> Series:
    """Yield name, value and labels of every series of a use case."""
    yield "up", float(not reading.unreadable), {}
    for part in exporter.PARTS:
        yield "readable", float(part not in reading.unreadable), {"part": part}
    yield from _of_metrics(reading)
    for cost in reading.costs:
        yield from _of_judged_row(cost._asdict())
    yield from _of_training(reading)
    if "ledger" not in reading.unreadable:
        yield "champion_present", float(reading.champion is not None), {}
    if reading.champion is not None:
        effective = _midnight(reading, reading.champion.effective_from).timestamp()
        yield "champion_info", 1.0, {"model_version": reading.champion.version}
        yield "champion_effective_timestamp_seconds", effective, {}


def _of_metrics(reading: ExporterSnapshot) -> Series:
    if "metrics" in reading.unreadable:
        return
    yield "measured", float(reading.measured_period is not None), {}
    if reading.measured_period is None:
        return
    yield "measured_day_timestamp_seconds", _midnight(reading, reading.measured_period).timestamp(), {}
    yield "staleness_seconds", _age(reading, reading.measured_period), {"subject": "metrics"}
    for row in sorted(reading.rows, key=lambda row: row["measured_period"]):  # the newer day overwrites the older one
        if row["metric"] == STALENESS and row["value"] is not None:
            newest = reading.measured_period - int(row["value"])
            yield "staleness_seconds", _age(reading, newest), {"subject": str(row["subject"])}
        yield from _of_judged_row(row)


def _of_judged_row(row: Mapping[str, Any]) -> Series:
    """Yield the value of a row, its limit, and whether it is a breach."""
    both = {"metric": str(row["metric"]), "subject": str(row["subject"])}
    if row["value"] is None or (row["breached"] is None and row["missing_reason"]):
        yield "unmeasured", 1.0, both  # also with a value that cannot be judged, such as of too few days
    if row["value"] is not None and row["metric"] != STALENESS:
        yield from _of_row(row)
    if row["limit"] is not None:
        yield "limit", row["limit"], both
    if row["breached"] is not None:
        yield "breached", float(row["breached"]), both


def _of_row(row: Mapping[str, Any]) -> Series:
    metric, subject = str(row["metric"]), str(row["subject"])
    part, slash, rest = metric.partition("/")
    if defined := PARTS.get(f"{part}{slash}"):
        name = defined.series
        for series, column in ((name, "value"), (f"{name}_lower", "lower"), (f"{name}_upper", "upper")):
            if row[column] is not None:
                yield series, row[column], {"metric": rest, "subject": subject}
    elif subject in SUBJECTS:
        yield "realised", row["value"], {"metric": metric, "subject": subject}
    elif metric in FIGURES:
        yield FIGURES[metric].series, row["value"], {"subject": subject}
    else:
        yield "metric", row["value"], {"metric": metric, "subject": subject}


def _of_training(reading: ExporterSnapshot) -> Series:
    yield "trainings_allowed", float(reading.use_case.retraining.per_month), {}
    if reading.claimed is not None:
        yield "trainings_claimed", float(reading.claimed), {}
    if reading.decision is not None:
        period, outcome = reading.decision
        yield "decision_triggers", float(reading.triggers), {}
        yield "decision_retrain", float(outcome == "retrain"), {}
        yield "decision_timestamp_seconds", _midnight(reading, period).timestamp(), {}
    for outcome, period in reading.retrainings.items():
        yield "retraining_timestamp_seconds", _midnight(reading, period).timestamp(), {"outcome": outcome}


def _midnight(reading: ExporterSnapshot, period: Period) -> datetime:
    return reading.use_case.decision_time(period)


def _age(reading: ExporterSnapshot, period: Period) -> float:
    return (reading.now - _midnight(reading, period)).total_seconds()
