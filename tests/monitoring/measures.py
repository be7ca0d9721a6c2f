"""Rows of the table `metrics`, written by the tests."""

from __future__ import annotations

import pyarrow as pa

from include.declaration.period import Period
from include.lake import schemas
from include.lake.lake import Lake

SIGNALS = (
    ("weighted_drift", "features"),
    ("prediction_drift", "prediction"),
    ("staleness", "model"),
    ("skill_loss/log_loss", "prior"),
)


def write(lake: Lake, period: Period, **breached: bool | None) -> None:
    """A day's measures: of the metrics named, breached or not; of the others, not breached."""
    empty = dict.fromkeys(schemas.METRICS.names)
    rows = [
        empty
        | {
            "metric": metric,
            "subject": subject,
            "value": 0.5,
            "limit": 0.25,
            "model_version": "1",
            "measured_period": period.start_date,
        }
        | {"breached": breached.get(metric.replace("/", "_"), False), "periods": 1, "missing_reason": ""}
        for metric, subject in SIGNALS
    ]
    lake.replace("metrics", period, pa.Table.from_pylist(rows, schema=schemas.METRICS), inputs={}, stage="measure")


def breach(lake: Lake, period: Period) -> None:
    """Measures of a day on which the weighted drift is over its limit."""
    write(lake, period, weighted_drift=True)
