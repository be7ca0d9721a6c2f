"""Retraining in the real scheduler: a month of breaches, with kills and clears, trains as often as allowed.

The metrics are written by the test; the trainings are real.
"""

from __future__ import annotations

import psutil
import pytest

from include.declaration.period import Period, period_range
from include.lake import schemas
from include.lake.lake import Lake
from include.lake.lake_format import lake_root, mark_format
from include.local.airflow_client import FINISHED, AirflowClient, DagRun
from include.project import open_project
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry
from include.retraining import decide
from include.retraining.budget import RetrainingBudget
from tests import toy
from tests.end_to_end.conftest import ended, succeeded, until
from tests.end_to_end.retrain_use_cases.eager import USE_CASE
from tests.local.conftest import Shell
from tests.monitoring.measures import breach

pytestmark = pytest.mark.slow

AS_OF, FIRST, LAST = Period("2020-03-01"), Period("2020-03-02"), Period("2020-03-13")
TRAIN, RETRAIN = (f"{USE_CASE.name}__{kind}" for kind in ("train", "retrain"))
POLICY = USE_CASE.retraining


@pytest.fixture(scope="module")
def use_case_packages() -> str:
    return "tests.end_to_end.retrain_use_cases"


@pytest.fixture(scope="module")
def api(shell: Shell, airflow: AirflowClient) -> AirflowClient:
    """A champion as of AS_OF, and a month in which every day breaches."""
    lake = Lake.open(USE_CASE)
    toy.fill(lake, AS_OF - 60, LAST)
    until(lambda: all(map(airflow.has_dag, (TRAIN, RETRAIN))), "the DAGs")
    airflow.unpause(TRAIN)
    succeeded(airflow, TRAIN, airflow.trigger(TRAIN, conf={"period": str(AS_OF)}))
    for period in period_range(FIRST, LAST):
        breach(lake, period)
    airflow.unpause(RETRAIN)
    return airflow


def decisions(lake: Lake) -> dict[Period, tuple[str, str]]:
    rows = lake.as_of(LAST).read("decisions", order_by=["period"]).to_pylist()
    return {Period.from_date(row["period"]): (row["outcome"], row["reason"]) for row in rows}


def outcomes(lake: Lake) -> dict[Period, str]:
    return {Period.from_date(row["period"]): row["outcome"] for row in lake.as_of(LAST).read("retrainings").to_pylist()}


def trainings(api: AirflowClient) -> list[str]:
    return [run.run_id for run in api.runs(TRAIN) if run.run_id.startswith("drift__")]


def kill_scheduler(shell: Shell) -> None:
    """As a machine that loses power: the scheduler and all that it runs, at once."""
    scheduler = psutil.Process(shell.report().services["scheduler"].pid)
    for process in [scheduler, *scheduler.children(recursive=True)]:
        process.kill()


@pytest.fixture(scope="module")
def backfilled(api: AirflowClient, shell: Shell) -> AirflowClient:
    """The month, several days at once, with the scheduler killed while it trains."""
    api.backfill(RETRAIN, FIRST, LAST)
    until(lambda: trainings(api), "the first training")
    kill_scheduler(shell)
    periods = len(period_range(FIRST, LAST))
    until(lambda: sum(n for s, n in api.states(RETRAIN, FIRST, LAST).items() if s in FINISHED) == periods, "the month")
    failed = [api.failures(RETRAIN, run.run_id) for run in api.runs(RETRAIN) if run.state == "failed"]
    assert api.states(RETRAIN, FIRST, LAST) == {"success": periods}, failed
    return api


def test_a_month_of_breaches_trains_no_more_often_than_the_policy_allows(backfilled, shell):
    assert shell.report().services["scheduler"].deaths == 1
    made = trainings(backfilled)
    decided = [period for period, (outcome, _) in decisions(Lake.open(USE_CASE)).items() if outcome == "retrain"]
    assert sorted(made) == [f"drift__{period}" for period in decided]
    assert decided[0] == FIRST + (POLICY.breaches - 1)
    assert 1 <= len(decided) <= POLICY.per_month
    assert [claim.period for claim in RetrainingBudget.open(open_project(USE_CASE)).claims_of_month(FIRST)] == decided
    assert set(outcomes(Lake.open(USE_CASE))) == set(decided)
    # Every training made one version, and no other was made.
    assert len(Registry(USE_CASE).versions()) == 1 + len(decided)


