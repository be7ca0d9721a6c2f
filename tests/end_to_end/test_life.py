"""A few days of flights through a real scheduler, MLflow server and triggerer: the whole life cycle.

Everything is triggered as an operator does it: over the REST API and Airflow's command line.
"""

from __future__ import annotations

import pytest
from rich.console import Console

from include.declaration.period import Period, period_range
from include.lake.lake import Lake
from include.local import credentials, demo
from include.local.airflow_client import FINISHED, AirflowClient, AirflowRefusedError, DagRun
from include.monitoring import monitor
from include.project import open_project
from include.registry.ledger import Ledger
from include.web import summary
from tests.end_to_end.conftest import ended, succeeded, until, wait_for_task
from tests.end_to_end.use_cases.quick_flights import USE_CASE

pytestmark = pytest.mark.slow

FIRST, LAST = Period("2013-01-01"), Period("2013-01-16")
AS_OF = Period("2013-01-13")
KINDS = ("data", "train", "score", "monitor", "retrain")
DATA, TRAIN, SCORE, MONITOR, RETRAIN = DAGS = tuple(f"{USE_CASE.name}__{kind}" for kind in KINDS)


@pytest.fixture(scope="module")
def api(airflow: AirflowClient) -> AirflowClient:
    until(lambda: all(map(airflow.has_dag, DAGS)), "the DAGs")
    return airflow


def scheduled_today(api: AirflowClient, dag_id: str) -> None:
    """Wait for the run that the scheduler makes by itself for today."""
    today = str(demo.today(USE_CASE))

    def runs() -> list[DagRun]:
        return [run for run in api.runs(dag_id) if (run.run_type, run.partition_key) == ("scheduled", today)]

    until(runs, f"today's run of {dag_id}")
    (run,) = runs()
    succeeded(api, dag_id, run)


def all_done(api: AirflowClient, dag_id: str, first: Period, last: Period) -> None:
    periods = len(period_range(first, last))
    until(lambda: sum(n for s, n in api.states(dag_id, first, last).items() if s in FINISHED) == periods, f"{dag_id}")
    failed = [api.failures(dag_id, run.run_id) for run in api.runs(dag_id) if run.state == "failed"]
    assert api.states(dag_id, first, last) == {"success": periods}, failed


@pytest.fixture(scope="module")
def data(api: AirflowClient) -> None:
    """Two weeks of data: a backfill over the API, and one over the command line."""
    api.unpause(DATA)
    api.backfill(DATA, FIRST, LAST - 2)
    all_done(api, DATA, FIRST, LAST - 2)


@pytest.fixture(scope="module")
def champion(api: AirflowClient, data: None) -> DagRun:
    """A model trained by hand as of a day, with the form's `day`."""
    api.unpause(TRAIN)
    run = api.trigger(TRAIN, conf={"period": str(AS_OF), "parameters": {"num_leaves": 6}, "reason": "end to end"})
    succeeded(api, TRAIN, run)
    return run


@pytest.fixture(scope="module")
def scored(api: AirflowClient, champion: DagRun) -> None:
    api.unpause(SCORE)
    api.backfill(SCORE, AS_OF, LAST - 2)
    all_done(api, SCORE, AS_OF, LAST - 2)


@pytest.fixture(scope="module")
def measured(api: AirflowClient, scored: None) -> None:
    api.unpause(MONITOR)
    api.backfill(MONITOR, AS_OF, LAST - 2)
    all_done(api, MONITOR, AS_OF, LAST - 2)


def test_a_backfill_fills_every_table_and_loses_no_row(api, data):
    scheduled_today(api, DATA)  # half-way, it has landed rows that are not published yet
    found = summary.build_report(open_project(USE_CASE))
    assert all(feed.landed == feed.published + feed.quarantined and feed.landed for feed in found.feeds.values())
    lake = Lake.open(USE_CASE).as_of(LAST)
    assert list(lake.partitions("features", until=LAST - 2)) == period_range(FIRST, LAST - 2)


def test_a_backfill_from_the_command_line_works_too(api, data, shell):
    first, last = LAST - 1, LAST
    until(lambda: not api.has_lingering_backfill(DATA), "Airflow's notice that the first backfill is over")
    command = ["backfill", "create", "--dag-id", DATA, "--from-date", str(first), "--to-date", str(last)]
    done = shell.run("airflow", *command)
    assert done.returncode == 0, done.stderr
    all_done(api, DATA, first, last)


