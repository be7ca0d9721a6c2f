"""In the real scheduler: what each task read and wrote reaches a receiver of OpenLineage events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.local.airflow_client import AirflowClient
from tests import receivers
from tests.end_to_end.conftest import succeeded, until
from tests.end_to_end.test_isolation import STEADY, add
from tests.local.conftest import Shell
from tests.receivers import Hook

pytestmark = pytest.mark.slow

DATA = "steady__data"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside of the repository with a package of one use case."""
    folder = tmp_path_factory.mktemp("own") / "traced_cases"
    add(folder, "steady", STEADY)
    (folder / "__init__.py").touch()
    return folder


@pytest.fixture(scope="module")
def use_case_packages(packages: Path) -> str:
    return packages.name


@pytest.fixture(scope="module")
def receiver() -> Iterator[tuple[Hook, int]]:
    with receivers.webhook() as found:
        yield found


@pytest.fixture(scope="module")
def connections(packages: Path, receiver: tuple[Hook, int]) -> dict[str, str]:
    transport = {"type": "http", "url": f"http://127.0.0.1:{receiver[1]}", "endpoint": "api/v1/lineage"}
    return {"PYTHONPATH": str(packages.parent), "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport)}


def tables(events: list[dict[str, Any]], job: str, side: str) -> dict[str, dict[str, Any]]:
    """Address to facets of what the events of a task name as inputs or outputs."""
    return {
        f"{dataset['namespace']}:{dataset['name']}": dataset.get("facets", {})
        for event in events
        if event["job"]["name"] == job
        for dataset in event.get(side, [])
    }


def test_each_task_of_a_data_run_sends_the_tables_it_read_and_wrote(airflow: AirflowClient, receiver, shell: Shell):
    until(lambda: airflow.has_dag(DATA), "the DAG")
    airflow.unpause(DATA)
    succeeded(airflow, DATA, airflow.trigger(DATA, conf={"period": "2020-01-05"}))
    events = receiver[0].received

    def of_lake(*names: str) -> set[str]:
        return {f"file:{shell.instance.home}/lake/steady/{name}" for name in names}

    until(lambda: tables(events, f"{DATA}.build_features", "outputs"), "the lineage of the features")
    raw, checked = of_lake("raw/events", "raw/outcomes"), of_lake("checked/events", "checked/outcomes")
    assert tables(events, f"{DATA}.ingest", "outputs").keys() == raw
    assert tables(events, f"{DATA}.validate", "inputs").keys() == raw
    assert tables(events, f"{DATA}.validate", "outputs").keys() == checked
    assert tables(events, f"{DATA}.build_features", "inputs").keys() == checked
    built = tables(events, f"{DATA}.build_features", "outputs")
    assert built.keys() == of_lake("features", "labels")
    (features,) = (facets for address, facets in built.items() if address.endswith("/features"))
    assert {"name": "size", "type": "double"}.items() <= features["schema"]["fields"][3].items()
    assert features["version"]["datasetVersion"].isdigit()
    kinds = {event["eventType"] for event in events if event["job"]["name"] == f"{DATA}.build_features"}
    assert {"START", "RUNNING", "COMPLETE"} <= kinds
