"""A measured year, written directly into the tables as `measure`, `decide` and `record_outcome` would.

Version 1 decays from the 200th day on, is retrained once without and once with success; five consecutive days were
never measured, and one day has no predictions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from include.declaration.period import Period
from include.declaration.task import Binary, Multiclass, Task
from include.lake import schemas
from include.lake.lake import Lake
from include.model.metrics import METRICS
from include.registry.ledger import Ledger
from include.registry.ledger_entry import LedgerDecision
from include.use_case import UseCase

FIRST = Period("2020-01-01")
DECAYS, REJECTED, PROMOTED = 200, 212, 240
"""Days, counted from the first, from which version 1 decays, and on which trainings were decided."""
GAP = range(120, 125)
"""Days that were never measured."""
UNPREDICTED = 150
"""The day without predictions."""
HOSTILE = "weighted drift <script>alert('drift')</script> over its limit"
LIMITS = {"psi": 0.2, "weighted_drift": 0.1, "prediction_drift": 0.15}
LARGEST_LOSS = 0.02
"""Limit of the lead over the first baseline that is lost."""


@dataclass(frozen=True)
class Row:
    """One row of `metrics`."""

    metric: str
    subject: str
    value: float | None
    measured_period: Period
    version: str | None
    lower: float | None = None
    upper: float | None = None
    limit: float | None = None
    breached: bool | None = None
    periods: int = 1
    missing_reason: str = ""


def period_of(number: int) -> Period:
    return FIRST + number


def fill(
    use_case: UseCase,
    numbers: range,
    more: Callable[[UseCase, int, Period, str], Iterator[Row]] = lambda *_: iter(()),
) -> None:
    """Metrics, decisions, retrainings and ledger of the days with these numbers.

    `more` are further rows of the day whose labels became known.
    """
    lake, seeds = Lake.open(use_case), np.random.default_rng(7)
    promote(use_case, "1", FIRST)
    for number in numbers:
        rows = list(_day(use_case, number, period_of(number), seeds))
        rows += more(use_case, number, period_of(number - 2), version_of(number))
        if number not in GAP:
            write(lake, period_of(number), rows)
            _decide(lake, number, period_of(number))
    if REJECTED in numbers:
        loss = METRICS[use_case.task.main_metric].label
        promote(use_case, "2", period_of(REJECTED), "rejection", f"{loss} is not better beyond doubt.")
    if PROMOTED - 1 in numbers:
        promote(use_case, "3", period_of(PROMOTED))


def write(lake: Lake, period: Period, rows: list[Row]) -> None:
    """Make these rows the metrics of the day."""
    columns = {field.name if field.name != "model_version" else "version": field for field in schemas.METRICS}
    values = {name: [getattr(row, name) for row in rows] for name in columns}
    values["measured_period"] = [row.measured_period.start_date for row in rows]
    arrays = [pa.array(values[name], field.type) for name, field in columns.items()]
    lake.replace("metrics", period, pa.table(arrays, schema=schemas.METRICS), inputs={}, stage="measure")


def record(lake: Lake, table: str, period: Period, **values: Any) -> None:
    """One row of `decisions` or `retrainings`."""
    schema = schemas.content_schema(lake.use_case, table)
    lake.replace(table, period, pa.Table.from_pylist([values], schema=schema), inputs={}, stage=table)


def promote(use_case: UseCase, version: str, period: Period, action: Any = "promotion", reason: str = "") -> None:
    Ledger.open(use_case).append(
        LedgerDecision(
            version=version, trees=f"trees{version}", fingerprint=f"print{version}", effective_from=period,
            action=action, actor="train", reason=reason or "Every gate passed.",
        )
    )  # fmt: skip


def version_of(number: int) -> str:
    return "1" if number < PROMOTED else "3"


def decay(number: int) -> float:
    """0 for a model as good as on its test days, growing to 1."""
    return float(np.clip((number - DECAYS) / (PROMOTED - DECAYS), 0, 1)) if number < PROMOTED else 0.0


def _day(use_case: UseCase, number: int, period: Period, seeds: np.random.Generator) -> Iterator[Row]:
    version, bad = version_of(number), decay(number)
    trained = FIRST + PROMOTED if version == "3" else period - number
    for feed in use_case.feeds:
        published, quarantined = int(seeds.normal(900, 40)), int(seeds.poisson(4))
        yield Row("rows", feed.name, published + quarantined, period, version)
        yield Row("published", feed.name, published, period, version)
        yield Row("quarantined", feed.name, quarantined, period, version)
        yield Row("quarantined_by_reason", f"{feed.name}: size must be above 0", quarantined, period, version)
        yield Row("volume_change", feed.name, seeds.normal(0, 0.05), period, version, limit=0.5, breached=False)
    yield Row("staleness", "features", 0, period, version, limit=1, breached=False)
    yield Row("staleness", "labels", 2, period, version, limit=3, breached=False)
    age = period - trained
    yield Row("staleness", "model", age, period, version, limit=300, breached=age > 300)
    if number == UNPREDICTED:
        yield Row(
            "missing_predictions",
            "predictions",
            None,
            period,
            None,
            missing_reason=f"{period} has no predictions. Run toy__score for it.",
        )
    else:
        yield from _drift(use_case, period, version, bad, seeds)
    if number >= 2:
        yield from _performance(use_case.task, number, period - 2, version, bad, seeds)


def _drift(use_case: UseCase, period: Period, version: str, bad: float, seeds: np.random.Generator) -> Iterator[Row]:
    importance = 0.6 ** np.arange(len(use_case.features))
    importance /= importance.sum()
    psi = seeds.gamma(2, 0.02, len(use_case.features))
    psi[:2] += bad * np.array([0.5, 0.9])[: len(psi)]
    for feature, share, value in zip(use_case.features, importance, psi, strict=True):
        yield Row("importance", feature, share, period, version)
        yield Row("psi", feature, value, period, version, limit=LIMITS["psi"], breached=bool(value > LIMITS["psi"]))
        if use_case.features[feature] != "category":
            yield Row("feature_mean", feature, 10 + value, period, version)
        yield Row("null_share", feature, 0.01, period, version, limit=0.1, breached=False)
        yield Row("unseen_share", feature, 0.0, period, version, limit=0.05, breached=False)
    mean = 0.24 + 0.03 * np.sin(period.start_date.toordinal() / 9) + seeds.normal(0, 0.01) + 0.05 * bad
    for metric, subject, value in (
        ("weighted_drift", "features", float(importance @ psi)),
        ("prediction_drift", "prediction", float(seeds.gamma(2, 0.02) + 0.2 * bad)),
    ):
        limit = LIMITS[metric]
        yield Row(metric, subject, value, period, version, limit=limit, breached=value > limit)
    for factor, metric in zip((1, 1.4), use_case.task.mean_columns, strict=False):
        yield Row(metric, "prediction", mean * factor, period, version)
    yield Row("rows", "predictions", 880, period, version)
    yield Row("rows", "features", 880, period, version)
    yield Row("staleness", "predictions", 0, period, version, limit=1, breached=False)


def _performance(
    task: Task, number: int, measured_period: Period, version: str, bad: float, seeds: np.random.Generator
) -> Iterator[Row]:
    loss, auc = 0.53 + 0.08 * bad + seeds.normal(0, 0.004), 0.69 - 0.06 * bad + seeds.normal(0, 0.004)
    rate = 0.25 + 0.04 * np.sin(measured_period.start_date.toordinal() / 9) + seeds.normal(0, 0.01)
    for distance, summary in enumerate(name for name in task.summaries if name != "rows"):
        yield Row(summary, "model", rate - 0.01 * distance, measured_period, version)
    yield Row("labelled_rows", "model", 860, measured_period, version)
    yield Row(task.main_metric, "model", loss, measured_period, version)
    for label, prediction, share in _confused(task):
        yield Row("confusion", f"{label} predicted as {prediction}", round(860 * share), measured_period, version)
    (main, second), (simple, linear) = task.charted[:2], task.baselines[:2]
    for metric, subject, value, reach in (
        (main, "model", loss, 0.012), (main, simple, 0.60, 0.01), (main, linear, 0.57, 0.01),
        (second, "model", auc, 0.015), (second, linear, 0.63, 0.01), (second, simple, 0.5, 0.0),
    ):  # fmt: skip
        yield Row(
            f"window/{metric}", subject, value, measured_period, version, value - reach, value + reach, periods=14
        )
    yield Row(f"expected/{main}", "model", 0.53, period_of(number), version, 0.52, 0.54, periods=28)
    yield Row(f"expected/{second}", "model", 0.69, period_of(number), version, 0.67, 0.71, periods=28)
    worse, limit = loss - 0.53, LARGEST_LOSS
    if number < 9:
        comment = f"Only {number} days with labels since the version was trained; 7 are needed to judge."
        yield Row(
            f"skill_loss/{main}",
            simple,
            worse,
            measured_period,
            version,
            limit=limit,
            periods=number,
            missing_reason=comment,
        )
        return
    lower, upper = worse - 0.014, worse + 0.014
    yield Row(
        f"skill_loss/{main}", simple, worse, measured_period, version, lower, upper, limit, lower > limit, periods=14
    )
    for baseline in (simple, linear):
        behind = loss - 0.60
        bounds = behind - 0.01, behind + 0.01
        yield Row(
            f"worse_than_baseline/{main}", baseline, behind, measured_period, version, *bounds, 0.0, False, periods=14
        )
    yield Row(
        "false_alarms_per_year", f"skill_loss/{main} against the {simple}", 1.0, measured_period, version, periods=42
    )
    yield Row(
        f"degradation/{second}", "model", 0.69 - auc, measured_period, version, 0.68 - auc, 0.70 - auc, periods=14
    )


def _confused(task: Task) -> list[tuple[str, str, float]]:
    """Each label and prediction, with its share of rows."""
    names = ("0", "1") if isinstance(task, Binary) else task.classes if isinstance(task, Multiclass) else ()
    right = 0.7 / max(len(names), 1)
    wrong = 0.3 / max(len(names) * (len(names) - 1), 1)
    return [(label, said, right if label == said else wrong) for label in names for said in names]


def _decide(lake: Lake, number: int, period: Period) -> None:
    trains = number in (REJECTED, PROMOTED - 1)
    reason = HOSTILE if trains else "No signal triggers a training."
    signal = {
        "signal": "weighted_drift", "breached": trains, "breaches": 3 * trains, "measured": 5, "of_periods": 5,
        "value": 0.12, "limit": 0.1,
    }  # fmt: skip
    record(
        lake, "decisions", period, outcome="retrain" if trains else "hold", reason=reason,
        signals=json.dumps([signal]), model_version=version_of(number),
    )  # fmt: skip
    if trains:
        outcome, challenger = ("rejected", "2") if number == REJECTED else ("promoted", "3")
        record(
            lake, "retrainings", period, outcome=outcome, reason=f"Version {challenger} was {outcome}.",
            model_version=challenger, run_id=f"drift__{period}",
        )  # fmt: skip
