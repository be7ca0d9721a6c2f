"""No decision uses data from MLflow: every tag and file that is read is listed with its protection."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator

import pytest

from include.registry import tags
from include.settings import REPOSITORY
from tests.refusals import raises

pytestmark = pytest.mark.security

FOLDERS = ("tags", "copies")
"""Names under which the tags of a run or a version are read."""
FILES = {
    "include.registry.mlflow_runs": "the two functions that read files",
    "include.evaluation.checks.serving_check": "the sample, compared with the digest in the record of the training",
    "include.web.card": "the model card, compared with the digest in its own record",
    "include.promotion.model_card.build": "plots, intervals and slices, which the model card only shows",
}
"""Modules that read files of a run, and what holds these."""
WRITERS = ("start_run", "start_study", "log", "tag_version", "register", "to_mlflow", "record_training")
"""Functions that take tags by key."""
SPELLED = {("include.registry.model_record", "'tags'")}
FOREIGN = {"mlflow.parentRunId"}
"""Tags of MLflow's own that are read."""
UNTHREATENED = (tags.FOUND, tags.MINUTES, tags.DELETED_ON, tags.RESTORED_ON, tags.OWNERLESS)
"""Tags of what is no version: the threat model says of them in general what a forged value can do."""


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


def test_every_tag_that_is_read_is_named_by_its_definition():
    found = {
        (module, ast.unparse(node), value_of(node, module))
        for module, tree in modules()
        if module != "include.registry.tags"
        for node in read_by(tree)
    }
    spelled = {(module, text) for module, text, value in found if text.startswith(("'", '"', "f'", 'f"'))}
    assert spelled - SPELLED == set(), "name the Tag of include/registry/tags.py"
    values = {value for _, _, value in found if value is not None}
    assert len(values) > 15, "the search finds what it should"
    assert {value for value in values if tags.find_tag(value.removeprefix(tags.PREFIX)) is None} - FOREIGN == set()


def spelled_keys(tree: ast.Module) -> Iterator[str]:
    """The keys that a module spells where it writes tags: in a call that takes them, or in what it calls tags."""
    for node in ast.walk(tree):
        values: list[ast.expr] = []
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in WRITERS:
            values = [*node.args, *(word.value for word in node.keywords if word.arg in (None, "tags"))]
        elif isinstance(node, ast.FunctionDef) and node.name in ("tags", "_judgement"):
            values = [done.value for done in ast.walk(node) if isinstance(done, ast.Return) and done.value is not None]
        elif isinstance(node, ast.Assign) and any(is_tags(target) for target in node.targets):
            values = [node.value]
        for value in values:
            for inner in ast.walk(value):
                if isinstance(inner, ast.Dict):
                    yield from (key.value for key in inner.keys if isinstance(key, ast.Constant))


def test_no_tag_that_is_written_is_spelled_elsewhere():
    found = {(name, key) for name, tree in modules() for key in spelled_keys(tree)}
    assert found == set(), "name the Tag of include/registry/tags.py"


@pytest.mark.parametrize(
    "planted",
    ['registry.tag_version("1", {"surprise": "x"})', 'tags = {"trees": "x"}', 'def tags():\n    return {"trees": "x"}',
     'registry.log(run, tags={"trees": "x"})', 'registry.start_run("a", {"trees": "x"} | others)'],
)  # fmt: skip
def test_a_planted_spelling_is_found(planted):
    assert len(list(spelled_keys(ast.parse(planted)))) == 1


def test_a_tag_that_is_not_defined_is_never_written():
    with raises(tags.UndefinedTagError, key="surprise"):
        tags.to_mlflow({"trees": "x", "surprise": "y"})
    with pytest.raises(tags.UndefinedTagError):
        tags.mlflow_name("gates/one")


def test_tags_have_the_prefix_in_mlflow_and_what_others_wrote_is_left_out():
    known = {"trees": "a", "gate/auc at least 0.6": "passed"}
    there = tags.to_mlflow(known)
    assert there == {"airworthy.trees": "a", "airworthy.gate/auc at least 0.6": "passed"}
    assert tags.from_mlflow({**there, "mlflow.user": "x", "trees": "forged"}) == known


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


@pytest.mark.parametrize("tag", [tag for tag in tags.TAGS.values() if tag not in UNTHREATENED])
def test_the_threat_model_names_each_of_them(tag):
    text = (REPOSITORY / "docs" / "threat_model.md").read_text()
    assert f"`{tag.name}{'…' if tag.is_start else ''}`" in text


def test_a_tag_that_decides_is_held_by_a_record_and_a_copy_is_not():
    assert tags.decides("trees") and tags.decides("gates") and tags.decides("false_alarms")
    assert not any(map(tags.decides, ("status", "approval", "ledger.head", "surprise")))
    assert tags.decides("gate/auc at least 0.6")
