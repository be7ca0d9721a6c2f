"""In the real scheduler: the backfill of one use case does not keep another's run waiting."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.declaration.period import Period
from include.local.airflow_client import AirflowClient
from tests.end_to_end.conftest import succeeded, until, wait_for_task
from tests.end_to_end.test_isolation import STEADY, add

pytestmark = pytest.mark.slow

FIRST, PERIODS = Period("2020-01-01"), 20
BACKFILL, DATA = "history__backfill", "steady__data"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside of the repository with a package of two use cases."""
    folder = tmp_path_factory.mktemp("own") / "waiting_cases"
    for name in ("steady", "history"):
        add(folder, name, STEADY.replace("steady", name))
    (folder / "__init__.py").touch()
    return folder


@pytest.fixture(scope="module")
def use_case_packages(packages: Path) -> str:
    return packages.name


@pytest.fixture(scope="module")
def connections(packages: Path) -> dict[str, str]:
    """One task runs at a time, so that the order in which tasks start is the order of their weights."""
    return {"PYTHONPATH": str(packages.parent), "AIRFLOW__CORE__PARALLELISM": "1"}


def starts(airflow: AirflowClient, dag: str, run: str) -> dict[tuple[str, int], str]:
    """When each task of a run has started, as the text of its time."""
    path = f"/dags/{dag}/dagRuns/{run}/taskInstances"
    listed = airflow.call("GET", path, params={"limit": 100})["task_instances"]
    return {(each["task_id"], each["map_index"]): each["start_date"] for each in listed if each["start_date"]}


def test_a_run_starts_before_the_chunks_that_wait(airflow: AirflowClient):
    for dag in (DATA, BACKFILL):
        until(lambda name=dag: airflow.has_dag(name), dag)
        airflow.unpause(dag)
    conf = {"first": str(FIRST), "last": str(FIRST + (PERIODS - 1)), "kinds": ["data"], "chunk_periods": 1}
    history = airflow.trigger(BACKFILL, conf=conf)
    wait_for_task(airflow, BACKFILL, history, "plan_land", "success")
    until(lambda: ("land", 0) in starts(airflow, BACKFILL, history.run_id), "the first chunk")
    run = airflow.trigger(DATA, conf={"period": str(FIRST)})
    succeeded(airflow, DATA, run)
    waited = starts(airflow, DATA, run.run_id).values()
    chunks = [start for (task, _), start in starts(airflow, BACKFILL, history.run_id).items() if task == "land"]
    between = [start for start in chunks if min(waited) < start < max(waited)]
    assert len(between) <= 2  # without weights, the tasks that have waited longest start first: all of the chunks
    assert len([start for start in chunks if start < max(waited)]) < PERIODS / 2
    succeeded(airflow, BACKFILL, history)
