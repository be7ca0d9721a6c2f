"""Draw estimates without labels, with what came true, and attribution drift."""

from __future__ import annotations

from typing import Any

from include.model.metrics import METRICS
from include.monitoring.definitions import ESTIMATE_ERROR, ESTIMATED, MONITORING_METRICS
from include.monitoring.metric_table import MetricValue
from include.retraining.estimate_record import record_of
from include.web import charts
from include.web.overview import Overview
from include.web.plotly import add_band, add_line, new_chart, to_x

Figure = dict[str, Any]
NAME, DRIFT = "estimated", "attribution_drift"
"""Names of the two charts."""


def estimate_charts(overview: Overview) -> dict[str, Figure]:
    """Return the charts by name; one without values is left out."""
    drawn = {NAME: _estimate_chart(overview), DRIFT: charts.limited_chart(overview, MONITORING_METRICS[DRIFT])}
    return {name: each for name, each in drawn.items() if each is not None}


def estimate_texts(overview: Overview) -> dict[str, str]:
    """Return the page's texts: metric, record, and why there is no estimate."""
    main = overview.use_case.task.main_metric
    rows = _errors(overview, main)
    record = record_of(row._asdict() for row in rows)
    unit, sentence = overview.period.unit, ""
    if rows:
        sentence = f"The interval {record.sentence(unit)}."
        if reason := record.missing_reason(unit):
            sentence += f" The estimate cannot trigger a training yet: {reason}."
    reasons = [row.missing_reason for row in overview.measures.rows_of(f"{ESTIMATED}{main}") if row.missing_reason]
    return {
        "metric": METRICS[main].title,
        "record": sentence,
        "empty": reasons[-1] if reasons else f"No {unit.name} shown has an estimate.",
    }


def _errors(overview: Overview, main: str) -> list[MetricValue]:
    return overview.measures.rows_of(f"{ESTIMATE_ERROR}{main}", "model")


def _estimate_chart(overview: Overview) -> Figure | None:
    """Draw each period's estimate, dashed, with what came true."""
    main = overview.use_case.task.main_metric
    estimated = overview.measures.rows_of(f"{ESTIMATED}{main}", "model")
    if not any(row.value is not None for row in estimated):
        return None
    realised = [row for row in overview.measures.rows_of(main, "model") if row.measured_period >= overview.first]
    return new_chart(
        overview,
        [
            add_band(overview, estimated),
            add_line(overview, realised, "came true", "var(--expected)", width=1.6, by="measured_period"),
            add_line(overview, estimated, "estimated", "var(--first)", dash="dash", width=2, detail=_detail),
            _missed(realised, _errors(overview, main)),
        ],
    )


def _missed(realised: list[MetricValue], errors: list[MetricValue]) -> Figure:
    """Return a mark for each value outside of its interval; empty without any."""
    missed = {
        row.measured_period
        for row in errors
        if row.value is not None and row.lower is not None and row.upper is not None
        and not row.lower <= row.value <= row.upper
    }  # fmt: skip
    shown = [row for row in realised if row.measured_period in missed and row.value is not None]
    if not shown:
        return {}
    return {
        "type": "scatter", "mode": "markers", "name": "outside the interval",
        "x": [to_x(row.measured_period) for row in shown], "y": [row.value for row in shown],
        "marker": {"color": "var(--bad)", "size": 6, "symbol": "circle"}, "hoverinfo": "skip",
    }  # fmt: skip


def _detail(row: MetricValue) -> str:
    reach = "" if row.lower is None or row.upper is None else f"{row.lower:.4f} to {row.upper:.4f}, "
    return f"{reach}version {row.model_version}"