def data_tables() -> dict[str, str]:
    """Version of each table that the data DAG writes."""
    state = summary.build_report(open_project(USE_CASE)).state
    found = {table: state[table] for table in state if table.startswith(("raw/", "checked/", "features", "labels"))}
    assert len(found) == 2 * len(USE_CASE.feeds) + 2
    return found


def test_a_day_triggered_by_hand_again_commits_nothing(api, data):
    scheduled_today(api, DATA)  # it writes to the same tables
    before = data_tables()
    run = api.trigger(DATA, conf={"period": "2013-01-05"})
    succeeded(api, DATA, run)
    assert api.xcom(DATA, run.run_id, "build_features")["changed"] is False
    assert data_tables() == before


def test_a_run_without_a_day_but_with_an_unknown_field_fails_at_once_and_says_what_to_give(api, data):
    run = ended(api, DATA, api.trigger(DATA, conf={"day": "2013-01-05"}))
    assert run.state == "failed"
    assert "The form has no field 'day'" in api.failures(DATA, run.run_id)[0]
    tasks = api.call("GET", f"/dags/{DATA}/dagRuns/{run.run_id}/taskInstances")["task_instances"]
    assert {task["task_id"]: task["try_number"] for task in tasks}["ingest"] == 1


def test_the_form_refuses_what_is_no_day(api, data):
    with pytest.raises(AirflowRefusedError, match="400"):
        api.trigger(DATA, conf={"period": "tomorrow"})


def test_the_trained_model_is_registered_and_champion_from_its_day_on(api, champion):
    promoted = api.xcom(TRAIN, champion.run_id, "promote")
    assert promoted["promoted"] is True
    assert promoted["effective_from"] == str(AS_OF)
    entry = Ledger.open(USE_CASE).champion_of(AS_OF)
    assert (entry.version, entry.actor) == (promoted["version"], f"{credentials.USER} (run {champion.run_id!r})")
    (version,) = summary.build_report(open_project(USE_CASE)).versions
    assert version.status == "champion"
    assert {"model", "prior", "logistic"} == set(version.test)


def test_training_the_same_again_registers_no_second_version(api, champion):
    run = api.trigger(TRAIN, conf={"period": str(AS_OF), "parameters": {"num_leaves": 6}})
    succeeded(api, TRAIN, run)
    assert len(summary.build_report(open_project(USE_CASE)).versions) == 1
    assert len(Ledger.open(USE_CASE).entries()) == 1


def test_a_lightgbm_parameter_that_is_misspelled_is_refused_before_training(api, champion):
    run = api.trigger(TRAIN, conf={"period": str(AS_OF), "parameters": {"num_leafs": 6}})
    assert ended(api, TRAIN, run).state == "failed"
    assert "num_leafs" in api.failures(TRAIN, run.run_id)[0]


def test_every_flight_of_a_scored_day_has_a_prediction_by_the_champion(scored):
    view = Lake.open(USE_CASE).as_of(LAST)
    for period in period_range(AS_OF, LAST - 2):
        predictions = view.read("predictions", period, period)
        assert predictions.num_rows == view.read("raw/schedule", period, period).num_rows
        assert set(predictions["model_version"].to_pylist()) == {"1"}


def test_a_day_before_the_first_champion_is_not_scored(api, scored):
    run = api.trigger(SCORE, conf={"period": "2013-01-10"})
    assert ended(api, SCORE, run).state == "failed"
    assert "no champion is effective on 2013-01-10" in api.failures(SCORE, run.run_id)[0]


def test_the_scheduler_runs_today_by_itself_with_replayed_flights(api, scored):
    today = demo.today(USE_CASE)
    for dag_id in (DATA, SCORE):
        scheduled_today(api, dag_id)
    rows = Lake.open(USE_CASE).as_of(today).read("predictions", today)
    assert rows.num_rows > 600
    assert set(rows["flight_date"].to_pylist()) == {today.start_date}