def test_decisions_are_those_of_an_undisturbed_walk_through_the_days(backfilled, tmp_path, configure):
    there, results = decisions(Lake.open(USE_CASE)), Lake.open(USE_CASE).as_of(LAST).read("retrainings")
    ledger = Ledger.open(USE_CASE)
    entries = ledger.entries()
    configure(lake=tmp_path / "lake")
    lake = Lake.open(USE_CASE)
    then = Ledger.open(USE_CASE).folder
    mark_format(lake_root(USE_CASE.name))
    for period in period_range(FIRST, LAST):
        # The ledger as it was: what is trained as of a day is promoted after the day was decided.
        for name in (f"{entry.number:06d}.json" for entry in entries if entry.effective_from < period):
            (then / name).write((ledger.folder / name).read())
        breach(lake, period)
        if decide.decide_retraining(open_project(USE_CASE), period).outcome == "retrain":
            columns = schemas.content_schema(USE_CASE, "retrainings").names
            row = results.filter([each == period.start_date for each in results["period"].to_pylist()]).select(columns)
            lake.replace("retrainings", period, row, inputs={}, stage="test")
    assert decisions(lake) == there


def test_the_training_knows_why_it_was_started(backfilled):
    (first, *_) = trainings(backfilled)
    shown = backfilled.call("GET", f"/dags/{TRAIN}/dagRuns/{first}")
    reason = decisions(Lake.open(USE_CASE))[Period(first.removeprefix("drift__"))][1]
    assert "triggers a training" in reason
    assert shown["note"] == reason
    assert shown["conf"]["reason"].endswith(reason)
    made = {version.tags["as_of"]: version for version in Registry(USE_CASE).versions()}
    assert reason in made[shown["conf"]["period"]].tags["reason"]


def run_of(api: AirflowClient, period: Period) -> DagRun:
    return next(run for run in api.runs(RETRAIN) if run.partition_key == str(period))


def tries(api: AirflowClient, run: DagRun) -> dict[str, int]:
    found = api.call("GET", f"/dags/{RETRAIN}/dagRuns/{run.run_id}/taskInstances")["task_instances"]
    return {task["task_id"]: task["try_number"] for task in found}


@pytest.mark.parametrize(
    "tasks", [["decide", "reserve_slot", "train", "record_outcome"], ["train"], ["record_outcome"]]
)
def test_a_run_that_is_cleared_trains_no_second_time(backfilled, tasks):
    period = Period(trainings(backfilled)[0].removeprefix("drift__"))
    before = trainings(backfilled), decisions(Lake.open(USE_CASE)), outcomes(Lake.open(USE_CASE))
    run = run_of(backfilled, period)
    tried = tries(backfilled, run)
    body = {"dry_run": False, "dag_run_id": run.run_id, "task_ids": tasks, "only_failed": False}
    backfilled.call("POST", f"/dags/{RETRAIN}/clearTaskInstances", json=body)
    succeeded(backfilled, RETRAIN, run)
    assert {task for task, number in tries(backfilled, run).items() if number > tried[task]} == set(tasks)
    assert (trainings(backfilled), decisions(Lake.open(USE_CASE)), outcomes(Lake.open(USE_CASE))) == before


def test_a_day_whose_day_before_is_not_decided_fails_and_names_it(backfilled):
    period = LAST + 2
    breach(Lake.open(USE_CASE), period)
    # After a backfill Airflow makes today's run, which is not measured here: it would be waited for.
    for today in (run for run in backfilled.runs(RETRAIN) if run.run_type == "scheduled"):
        backfilled.call("PATCH", f"/dags/{RETRAIN}/dagRuns/{today.run_id}", json={"state": "failed"})
    run = backfilled.trigger(RETRAIN, conf={"period": str(period)})
    assert ended(backfilled, RETRAIN, run).state == "failed"
    said = backfilled.failures(RETRAIN, run.run_id)[0]
    assert said.startswith("wait_for_metrics:")
    assert f"toy__retrain --from-date {period - 1}" in said
