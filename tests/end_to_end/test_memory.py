"""In the real scheduler: two tasks that together need more memory than the machine has do not meet."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from include import settings
from include.declaration.period import Period
from include.local.airflow_client import FINISHED, AirflowClient
from tests.end_to_end.conftest import succeeded, until
from tests.end_to_end.test_isolation import STEADY, add

pytestmark = pytest.mark.slow

FIRST, PERIODS = Period("2020-01-01"), 4
DAGS = ("large__data", "huge__data")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside of the repository with a package of two use cases that fit into the machine one at a time."""
    folder = tmp_path_factory.mktemp("own") / "large_cases"
    for name, memory_gb in (("large", 3), ("huge", 50)):
        add(folder, name, STEADY.replace("steady", name).replace("time_zone=", f"memory_gb={memory_gb}, time_zone="))
    (folder / "__init__.py").touch()
    return folder


@pytest.fixture(scope="module")
def use_case_packages(packages: Path) -> str:
    return packages.name


@pytest.fixture(scope="module")
def connections(packages: Path) -> dict[str, str]:
    return {
        "PYTHONPATH": str(packages.parent),
        "AIRFLOW__CORE__PARALLELISM": "4",
        settings.MACHINE_MEMORY: "4",
    }


def spans(airflow: AirflowClient, dag: str) -> list[tuple[str, str]]:
    """When the tasks in the pool of memory have run: texts of times in UTC."""
    path = f"/dags/{dag}/dagRuns/~/taskInstances"
    listed = airflow.call("GET", path, params={"limit": 100, "state": "success"})["task_instances"]
    return [(each["start_date"], each["end_date"]) for each in listed if each["pool"] == settings.MEMORY_POOL]


def test_large_tasks_of_two_use_cases_run_one_at_a_time(airflow: AirflowClient):
    for dag in DAGS:
        until(lambda name=dag: airflow.has_dag(name), dag)
        airflow.unpause(dag)
        until(lambda name=dag: all(run.state in FINISHED for run in airflow.runs(name)), f"the newest run of {dag}")
    runs = [
        (dag, airflow.trigger(dag, conf={"period": str(FIRST + number)})) for number in range(PERIODS) for dag in DAGS
    ]
    for dag, run in runs:
        succeeded(airflow, dag, run)
    large, huge = (spans(airflow, dag) for dag in DAGS)
    assert min(len(large), len(huge)) >= 3 * PERIODS
    every = sorted([*large, *huge])
    assert all(before[1] <= after[0] for before, after in pairwise(every))
