"""Declare what a use case predicts: an event, a number, or one of some classes.

Each task is one module. Other modules read the properties of `Task`, and what is computed comes from
`include.model.tasks`. Nothing else depends on which task it is. Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.declaration.costs import DecisionCosts, OrderCosts
from include.declaration.task.base import Task
from include.declaration.task.binary import Binary
from include.declaration.task.multiclass import Multiclass
from include.declaration.task.regression import Regression

__all__ = ["TASKS", "Binary", "Multiclass", "Regression", "Task", "task_from_json"]

TASKS: Mapping[str, type[Task]] = {task.kind: task for task in (Binary, Regression, Multiclass)}
"""Name in records to the kind of task."""
_COSTS: Mapping[str, type] = {"binary": DecisionCosts, "regression": OrderCosts}


def task_from_json(values: Mapping[str, Any]) -> Task:
    """Return the task from the values of `Task.to_json`.

    Raises:
        KeyError, TypeError, ValueError: the values are not a task's.
    """
    given: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in values.items()}
    kind: str = given.pop("kind")
    if given.get("costs") is not None:
        given["costs"] = _COSTS[kind](**given["costs"])
    return TASKS[kind](**given)
