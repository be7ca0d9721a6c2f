"""The tutorial's classes, from its CSV to the first score that the scheduler runs by itself."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from include.declaration import clock
from include.declaration.period import Period
from include.local.airflow_client import FINISHED, AirflowClient
from tests.end_to_end.conftest import until
from tests.local.conftest import Shell
from tests.test_tutorial import commands, invent

pytestmark = pytest.mark.slow
NAME = "bike_traffic"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside of the repository, with the page's CSV and an empty package."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "tutored_cases").mkdir()
    (folder / "tutored_cases" / "__init__.py").touch()
    before = Path.cwd()
    os.chdir(folder)
    try:
        invent()
    finally:
        os.chdir(before)
    return folder


@pytest.fixture(scope="module")
def use_case_packages(folder: Path) -> str:
    return "tutored_cases"


@pytest.fixture(scope="module")
def connections(folder: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(folder), "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5"}


def run(shell: Shell, folder: Path, command: str) -> str:
    """Run a command of the page, which names a file of its folder."""
    words = [str(folder / word) if word == "bikes.csv" else word for word in shlex.split(command)]
    done = shell.run(*words)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_scheduler_scores_today_by_itself(airflow: AirflowClient, shell: Shell, folder: Path):
    today = Period.from_date(clock.now().date())
    (written,) = [command for command in commands("new") if NAME in command]
    run(shell, folder, written)
    # In one process, which takes a tenth of the time: that a training runs in Airflow is what other files test.
    assert "is the champion" in run(shell, folder, f"run {NAME} train --from {today}")
    kinds = ("data", "score", "monitor")
    for kind in kinds:
        until(lambda name=f"{NAME}__{kind}": airflow.has_dag(name), f"{NAME}__{kind}")
        airflow.unpause(f"{NAME}__{kind}")
    for kind in kinds:
        dag = f"{NAME}__{kind}"
        until(lambda name=dag: [each for each in airflow.runs(name) if each.state in FINISHED], f"a run of {dag}")
        (first,) = [each for each in airflow.runs(dag) if each.state in FINISHED]
        assert first.state == "success" and first.run_id.startswith("scheduled"), airflow.failures(dag, first.run_id)
    (shown,) = commands("predictions")
    predictions = run(shell, folder, shown.replace("bike_counts", NAME))
    assert "Brücke" in predictions and any(name in predictions for name in ("busy", "normal", "quiet"))
