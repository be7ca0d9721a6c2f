"""Tasks of a use case that declares its memory wait until the machine has it, and no others do."""

from __future__ import annotations

import runpy
from dataclasses import replace

import pytest
from airflow.sdk import DAG

from include import settings
from include.declaration.problems import DeclarationError
from include.errors import InvalidRequestError
from include.orchestration.dag_files import DAG_FILES
from include.orchestration.declared_memory import WORKING_KINDS, reserve_memory
from tests.refusals import raises
from tests.toy_use_case import USE_CASE

LARGE = replace(USE_CASE, memory_gb=6)


@pytest.fixture(autouse=True)
def _use_case(declare):
    declare(LARGE)


def made(kind: str, machine_gb: int | None, memory_gb: int = 6) -> DAG:
    declared = replace(USE_CASE, memory_gb=memory_gb)
    dag = runpy.run_path(str(DAG_FILES / f"{kind}.py"))["make"](declared)
    reserve_memory(declared, kind, dag, machine_gb)
    return dag


def pools(dag: DAG) -> dict[str, tuple[str, int]]:
    """Task to its pool and its slots."""
    return {task.task_id: (task.pool, task.pool_slots) for task in dag.tasks}


@pytest.mark.parametrize("kind", WORKING_KINDS)
def test_tasks_take_a_slot_for_each_declared_gb(kind):
    before, after = pools(made(kind, None)), pools(made(kind, 16))
    changed = {task for task in before if before[task] != after[task]}
    assert {after[task] for task in changed} == {("memory", 6)}
    waiting = {"wait_for_features", "wait_for_predictions", "approve", "wait_for_landing"}
    assert waiting.isdisjoint(changed)
    assert {task.task_id for task in made(kind, 16).tasks} - changed <= waiting


def test_a_task_never_takes_more_than_the_machine_has():
    assert pools(made("data", 4))["ingest"] == ("memory", 4)


@pytest.mark.parametrize(
    ("kind", "machine_gb", "memory_gb"), [("data", 16, 0), ("data", None, 6), ("maintenance", 16, 6)]
)
def test_nothing_waits_without_a_declaration_or_a_known_machine(kind, machine_gb, memory_gb):
    assert "memory" not in {pool for pool, _ in pools(made(kind, machine_gb, memory_gb)).values()}


def test_the_pool_has_a_slot_for_each_gb_of_a_known_machine():
    assert settings.pools(4, 12)["memory"][0] == 12
    assert "memory" not in settings.pools(4, None)


def test_the_memory_of_a_machine_is_a_whole_number():
    assert settings.machine_memory_gb({settings.MACHINE_MEMORY: " 12 "}) == 12
    assert settings.machine_memory_gb({}) is settings.machine_memory_gb({settings.MACHINE_MEMORY: ""}) is None
    for given in ("0", "-1", "1.5", "4GB"):
        with raises(InvalidRequestError, settings.MACHINE_MEMORY):
            settings.machine_memory_gb({settings.MACHINE_MEMORY: given})


def test_a_negative_memory_is_refused():
    with pytest.raises(DeclarationError) as raised:
        replace(USE_CASE, memory_gb=-1)
    assert [problem.path for problem in raised.value.problems] == ["memory_gb"]
