"""A use case is removed and restored in the real scheduler, as docs/remove_a_use_case.md says."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.declaration.period import Period
from include.local.airflow_client import AirflowClient, AirflowRefusedError
from include.settings import REPOSITORY
from tests.end_to_end.conftest import succeeded, until
from tests.end_to_end.test_isolation import STEADY, add
from tests.local.conftest import Shell

pytestmark = pytest.mark.slow

PAGE = (REPOSITORY / "docs" / "remove_a_use_case.md").read_text()
DATA, OTHER, DAY = "churn__data", "steady__data", Period("2020-01-05")
CHURN = STEADY.replace("steady", "churn")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside of the repository with a package of two use cases."""
    folder = tmp_path_factory.mktemp("own") / "leaving_cases"
    for name, text in (("steady", STEADY), ("churn", CHURN)):
        add(folder, name, text)
    (folder / "__init__.py").touch()
    return folder


@pytest.fixture(scope="module")
def use_case_packages(packages: Path) -> str:
    return packages.name


@pytest.fixture(scope="module")
def connections(packages: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(packages.parent), "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5"}


def commands(*words: str) -> Iterator[list[str]]:
    """The commands of the page that begin with these words, one for each DAG where it loops over them."""
    (kinds,) = re.findall(r"for kind in ([a-z_ ]+);", PAGE)
    for line in (line.strip() for line in PAGE.splitlines()):
        if line.startswith(" ".join(words)):
            for kind in kinds.split() if "$kind" in line else [""]:
                yield shlex.split(line.replace("$kind", kind))


def run_page(shell: Shell, *words: str) -> None:
    done = [shell.run(*command) for command in commands(*words)]
    assert done and all(each.returncode == 0 for each in done), [each.stderr[-2000:] for each in done]


def is_gone(airflow: AirflowClient, dag: str) -> bool:
    """Whether no file of DAGs makes it any more."""
    try:
        return bool(airflow.call("GET", f"/dags/{dag}")["is_stale"])
    except AirflowRefusedError:
        return True


@pytest.fixture(scope="module")
def removed(airflow: AirflowClient, shell: Shell, packages: Path) -> set[str]:
    """Its tables in the lake, after the DAGs are paused, the folder is removed and the runs are deleted."""
    for dag in (DATA, OTHER):
        until(lambda name=dag: airflow.has_dag(name), dag)
        airflow.unpause(dag)
        succeeded(airflow, dag, airflow.trigger(dag, conf={"period": str(DAY)}))
    run_page(shell, "airflow", "dags", "pause")
    assert airflow.call("GET", f"/dags/{DATA}")["is_paused"] and not airflow.call("GET", f"/dags/{OTHER}")["is_paused"]
    shutil.rmtree(packages / "churn")
    until(lambda: is_gone(airflow, DATA), "the end of its DAGs")
    run_page(shell, "airflow", "dags", "delete")
    return {path.name for path in (shell.instance.home / "lake" / "churn").iterdir()}


def test_its_dags_and_runs_are_gone_and_its_tables_stay(removed, airflow):
    listed = airflow.call("GET", "/dags", params={"limit": 100, "exclude_stale": False})["dags"]
    assert [dag["dag_id"] for dag in listed if dag["dag_id"].startswith("churn__")] == []
    assert {"raw", "checked", "features"} <= removed


def test_other_use_cases_run_on(removed, airflow):
    succeeded(airflow, OTHER, airflow.trigger(OTHER, conf={"period": str(DAY + 1)}))
    assert airflow.call("GET", "/importErrors")["import_errors"] == []


def test_a_restored_use_case_finds_its_tables_and_writes_nothing_again(removed, airflow, packages, shell):
    add(packages, "churn", CHURN)
    until(lambda: airflow.has_dag(DATA), "its DAGs")
    table = shell.instance.home / "lake" / "churn" / "features"
    before = sorted(path.name for path in table.rglob("*.parquet"))
    airflow.unpause(DATA)
    run = airflow.trigger(DATA, conf={"period": str(DAY)})
    succeeded(airflow, DATA, run)
    assert sorted(path.name for path in table.rglob("*.parquet")) == before != []
