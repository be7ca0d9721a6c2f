"""In the real scheduler: the backfill of one use case does not keep another's run waiting."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.declaration.period import Period
from include.local.airflow_client import FINISHED, AirflowClient
from tests.end_to_end.conftest import succeeded, until
from tests.end_to_end.test_isolation import STEADY, add

pytestmark = pytest.mark.slow

FIRST, PERIODS = Period("2020-01-01"), 12
HISTORY, DATA = "history__data", "steady__data"


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


def starts(airflow: AirflowClient, dag: str, run: str) -> list[str]:
    """When the tasks of a run, or of all runs, have started: texts of times in UTC."""
    path = f"/dags/{dag}/dagRuns/{run}/taskInstances"
    listed = airflow.call("GET", path, params={"limit": 100})["task_instances"]
    return sorted(each["start_date"] for each in listed if each["start_date"])


def test_a_run_starts_before_the_runs_of_a_backfill_that_wait(airflow: AirflowClient):
    for dag in (DATA, HISTORY):
        until(lambda name=dag: airflow.has_dag(name), dag)
        airflow.unpause(dag)
        until(lambda name=dag: all(run.state in FINISHED for run in airflow.runs(name)), f"the newest run of {dag}")
    airflow.backfill(HISTORY, FIRST, FIRST + (PERIODS - 1), at_once=PERIODS)
    until(lambda: len(airflow.runs(HISTORY)) >= PERIODS and starts(airflow, HISTORY, "~"), "the runs of the backfill")
    run = airflow.trigger(DATA, conf={"period": str(FIRST)})
    succeeded(airflow, DATA, run)
    own = starts(airflow, DATA, run.run_id)
    between = [start for start in starts(airflow, HISTORY, "~") if own[0] < start < own[-1]]
    # At most one task that was already on its way for each of its own; by Airflow's default, as many as there are runs.
    assert len(between) <= len(own)
    until(lambda: all(each.state in FINISHED for each in airflow.runs(HISTORY)), "the end of the backfill")
    assert {each.state for each in airflow.runs(HISTORY)} == {"success"}