def test_a_day_is_measured_by_the_version_that_scored_it(api, measured):
    period = AS_OF + 1
    rows = Lake.open(USE_CASE).as_of(LAST).read("metrics", period, period).to_pylist()
    assert {row["model_version"] for row in rows if row["metric"] == "psi"} == {"1"}
    (drift,) = (row for row in rows if row["metric"] == "weighted_drift")
    assert drift["limit"] > 0 and drift["breached"] == (drift["value"] > drift["limit"])


def test_days_whose_labels_are_known_are_measured(api, measured):
    found = monitor.realised_performance(open_project(USE_CASE), AS_OF, AS_OF)
    assert found.periods == (str(AS_OF),)
    assert found.rows > 600
    known = AS_OF + USE_CASE.label.label_delay_periods
    for dag_id in (DATA, SCORE, MONITOR):
        succeeded(api, dag_id, api.trigger(dag_id, conf={"period": str(known)}))
    rows = Lake.open(USE_CASE).as_of(known).read("metrics", known, known).to_pylist()
    (loss,) = (row["value"] for row in rows if (row["metric"], row["subject"]) == ("log_loss", "model"))
    assert loss == pytest.approx(found.metrics["model"]["log_loss"])


@pytest.fixture(scope="module")
def mondays(api: AirflowClient, champion: DagRun) -> tuple[Period, Period]:
    """A backfill of trainings; the second needs days that no data run has built."""
    first, last = Period("2013-01-14"), Period("2013-01-21")

    def backfilled() -> list[DagRun]:
        return [run for run in api.runs(TRAIN) if run.run_type == "backfill"]

    api.backfill(TRAIN, first, last)
    until(lambda: len(backfilled()) == 2, "the runs of two Mondays")
    for run in backfilled():
        succeeded(api, TRAIN, run)
    return first, last


def test_a_backfill_of_trainings_makes_a_champion_of_each_monday(api, scored, mondays):
    assert sorted(run.partition_key for run in api.runs(TRAIN) if run.run_type == "backfill") == [*map(str, mondays)]
    made = {str(version.as_of): version.number for version in summary.build_report(open_project(USE_CASE)).versions}
    assert {str(AS_OF), *map(str, mondays)} <= set(made)
    ledger = Ledger.open(USE_CASE)
    for monday in mondays:
        entry = ledger.champion_of(monday)
        assert (str(entry.effective_from), entry.version) == (str(monday), made[str(monday)])
    assert mondays[1] in Lake.open(USE_CASE).as_of(mondays[1]).partitions("features", since=mondays[1])


def test_scoring_a_past_day_waits_without_a_worker_for_its_data_and_only_while_somebody_makes_them(api, mondays):
    period = mondays[1] + 2
    assert ended(api, SCORE, api.trigger(SCORE, conf={"period": str(period)})).state == "failed", "no run makes the day"
    data = api.trigger(DATA, conf={"period": str(period)})
    score = api.trigger(SCORE, conf={"period": str(period)})
    wait_for_task(api, SCORE, score, "wait_for_features", "deferred")
    succeeded(api, DATA, data)
    succeeded(api, SCORE, score)
    assert api.xcom(SCORE, score.run_id, "score")["version"] == Ledger.open(USE_CASE).champion_of(mondays[1]).version


def test_the_demo_again_starts_no_run_and_changes_no_table(api, measured, mondays):
    last = LAST - 2
    plan = demo.DemoPlan(FIRST, last, (AS_OF,), decide_from=last)
    walk = demo.Demo(api, open_project(USE_CASE), plan, Console(quiet=True))
    walk.run_steps()  # what was not there yet: the decision on the last day
    assert last in Lake.open(USE_CASE).as_of(last).partitions("decisions")
    # After a backfill of trainings, Airflow also makes the newest Monday's run: it must not write meanwhile.
    for dag_id in (TRAIN, RETRAIN):
        until(lambda dag_id=dag_id: all(run.state in FINISHED for run in api.runs(dag_id)), f"the end of {dag_id}")
    every = (*DAGS, f"{USE_CASE.name}__go_live")
    runs, state = [api.runs(dag_id) for dag_id in every], summary.build_report(open_project(USE_CASE)).state
    walk.run_steps()
    assert [api.runs(dag_id) for dag_id in every] == runs
    assert summary.build_report(open_project(USE_CASE)).state == state
