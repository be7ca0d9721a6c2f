"""What is found in source code is kept between processes, and counts only for the same code."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.lake.object_store import StoragePath
from include.registry import code_cache, code_digest, code_modules
from include.registry.code_cache import SourceFindings
from include.registry.code_modules import Places
from tests.toy_use_case import USE_CASE

PLACES = Places.from_use_case(USE_CASE)
LATER = "\ntry:\n    import include.later\nexcept ImportError:\n    pass\n"


def search():
    return code_digest.covered_modules(USE_CASE, "features")


def must_not_search():
    raise AssertionError("the modules were searched for again")


@pytest.fixture
def find(engine, tmp_path):
    """Find as a process does that starts now; with `must_not_search` there must be an entry that holds."""

    def finding(by=search) -> SourceFindings:
        return code_cache.find(PLACES, "features", by, StoragePath.parse(tmp_path / "entries"))

    return finding


@pytest.fixture
def entry(find, tmp_path) -> Path:
    """The only entry."""
    find()
    (path,) = (tmp_path / "entries").iterdir()
    return path


def test_a_second_process_finds_what_the_first_has_found(find):
    first, second = find(), find(must_not_search)
    assert second.statements == first.statements
    assert (second.texts, second.paths) == (first.texts, first.paths)
    files = [code_modules.data_files(PLACES, each.own, each.texts) for each in (first, second)]
    assert files[0] == files[1]


@pytest.mark.parametrize("path", ["features/materialize.py", "features/checks.py"])
def test_a_changed_module_is_searched_again(find, engine, path):
    before = find()
    with (engine / path).open("a") as module:
        module.write("\n_MORE = 1\n")
    with pytest.raises(AssertionError, match="searched"):
        find(must_not_search)
    assert find().statements != before.statements


def test_a_module_that_is_new_where_there_was_none_counts(find, engine):
    module = engine / "features" / "materialize.py"
    module.write_text(module.read_text() + LATER)
    before = find()
    (engine / "later.py").write_text("MORE = 1\n")
    assert find().statements.keys() - before.statements.keys() == {"include.later"}


def test_a_removed_module_counts(find, engine):
    module = engine / "features" / "materialize.py"
    module.write_text(module.read_text() + LATER)
    (engine / "later.py").write_text("MORE = 1\n")
    assert "include.later" in find().statements
    (engine / "later.py").unlink()
    assert "include.later" not in find().statements


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"made_by": 1}', b"\xff"])
def test_a_damaged_entry_is_made_again(find, entry, content):
    whole = entry.read_bytes()
    entry.write_bytes(content)
    find()
    assert entry.read_bytes() == whole


def test_an_entry_of_another_version_of_this_code_does_not_count(find, entry):
    entry.write_text(entry.read_text().replace('"made_by": ["', '"made_by": ["another '))
    with pytest.raises(AssertionError, match="searched"):
        find(must_not_search)


def test_without_a_place_to_keep_an_entry_the_modules_are_searched_each_time(find, entry):
    before = find()
    entry.unlink()
    entry.mkdir()
    assert find().statements == before.statements


def test_the_home_of_this_project_is_not_made_to_keep_an_entry(engine, tmp_path):
    entries = StoragePath.parse(tmp_path / "home" / "entries")
    assert code_cache.find(PLACES, "features", search, entries).statements
    assert not (tmp_path / "home").exists()
