"""The shipped use cases that the demo leaves out run their whole life by their own commands, and a rerun is equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from include.cli import main
from include.declaration.use_case_discovery import load_use_case
from include.lake.lake import Lake
from include.use_case import Gate, Period, UseCase
from tests.drills.life import tables

pytestmark = pytest.mark.slow
FIRST, AS_OF = Period("2013-01-01"), Period("2013-01-18")


def run(use_case: UseCase, kind: str, first: Period, last: Period) -> str:
    days = ["--from", str(first), "--to", str(last)]
    result = CliRunner().invoke(main.app, ["run", use_case.name, kind, *days])
    assert result.exception is None, f"{result.output}\n{result.exception!r}"
    return result.output


@pytest.fixture(params=["flight_outcomes", "late_departures"])
def quick(request, tracking: str, without_plots: None, declare: Callable[..., None]) -> UseCase:
    """The shipped use case, trained on a week and allowed to promote what it trains."""
    shipped = load_use_case(request.param)
    training = replace(
        shipped.training,
        window_periods=14,
        min_train_periods=6,
        validation_periods=2,
        test_periods=2,
        gap_periods=1,
        num_boost_round=20,
        early_stopping_rounds=5,
    )
    gates = (Gate(shipped.task.main_metric, at_most=100.0),)
    declare(replace(shipped, look_back_periods=7, training=training, gates=gates))
    return load_use_case(request.param)


def test_it_is_landed_trained_scored_and_measured_and_a_rerun_changes_nothing(quick):
    last = AS_OF + quick.label.label_delay_periods
    run(quick, "data", FIRST, last)
    assert "Version 1 is the champion" in run(quick, "train", AS_OF, AS_OF)
    run(quick, "score", AS_OF, last)
    run(quick, "monitor", AS_OF, last)
    lake = Lake.open(quick).as_of(last)
    features, predictions = (lake.read(table, AS_OF, last) for table in ("features", "predictions"))
    assert predictions.num_rows == features.num_rows > 0
    assert set(quick.task.prediction_columns) <= set(predictions.column_names)
    metrics = lake.read("metrics", AS_OF, last).to_pylist()
    assert {row["metric"] for row in metrics} >= set(quick.task.headline)
    before = tables(quick)
    for kind in ("data", "score", "monitor"):
        run(quick, kind, last, last)
        run(quick, kind, AS_OF, AS_OF)
    assert tables(quick) == before
