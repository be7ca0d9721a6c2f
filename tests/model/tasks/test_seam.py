"""Only the package of tasks knows which task it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from include.declaration.task import TASKS
from include.model.tasks import task_model
from include.use_case import Binary, Multiclass, Regression
from tests.test_architecture import MODULES, is_within

KNOWS_TASKS = ("include.model.tasks", "include.declaration.task")
CLASSES = {task.__name__ for task in TASKS.values()}
KINDS = set(TASKS)


def task_tests(source: str) -> Iterator[str]:
    """Yield what a source asks about a task: `isinstance` or `type` of one, or its name in a comparison or match."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
            if CLASSES & {ast.unparse(part).rpartition(".")[2] for part in ast.walk(node.args[1])}:
                yield ast.unparse(node)
        elif isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
            named = {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}
            classes = {ast.unparse(part).rpartition(".")[2] for part in parts}
            if named & KINDS or classes & CLASSES:
                yield ast.unparse(node)
        elif isinstance(node, ast.match_case):
            names = {
                ast.unparse(each).rpartition(".")[2] for each in ast.walk(node.pattern) if isinstance(each, ast.expr)
            }
            if names & (CLASSES | {repr(kind) for kind in KINDS}):
                yield ast.unparse(node.pattern)


@pytest.mark.parametrize("module", [module for module in MODULES if not is_within(module, *KNOWS_TASKS)])
def test_no_other_module_asks_which_task_it_is(module):
    assert list(task_tests(MODULES[module].read_text())) == []


@pytest.mark.parametrize(
    "planted",
    [
        "isinstance(use_case.task, Binary)",
        "isinstance(task, (Regression, declaration.Multiclass))",
        "use_case.task.kind == 'regression'",
        "type(task) is Binary",
        "'multiclass' == kind",
        "kind in ('binary', x) or kind == 'binary'",
    ],
)
def test_a_module_that_asks_is_caught(planted):
    assert list(task_tests(f"if {planted}:\n    pass\n"))


def test_a_match_on_a_task_is_caught():
    assert list(task_tests("match task:\n    case Binary():\n        pass\n"))
    assert list(task_tests("match task.kind:\n    case 'binary':\n        pass\n"))


@pytest.mark.parametrize("task", [Binary(), Regression(), Multiclass(classes=("a", "b", "c"))])
def test_each_task_has_its_model(task):
    assert task_model(task).task == task
    assert set(task.headline) <= set(task.metrics)
    assert task.main_metric in task.metrics
    assert task.main_column in task.prediction_columns
