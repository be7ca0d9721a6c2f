"""The task `export` is there if a destination is declared, and delivers the predictions of the run's day."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.declaration.period import Period
from include.errors import AirworthyError
from include.orchestration.tasks import score as tasks
from include.project import open_project
from include.settings import REPOSITORY
from include.use_case import ToFiles, ToSql
from tests.toy_use_case import USE_CASE

DAY = Period("2020-03-01")


@pytest.fixture(scope="module")
def dag_file() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score_dag", REPOSITORY / "dags" / "score.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_use_case_with_a_destination_has_the_task_after_scoring(dag_file):
    without, having = dag_file.make(USE_CASE), dag_file.make(replace(USE_CASE, exports=(ToFiles("/out/{period}.csv"),)))
    assert "export" not in without.task_ids
    assert having.get_task("export").upstream_task_ids == {"score"}
    assert "files /out/{period}.csv" in having.doc_md and "`export`" not in without.doc_md


@pytest.fixture
def deliver(lake_home: Any, declare: Any, run_as_task: Any) -> Any:
    """Runs the task for the day, of the use case with the given destinations."""

    def delivered(*exports: Any) -> Any:
        use_case = replace(USE_CASE, exports=exports)
        declare(use_case)
        run_as_task({"dag_run": SimpleNamespace(partition_key=DAY.key), "params": {"period": None}})
        columns = {
            "event_date": pa.array([DAY.start_date], pa.date32()),
            "id": pa.array([1], pa.int64()),
            "probability": pa.array([0.5]),
            "predicted_positive": pa.array([True]),
            "model_version": pa.array(["1"]),
        }
        open_project(use_case).lake.replace("predictions", DAY, pa.table(columns), inputs={}, stage="score")
        return tasks.export.function("toy")

    return delivered


def test_the_task_delivers_and_returns_the_receipts(deliver, tmp_path):
    (receipt,) = deliver(ToFiles(f"{tmp_path}/{{period}}.csv"))
    assert (receipt["period"], receipt["rows"]) == (DAY.key, 1)
    assert (tmp_path / f"{DAY}.csv").read_text().count("\n") == 2


def test_a_destination_that_refuses_fails_the_task_for_good_and_one_that_does_not_answer_is_retried(deliver, configure):
    with pytest.raises(AirflowFailException, match="'nowhere'"):
        deliver(ToSql("nowhere", "predictions"))
    configure.connections(warehouse="postgresql://me:secret@127.0.0.1:9/shop")
    with pytest.raises(AirworthyError) as failed:
        deliver(ToSql("warehouse", "predictions"))
    assert failed.value.retryable
