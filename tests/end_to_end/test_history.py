"""In the real scheduler: a history is brought live and backfilled by the forms of its DAGs."""

from __future__ import annotations

import pytest

from include.declaration.period import Period, period_range
from include.lake.lake import Lake
from include.local.airflow_client import AirflowClient, DagRun
from include.registry.ledger import Ledger
from tests.end_to_end.conftest import ended, succeeded, until
from tests.integration.use_cases.quick_toy import USE_CASE

pytestmark = pytest.mark.slow

FIRST, DUE, LAST = Period("2020-01-01"), Period("2020-01-08"), Period("2020-01-11")
GO_LIVE, BACKFILL = f"{USE_CASE.name}__go_live", f"{USE_CASE.name}__backfill"


@pytest.fixture(scope="module")
def use_case_packages() -> str:
    return "tests.integration.use_cases"


def tasks(airflow: AirflowClient, dag: str, run: DagRun) -> dict[str, set[str]]:
    """Task to the states of its instances."""
    listed = airflow.call("GET", f"/dags/{dag}/dagRuns/{run.run_id}/taskInstances", params={"limit": 100})
    found: dict[str, set[str]] = {}
    for each in listed["task_instances"]:
        found.setdefault(each["task_id"], set()).add(each["state"])
    return found


def champions(airflow: AirflowClient) -> list[dict]:
    """What the events of the asset of models say."""
    assets = airflow.call("GET", "/assets", params={"name_pattern": f"{USE_CASE.name}/model"})["assets"]
    found = airflow.call("GET", "/assets/events", params={"asset_id": assets[0]["id"], "limit": 100})
    return [event["extra"] for event in found["asset_events"]]


def start(airflow: AirflowClient, dag: str, **form: object) -> DagRun:
    until(lambda: airflow.has_dag(dag), dag)
    airflow.unpause(dag)
    return airflow.trigger(dag, conf=form)


@pytest.fixture(scope="module")
def history(airflow: AirflowClient) -> DagRun:
    run = start(airflow, GO_LIVE, first=str(FIRST), last=str(LAST), train_as_of=[str(DUE)], promotion="automatic")
    succeeded(airflow, GO_LIVE, run)
    return run


def test_a_history_is_brought_live_and_its_champion_is_announced(airflow, history):
    assert set.union(*tasks(airflow, GO_LIVE, history).values()) == {"success"}
    view = Lake.open(USE_CASE).as_of(LAST)
    assert list(view.partitions("predictions")) == list(view.partitions("metrics")) == period_range(DUE, LAST)
    version = Ledger.open(USE_CASE).champion_of(DUE).version
    assert [(each["version"], each["promoted"]) for each in champions(airflow)] == [(version, True)]


def test_the_same_history_again_changes_nothing_and_announces_no_champion(airflow, history):
    before = {table: Lake.open(USE_CASE).as_of(LAST).version(table) for table in ("features", "predictions", "metrics")}
    again = start(airflow, GO_LIVE, first=str(FIRST), last=str(LAST), train_as_of=[str(DUE)], promotion="automatic")
    succeeded(airflow, GO_LIVE, again)
    assert tasks(airflow, GO_LIVE, again)["announce_champions"] == {"skipped"}
    assert len(champions(airflow)) == 1
    assert {table: Lake.open(USE_CASE).as_of(LAST).version(table) for table in before} == before


def test_a_backfill_builds_every_table_in_chunks(airflow, history):
    later = LAST + 4
    run = start(airflow, BACKFILL, first=str(LAST + 1), last=str(later), chunk_periods=2)
    succeeded(airflow, BACKFILL, run)
    view = Lake.open(USE_CASE).as_of(later)
    for table in ("features", "predictions", "metrics"):
        assert list(view.partitions(table, LAST + 1)) == period_range(LAST + 1, later)
    listed = airflow.call("GET", f"/dags/{BACKFILL}/dagRuns/{run.run_id}/taskInstances", params={"limit": 100})
    chunks = [each["map_index"] for each in listed["task_instances"] if each["task_id"] == "land"]
    assert sorted(chunks) == [0, 1]


def test_a_backfill_that_is_refused_says_so_once_and_skips_its_work(airflow, history):
    run = ended(airflow, BACKFILL, start(airflow, BACKFILL, first=str(LAST), last=str(FIRST)))
    states = tasks(airflow, BACKFILL, run)
    assert (run.state, states.pop("plan"), states.pop("reconcile")) == ("failed", {"failed"}, {"failed"})
    assert set.union(*states.values()) == {"skipped"}
