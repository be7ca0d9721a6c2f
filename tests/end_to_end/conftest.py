"""One real instance per test file: scheduler, triggerer, API server and MLflow, on free ports."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from include.lake import signing
from include.local import credentials
from include.local.airflow_client import FINISHED, AirflowClient, AirflowUnreachableError, DagRun
from tests.local.conftest import Shell, make_shell

IMPATIENT = {"AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10"}
"""Airflow looks every 5 minutes for the tasks of a scheduler that was killed: a test of that would wait for nothing."""


WATCHED: list[Callable[[], object]] = []
"""What raises where that which is waited for can no longer come, since its services have ended."""


def until(found: Callable[[], object], what: str, seconds: float = 1200) -> None:
    """Wait for it, also while a server is too busy to answer; not for services that have ended for good."""
    deadline = time.monotonic() + seconds
    while not _there(found):
        assert time.monotonic() < deadline, f"{what} did not come in {seconds:.0f} s"
        for watch in WATCHED:
            watch()
        time.sleep(0.5)


def _there(found: Callable[[], object]) -> bool:
    try:
        return bool(found())
    except AirflowUnreachableError:
        return False


def ended(api: AirflowClient, dag_id: str, run: DagRun) -> DagRun:
    until(lambda: api.get_run(dag_id, run.run_id).state in FINISHED, f"the end of {dag_id} {run.run_id}")
    return api.get_run(dag_id, run.run_id)


def succeeded(api: AirflowClient, dag_id: str, run: DagRun) -> None:
    assert ended(api, dag_id, run).state == "success", api.failures(dag_id, run.run_id)


def task_state(api: AirflowClient, dag_id: str, run: DagRun, task: str) -> str | None:
    return api.call("GET", f"/dags/{dag_id}/dagRuns/{run.run_id}/taskInstances/{task}")["state"]


def wait_for_task(api: AirflowClient, dag_id: str, run: DagRun, task: str, *states: str) -> None:
    """Wait until a task is in one of these states; fail when its run has ended without."""

    def is_reached() -> bool:
        has_ended = api.get_run(dag_id, run.run_id).state in FINISHED
        state = task_state(api, dag_id, run, task)
        assert state in states or not has_ended, (
            f"{dag_id} {run.run_id} ended with {task} {state}, not {states}: {api.failures(dag_id, run.run_id)}"
        )
        return state in states

    until(is_reached, f"the state {states} of {task} of {dag_id} {run.run_id}")


@pytest.fixture(scope="module")
def use_case_packages() -> str:
    """Where the instance finds its use cases; a file of tests may name others."""
    return "tests.end_to_end.use_cases"


@pytest.fixture(scope="module")
def feature_group_packages() -> str:
    """Where the instance finds its feature groups; a file of tests may name others."""
    return "include.feature_groups"


@pytest.fixture(scope="module")
def connections() -> dict[str, str]:
    """Airflow's Connections as environment variables; a file of tests may name some."""
    return {}


@pytest.fixture(scope="module")
def shell(
    tmp_path_factory: pytest.TempPathFactory,
    use_case_packages: str,
    feature_group_packages: str,
    connections: dict[str, str],
) -> Iterator[Shell]:
    """An instance in a folder whose name has a space, next to whatever else runs."""
    home = tmp_path_factory.mktemp("life") / "a home"
    packages = {"USE_CASE_PACKAGES": use_case_packages, "FEATURE_GROUP_PACKAGES": feature_group_packages}
    names = {"AIRWORTHY_COMMIT": "tests", **{f"AIRWORTHY_{name}": value for name, value in packages.items()}}
    shell = make_shell(home, **names, **IMPATIENT, **connections)
    try:
        started = shell.run("up")
        assert started.returncode == 0, started.stderr + started.stdout
        with pytest.MonkeyPatch.context() as patch:
            for name, value in shell.env.items():
                patch.setenv(name, value)
            patch.delenv(signing.VARIABLE)  # as the services do, read the keys that the home has made
            WATCHED.append(shell.report)
            yield shell
    finally:
        WATCHED.clear()
        stopped = shell.run("down")
    assert stopped.returncode == 0
    assert not shell.living()


@pytest.fixture(scope="module")
def airflow(shell: Shell) -> AirflowClient:
    here = shell.instance
    return AirflowClient(here.airflow_url, credentials.USER, credentials.load_or_make(here).password)
