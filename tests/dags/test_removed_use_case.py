"""A use case whose folder was removed has no DAG; a late task fails once, and other use cases are not affected."""

from __future__ import annotations

import importlib
import re
import shutil
import sys
from pathlib import Path

import pytest

from include.declaration.names import DAG_KINDS
from include.declaration.use_case_discovery import all_use_cases, broken_use_cases, load_use_case
from include.errors import UseCaseUnknownError
from include.settings import REPOSITORY
from tests.refusals import raises

pytestmark = pytest.mark.slow
PACKAGE = "owned_use_cases"


@pytest.fixture
def owned(tmp_path, monkeypatch, configure, lake_home) -> Path:
    """A package of two use cases, `kept` and `removed`."""
    folder = tmp_path / PACKAGE
    folder.mkdir()
    (folder / "__init__.py").touch()
    for name in ("kept", "removed"):
        shutil.copytree(
            REPOSITORY / "tests" / "toy_use_case", folder / name, ignore=shutil.ignore_patterns("__pycache__")
        )
        for path in (folder / name).glob("*.py"):
            text = path.read_text().replace("tests.toy_use_case", f"{PACKAGE}.{name}")
            path.write_text(text.replace('name="toy"', f'name="{name}"'))
    monkeypatch.syspath_prepend(tmp_path)
    configure(use_case_packages=PACKAGE)
    yield folder
    forget()


def forget() -> None:
    """Let the next import see the folders as they are, like a process that starts now."""
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
    importlib.invalidate_caches()


def test_its_page_names_every_kind_of_dag():
    page = (REPOSITORY / "docs" / "remove_a_use_case.md").read_text()
    loops = re.findall(r"for kind in ([a-z_ ]+);", page)
    assert loops and all(kinds.split() == list(DAG_KINDS) for kinds in loops)


def dag_ids() -> set[str]:
    from include.orchestration.dag_files import make_all_dags

    return set(make_all_dags())


def test_its_dags_disappear_and_those_of_the_others_stay(owned):
    every = {name: {f"{name}__{kind}" for kind in DAG_KINDS} for name in ("kept", "removed")}
    assert dag_ids() == every["kept"] | every["removed"]
    shutil.rmtree(owned / "removed")
    forget()
    assert dag_ids() == every["kept"]
    assert [*all_use_cases()] == ["kept"] and broken_use_cases() == {}, "it is no import error either"


def test_a_task_that_starts_late_fails_without_a_retry_and_names_what_there_is(owned):
    shutil.rmtree(owned / "removed")
    forget()
    with raises(UseCaseUnknownError, "kept", name="removed", retryable=False):
        load_use_case("removed")
