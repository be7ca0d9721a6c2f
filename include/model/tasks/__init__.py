"""Find what depends on the task: one class per kind, and this one lookup."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from include.declaration.task import Binary, Multiclass, Regression, Task
from include.declaration.use_case import UseCase
from include.model.tasks.base import TaskModel
from include.model.tasks.binary import BinaryModel
from include.model.tasks.multiclass import MulticlassModel
from include.model.tasks.regression import RegressionModel

_MODELS: Mapping[type[Task], type[TaskModel[Any]]] = {
    Binary: BinaryModel,
    Regression: RegressionModel,
    Multiclass: MulticlassModel,
}


def task_model(declared: UseCase | Task) -> TaskModel[Any]:
    """Return what depends on the task of a use case."""
    return _model_of(declared.task if isinstance(declared, UseCase) else declared)


@lru_cache(maxsize=64)
def _model_of(task: Task) -> TaskModel[Any]:
    return _MODELS[type(task)](task)
