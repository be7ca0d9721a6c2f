"""What a digest of code covers: all that can change a result, and neither the page nor a sentence."""

from __future__ import annotations

import shutil

import pytest

from include.registry import code_digest
from include.settings import REPOSITORY
from tests.toy_use_case import USE_CASE

KINDS = ("raw", "checked", "labels", "features", "training")
TABLES = ("raw/events", "checked/events", "labels", "features")


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A copy of the engine whose files may be changed."""
    shutil.copytree(REPOSITORY / "include", tmp_path / "include", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_digest, "REPOSITORY", tmp_path)
    code_digest.forget()
    yield tmp_path / "include"
    code_digest.forget()


def digests() -> dict[str, str]:
    """As a process that starts now finds them."""
    code_digest.forget()
    of_tables = {table: code_digest.of_table(USE_CASE, table) for table in TABLES}
    return of_tables | {"training": code_digest.of_training(USE_CASE)}


def changed(before: dict[str, str]) -> set[str]:
    now = digests()
    return {name for name in before if before[name] != now[name]}


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_the_alerts_the_command_line_and_the_scheduler_belong_to_no_result(kind):
    rooms = ("include.page", "include.alerts", "include.local", "include.cli", "include.tasks", "include.dag")
    covered = code_digest.modules(USE_CASE.package, kind)
    assert covered
    assert not [name for name in covered if name.startswith(rooms)]


@pytest.mark.parametrize(
    ("path", "results"),
    [
        ("page/app.py", set()),
        ("alerts.py", set()),
        ("stages/derive.py", {"labels", "features"}),
        ("stages/label.py", {"labels"}),
        ("stages/ingest.py", {"raw/events"}),
        ("sources/files.py", {"raw/events"}),
        ("ingestion/expectations.py", {"checked/events"}),
        ("logic/fitting.py", {"training"}),
        ("logic/encoding.py", {"training"}),
        ("storage/labels.py", {"training"}),
    ],
)
def test_a_statement_more_changes_what_it_may_change(engine, path, results):
    before = digests()
    with (engine / path).open("a") as module:
        module.write("\n_MORE = 1\n")
    assert changed(before) == results


@pytest.mark.parametrize("path", ["stages/derive.py", "logic/fitting.py", "ingestion/expectations.py"])
def test_a_comment_and_other_docstrings_change_nothing(engine, path):
    before, module = digests(), engine / path
    text = module.read_text()
    module.write_text(text.replace('"""', '"""In other words. ', 1).replace("\nfrom", "\n# why\nfrom", 1) + "\n\n\n")
    assert module.read_text() != text
    assert changed(before) == set()


def test_a_file_of_data_beside_the_functions_belongs_to_what_they_make(tmp_path, monkeypatch):
    package = tmp_path / "other_cases" / "mine"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "features.py").write_text("from other_cases.shared import helper\n")
    (tmp_path / "other_cases" / "shared.py").write_text("helper = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert {"other_cases.mine.features", "other_cases.shared"} <= set(
        code_digest.modules("other_cases.mine", "features")
    )
    before = code_digest._code.__wrapped__("other_cases.mine", "features")
    (package / "README.md").write_text("words")
    assert code_digest._code.__wrapped__("other_cases.mine", "features") == before
    (package / "holidays.csv").write_text("2020-01-01\n")
    with_data = code_digest._code.__wrapped__("other_cases.mine", "features")
    (tmp_path / "other_cases" / "shared.py").write_text("helper = 2\n")
    assert len({before, with_data, code_digest._code.__wrapped__("other_cases.mine", "features")}) == 3


def test_what_is_saved_after_the_process_began_is_not_what_it_runs_unless_it_is_asked_to_look(engine):
    before = digests()["features"]
    with (engine / "stages/derive.py").open("a") as module:
        module.write("\n_MORE = 1\n")
    assert code_digest.of_table(USE_CASE, "features") == before
    assert code_digest.of_table(USE_CASE, "features", reread=True) != before
