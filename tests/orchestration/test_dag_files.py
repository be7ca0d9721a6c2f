"""A use case whose DAG cannot be created affects no other one, and is reported."""

from __future__ import annotations

import os
from dataclasses import replace
from unittest import mock

import pytest
from airflow.sdk import DAG, task
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager

from include.orchestration.dag_factory import manual_dag
from include.orchestration.dag_files import FAILED, failures, make_each
from include.use_case import UseCase
from tests.toy_use_case import USE_CASE

OTHER = replace(USE_CASE, name="other")


@pytest.fixture(autouse=True)
def _two_use_cases(declare):
    declare(OTHER, USE_CASE)


@task(task_id="roll_back")
def work() -> None:
    """Do nothing."""


def failing(error: BaseException):
    def make(use_case: UseCase) -> DAG:
        with manual_dag(use_case, "rollback", params={}) as built:
            work()
            if use_case.name == OTHER.name:
                raise error
        return built

    return make


@pytest.mark.parametrize("error", [ValueError("too long"), SystemExit(3), GeneratorExit()])
def test_one_that_fails_half_way_is_left_out_and_kept_with_the_reason(error):
    made = make_each("rollback", failing(error))
    (failed,) = made.pop(FAILED)
    assert list(made) == ["toy__rollback"]
    assert (failed.use_case, failed.kind, failed.retryable) == ("other", "rollback", False)
    assert str(failed).startswith(f"The DAG 'other__rollback' cannot be created: {type(error).__name__}")


def test_a_person_who_interrupts_is_no_failure():
    with pytest.raises(KeyboardInterrupt):
        make_each("rollback", failing(KeyboardInterrupt()))


def test_what_each_file_left_out_is_found_from_the_file_next_to_them(tmp_path):
    broken = "class Failure(str):\n    pass\n\n\nFAILED = [Failure('{}')]\n"
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(broken.format(name))
    (tmp_path / "whole.py").write_text("FAILED = []\n")
    (tmp_path / "no_code.py").write_text("1 / 0\n")
    (tmp_path / "reports.py").write_text("raise SystemExit\n")
    assert failures(tmp_path / "reports.py") == ["one", "two"]


def rollback(use_case: UseCase) -> DAG:
    with manual_dag(use_case, "rollback", params={}) as built:
        work()
    return built


@pytest.mark.parametrize(
    ("dag_id", "made"),
    [
        ("toy__rollback", {"toy__rollback"}),
        ("other__rollback", {"other__rollback"}),
        ("toy__train", {"other__rollback", "toy__rollback"}),
        ("unknown__rollback", {"other__rollback", "toy__rollback"}),
        (None, {"other__rollback", "toy__rollback"}),
    ],
)
def test_the_process_of_a_task_makes_the_dag_of_this_task_only(dag_id, made):
    with mock.patch.dict(os.environ), _airflow_parsing_context_manager(dag_id=dag_id, task_id="roll_back"):
        assert make_each("rollback", rollback).keys() - {FAILED} == made
