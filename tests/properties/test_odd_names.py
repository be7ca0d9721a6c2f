"""A use case works with column names that the product uses itself, or that other libraries reject."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from include.declaration.period import Period, period_range
from include.evaluation import evaluate
from include.lake.lake import Lake
from include.monitoring import monitor
from include.project import open_project
from include.promotion import promote, register
from include.reproduction import reproduce
from include.scoring import score
from include.training import train
from include.use_case import (
    PARTITION,
    Feed,
    Gate,
    Label,
    RobustnessGate,
    SchemaGate,
    ServingGate,
    SliceGate,
    UnusedFeaturesGate,
)
from tests.toy_use_case import USE_CASE as TOY

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_plots")]
FIRST, AS_OF, ROWS = Period("2020-01-01"), Period("2020-02-10"), 120
NUMBERS = (
    *(
        "probability",
        "predicted_positive",
        "rows",
        "prior",
        "logistic",
        "champion",
        "known",
        "measured_period",
        "label",
        "model-version",
    ),
    *(
        "a-b",
        "a_b",
        "(quoted)",
        "it's",
        "<x>",
        "a.b",
        "a=b",
        "a/b",
        "a\\b",
        "50%",
        "Å",
        "ä",
    ),
    *("rowid", "filename", "file_row_number", "select", "count(*)", "feature_0", "Column_1", "day_of_week", "null"),
)
"""one of them tells what will happen; see `rows`."""
TELLING = "a-b"
USE_CASE = replace(
    TOY,
    name="odd",
    feeds=(Feed("visits", columns={"place": "int64", "count": "string"}, keys=("place", "count")),),
    keys=("place", "count"),
    period=PARTITION,
    features={**dict.fromkeys(NUMBERS, "float64"), "kind/of": "category"},
    label=Label("value", meaning="the customer came back", label_delay_periods=2),
    gates=(
        Gate("auc", at_least=0.8),
        Gate("log_loss", better_than="prior"),
        SliceGate("kind/of", "log_loss", max_degradation=0.5, min_rows=10),
        RobustnessGate(at_most=0.9),
        ServingGate(at_most_microseconds=1e6, at_most_megabytes=100),
        SchemaGate(),
        UnusedFeaturesGate(),
    ),
)


def rows(period: Period) -> tuple[pa.Table, np.ndarray]:
    """Features of a day, and what happens: 1 mostly where the telling feature is positive."""
    rng = np.random.default_rng(period.start_date.toordinal())
    values = {name: pa.array(rng.normal(size=ROWS)) for name in NUMBERS}
    label = (values[TELLING].to_numpy() > 0) ^ (rng.random(ROWS) < 0.1)
    keys = {"place": pa.array(np.arange(ROWS)), "count": pa.array([f"c{n}" for n in range(ROWS)])}
    kinds = pa.array(np.array(["x", "y"])[rng.integers(0, 2, ROWS)])
    return pa.table(keys | values | {"kind/of": kinds}), label.astype(np.int8)


def fill(first: Period, last: Period) -> None:
    lake = Lake.open(USE_CASE)
    for period in period_range(first, last):
        about = period - 1
        before, label = rows(about)
        labels = {
            "place": before["place"],
            "count": before["count"],
            "labelled_period": pa.array([about.start_date] * ROWS, pa.date32()),
        }
        lake.replace("labels", period, pa.table(labels | {"value": pa.array(label)}), inputs={}, stage="test")
        lake.replace("features", period, rows(period)[0], inputs={}, stage="test")


def test_odd_names_live_through_training_gates_scoring_monitoring_and_reproduction(lake_home, tracking):
    known = AS_OF + 2
    fill(FIRST, known)
    trained = train.train_model(open_project(USE_CASE), AS_OF, parameters={"num_boost_round": 30})
    assert trained.test["model"]["auc"] > 0.8
    evaluate.evaluate_run(open_project(USE_CASE), trained.run_id)
    version = register.register_run(open_project(USE_CASE), trained.run_id).version
    promoted = promote.promote_version(open_project(USE_CASE), version, actor="a test")
    assert promoted.promoted, promoted
    score.score_period(open_project(USE_CASE), AS_OF), score.score_period(open_project(USE_CASE), known)
    monitor.monitor_period(open_project(USE_CASE), AS_OF), monitor.monitor_period(open_project(USE_CASE), known)
    measured = {
        (row["metric"], row["subject"], row["measured_period"]): row["value"]
        for row in Lake.open(USE_CASE).as_of(known).read("metrics").to_pylist()
    }
    assert measured["labelled_rows", "model", AS_OF.start_date] == ROWS
    assert measured["auc", "model", AS_OF.start_date] > 0.8
    assert measured["log_loss", "logistic", AS_OF.start_date] != measured["log_loss", "model", AS_OF.start_date]
    assert measured["log_loss", "prior", AS_OF.start_date] == pytest.approx(np.log(2), abs=0.05)
    assert measured["weighted_drift", "features", known.start_date] is not None
    importances = {name: measured["importance", name, known.start_date] for name in USE_CASE.features}
    assert max(importances, key=lambda name: importances[name]) == TELLING
    assert reproduce.reproduce_version(open_project(USE_CASE), version).outcome == reproduce.EQUAL
