"""What MLflow says decides nothing: every tag and file that is read back is listed with what holds it."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator

import pytest

from include.registry import tags
from include.settings import REPOSITORY

pytestmark = pytest.mark.security

FOLDERS = ("tags", "copies")
"""Names under which the tags of a run or a version are read."""
FILES = {
    "include.registry.mlflow_runs": "the two functions that read files",
    "include.evaluation.checks.serving_check": "the sample, compared with the digest in the record of the training",
    "include.promotion.model_card.build": "plots, intervals and slices, which the model card only shows",
}
"""Modules that read files of a run, and what holds these."""
OTHERS = {
    "include.training.optuna_mlflow": "parameters that a study has found: the model that they make has its gates",
    "include.maintenance.mlflow_cleanup": "when maintenance deleted a run",
    "include.maintenance.mlflow_rules": "runs that are old enough to be deleted, none of which is a version's",
    "include.maintenance.plan": "data versions of runs that are no version: they keep data from being removed",
}
"""Modules that read tags of runs that are no version's, and what a forged value could do."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((REPOSITORY / "include").rglob("*.py")):
        name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text())


def is_tags(node: ast.AST) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr in FOLDERS) or (
        isinstance(node, ast.Name) and node.id in FOLDERS
    )


def read_by(tree: ast.Module) -> Iterator[ast.expr]:
    """The name of each tag that a module reads, as it is written there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and is_tags(node.value) and isinstance(node.ctx, ast.Load):
            yield node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_tags(node.func.value):
            if node.func.attr in ("get", "pop") and node.args:
                yield node.args[0]
        elif isinstance(node, ast.Compare) and any(map(is_tags, node.comparators)):
            yield node.left


def value_of(node: ast.expr, module: str) -> str | None:
    """The text of a constant, or of one that the module knows by name; None for what is only known when it runs."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    try:
        return str(eval(ast.unparse(node), vars(importlib.import_module(module))))  # our own source
    except (NameError, AttributeError):
        return None


def test_every_tag_that_is_read_back_is_listed_with_what_holds_it():
    listed = {*tags.HELD_BY, *tags.COPIES}
    found = {
        (module, name)
        for module, tree in modules()
        if module not in OTHERS and module != "include.registry.tags"
        for node in read_by(tree)
        if (name := value_of(node, module)) is not None
    }
    assert len(found) > 20, "the search finds what it should"
    unlisted = sorted((module, name) for module, name in found if name not in listed and not tags.decides(name))
    assert unlisted == [], "list it in include/registry/tags.py and in docs/threat_model.md"


def test_files_of_a_run_are_read_where_what_holds_them_is_said():
    readers = {
        module
        for module, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("artifact", "download_artifacts")
    }
    assert readers == set(FILES)


def test_metrics_of_a_run_are_read_from_no_other_place_than_the_record():
    readers = [
        (module, ast.unparse(node))
        for module, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "metrics" and ast.unparse(node.value).endswith("data")
    ]
    assert readers == []


@pytest.mark.parametrize("name", [*tags.HELD_BY, *tags.COPIES])
def test_the_threat_model_names_each_of_them(name):
    text = (REPOSITORY / "docs" / "threat_model.md").read_text()
    assert f"`{name}`" in text


def test_a_tag_that_decides_is_held_by_a_record_and_a_copy_is_not():
    assert all(map(tags.decides, tags.HELD_BY))
    assert not any(map(tags.decides, tags.COPIES))
    assert tags.decides("gate/auc at least 0.6")
