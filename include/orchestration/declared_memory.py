"""Let tasks wait until the machine has the memory that their use case declares."""

from __future__ import annotations

from airflow.sdk import DAG
from airflow.sdk.bases.decorator import DecoratedOperator
from airflow.sdk.definitions.mappedoperator import MappedOperator

from include import settings
from include.declaration.data_declaration import DataDeclaration

WORKING_KINDS = ("data", "train", "score", "monitor", "backfill", "go_live", "reproduce")
"""Kinds of DAG whose tasks read the rows of periods."""


def reserve_memory(use_case: DataDeclaration, kind: str, dag: DAG, machine_gb: int | None) -> None:
    """Put the tasks of a use case with a declared memory into its pool.

    A task takes a slot for each declared GB, at most all of them, so that tasks run together only if the machine has
    the memory for all. Sensors and questions to a person, which take none, stay where they are. Nothing changes
    without a declaration, or where the memory of a machine is unknown.
    """
    if not use_case.memory_gb or machine_gb is None or kind not in WORKING_KINDS:
        return
    slots = min(use_case.memory_gb, machine_gb)
    for task in dag.tasks:
        if isinstance(task, DecoratedOperator):
            task.pool, task.pool_slots = settings.MEMORY_POOL, slots
        elif isinstance(task, MappedOperator) and issubclass(task.operator_class, DecoratedOperator):
            task.partial_kwargs |= {"pool": settings.MEMORY_POOL, "pool_slots": slots}
