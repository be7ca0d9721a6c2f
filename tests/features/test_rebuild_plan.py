"""`airworthy plan` names what changed and what a rebuild costs; its one backfill per DAG leaves the plan empty."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from include.cli import main
from include.declaration.period import Period
from include.features.metric_inputs import LIMITS, METRICS, describe_change
from include.features.rebuild_plan import Cost, RebuildPlan, plan_rebuild
from include.ingestion import ingest, validate
from include.lake import schemas
from include.monitoring import monitor
from include.project import open_project
from include.use_case import Monitoring
from tests.features.renewed import Renewed

ONE, TWO, THREE = (Period(f"2020-01-{day:02}") for day in (1, 2, 3))


def planned(renewed: Renewed) -> RebuildPlan:
    return plan_rebuild(open_project(renewed.use_case))


def run_command(command: str) -> str:
    result = CliRunner().invoke(main.app, shlex.split(command)[1:])
    assert result.exception is None, f"{result.output}\n{result.exception!r}"
    return result.output


def predict(renewed: Renewed, period: Period) -> None:
    """Write predictions of a period, with the inputs that `score` names."""
    lake = open_project(renewed.use_case).lake
    view = lake.as_of(period)
    schema = schemas.content_schema(renewed.use_case, "predictions")
    lake.replace(
        "predictions",
        period,
        schema.empty_table(),
        inputs={"features": view.digest("features", period)},
        stage="score",
    )


def test_nothing_is_planned_for_what_the_code_of_now_has_made(renewed):
    assert planned(renewed).steps == ()


def test_one_backfill_of_data_leaves_the_plan_empty(renewed, declare):
    renewed.double_size()
    [step] = planned(renewed).steps
    assert (step.kind, step.first, step.last) == ("data", ONE, THREE)
    assert step.airflow == (
        "airflow backfill create --dag-id toy__data --from-date 2020-01-01 --to-date 2020-01-03"
        " --reprocess-behavior completed"
    )
    declare(renewed.use_case)
    assert "function features.build changed" in run_command("airworthy plan toy")
    run_command(step.run)
    assert planned(renewed).steps == ()
    assert "Rebuild" not in run_command("airworthy plan toy")


def test_the_plan_is_printed_as_json(renewed, declare):
    renewed.double_size()
    declare(renewed.use_case)
    plan = json.loads(run_command("airworthy plan toy --json"))
    features = next(table for table in plan["tables"] if table["table"] == "features")
    assert (features["periods"], features["changes"]) == (3, ["function features.build changed"])
    assert features["stale"][0] == {
        "period": "2020-01-01",
        "rows": 200,
        "reason": "other code",
        "changes": ["function features.build changed"],
    }
    [step] = plan["rebuild"]
    assert (step["kind"], step["first"], step["last"], step["cost"]["periods"]) == (
        "data",
        "2020-01-01",
        "2020-01-03",
        3,
    )
    assert step["run"] == "airworthy run toy data --from 2020-01-01 --to 2020-01-03"


def test_the_cost_is_what_the_newest_builds_took(renewed):
    renewed.double_size()
    [step] = planned(renewed).steps
    assert (step.cost.periods, step.cost.recorded) == (3, 3)
    assert step.cost.rows > 3 * 200 and step.cost.cpu_seconds > 0


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (Cost(3, 600, None, 0), "3 periods, 600 rows; no processor time is recorded"),
        (Cost(3, 600, 90.0, 3), "3 periods, 600 rows, about 90 seconds of processor time"),
        (
            Cost(30, 6000, 1800.0, 2),
            "30 periods, 6,000 rows, about 30 minutes of processor time, recorded for 2 of them",
        ),
        (Cost(300, 6000, 9000.0, 300), "300 periods, 6,000 rows, about 2.5 hours of processor time"),
    ],
)
def test_a_cost_is_described(cost, text):
    assert cost.text == text


def test_a_backfill_of_changed_rows_includes_the_periods_that_look_back_on_them_and_keeps_their_order(renewed, declare):
    """Features of the third day are not stale yet, but will be when the rows of the second day are checked again."""
    lake = open_project(renewed.use_case).lake
    view = lake.as_of(TWO)
    note, rows = view.note("raw/events", TWO), view.read("raw/events", TWO, TWO).drop_columns(["period"])
    lake.replace("raw/events", TWO, rows.slice(1), inputs=note.inputs, stage="ingest", code=note.code)
    stale = {table.table: [one.period for one in table.stale] for table in planned(renewed).tables if table.stale}
    assert stale == {"checked/events": [TWO]}
    [step] = planned(renewed).steps
    assert (step.first, step.last) == (TWO, THREE)
    assert step.airflow.endswith(" --max-active-runs 1")
    declare(renewed.use_case)
    run_command(step.run)
    assert planned(renewed).steps == ()


def test_a_table_that_was_validated_again_makes_features_stale_by_their_inputs(renewed):
    renewed.edit("source", "rng.normal(10, 3, rows)", "rng.normal(11, 3, rows)")
    ingest.ingest_period(open_project(renewed.use_case), TWO)
    validate.validate_period(open_project(renewed.use_case), TWO)
    features = next(table for table in planned(renewed).tables if table.table == "features")
    read = ("checked/events changed", "checked/outcomes changed")
    assert [(one.period, one.changes) for one in features.stale] == [(TWO, read), (THREE, read)]


def test_predictions_of_features_that_have_changed_are_a_backfill_of_score(renewed):
    predict(renewed, THREE)
    assert planned(renewed).steps == ()
    renewed.double_size()
    assert [step.kind for step in planned(renewed).steps] == ["data"]
    renewed.run(ONE, TWO, THREE)
    [step] = planned(renewed).steps
    assert (step.kind, step.first, step.last) == ("score", THREE, THREE)
    predict(renewed, THREE)
    assert planned(renewed).steps == ()


def test_metrics_of_what_has_changed_are_a_backfill_of_monitor(renewed, tracking, declare):
    for period in (ONE, TWO, THREE):
        monitor.monitor_period(open_project(renewed.use_case), period)
    assert planned(renewed).steps == ()
    renewed.double_size()
    renewed.run(TWO, THREE)
    metrics = next(table for table in planned(renewed).tables if table.table == METRICS)
    features = describe_change("features")
    assert [(one.period, one.reason, one.changes) for one in metrics.stale] == [
        (TWO, "other inputs", (features,)),
        (THREE, "other inputs", (features,)),
    ]
    step = planned(renewed).steps[-1]
    assert (step.kind, step.first, step.last) == ("monitor", TWO, THREE) and step.cost.cpu_seconds > 0
    declare(renewed.use_case)
    assert features in run_command("airworthy plan toy")
    run_command(step.run)
    assert [step.kind for step in planned(renewed).steps] == ["data"], "features of the first day"


def test_a_changed_limit_makes_metrics_stale(renewed, tracking):
    monitor.monitor_period(open_project(renewed.use_case), THREE)
    use_case = replace(renewed.use_case, monitoring=Monitoring(volume_change=0.1))
    [step] = plan_rebuild(open_project(use_case)).steps
    assert (step.kind, step.first, step.last) == ("monitor", THREE, THREE)
    (metrics,) = [table for table in plan_rebuild(open_project(use_case)).tables if table.stale]
    assert metrics.changes == (describe_change(LIMITS),)
