"""What is found in source code is kept between processes, and counts only for the same code."""

from __future__ import annotations

import pytest

from include.registry import code_cache, code_digest, code_modules
from include.registry.code_modules import Places
from include.settings import current_settings
from tests.toy_use_case import USE_CASE

PLACES = Places.from_use_case(USE_CASE)


@pytest.fixture
def entries(engine, tmp_path, monkeypatch):
    """The folder of the entries, empty at first."""
    monkeypatch.setenv("AIRWORTHY_HOME", str(tmp_path / "home"))
    return current_settings().home / code_cache.FOLDER


def must_not_search():
    raise AssertionError("the modules were searched for again")


def digest() -> str:
    return code_digest.table_code_digest(USE_CASE, "features", reread=True)


def found(search=must_not_search):
    return code_cache.find(PLACES, "features", search)


def test_a_second_process_finds_what_the_first_has_found(entries):
    modules = code_digest.covered_modules(USE_CASE, "features")
    first = found(lambda: modules)
    second = found()
    assert second.statements == first.statements
    assert (second.texts, second.paths) == (first.texts, first.paths)
    files = [code_modules.data_files(PLACES, each.own, each.texts) for each in (first, second)]
    assert files[0] == files[1]


def test_the_digest_is_the_same_with_an_entry_and_without(entries):
    made = digest()
    assert len(list(entries.iterdir())) == 1
    assert digest() == made
    next(entries.iterdir()).unlink()
    assert digest() == made


@pytest.mark.parametrize("path", ["features/materialize.py", "features/checks.py"])
def test_a_changed_module_is_searched_again(entries, engine, path):
    before = digest()
    with (engine / path).open("a") as module:
        module.write("\n_MORE = 1\n")
    with pytest.raises(AssertionError, match="searched"):
        found()
    assert digest() != before


def test_a_module_that_is_new_where_there_was_none_counts(entries, engine):
    module = engine / "features" / "materialize.py"
    module.write_text(module.read_text() + "\ntry:\n    import include.later\nexcept ImportError:\n    pass\n")
    before = digest()
    (engine / "later.py").write_text("MORE = 1\n")
    with pytest.raises(AssertionError, match="searched"):
        found()
    assert digest() != before


def test_a_removed_module_counts(entries, engine):
    module = engine / "features" / "materialize.py"
    module.write_text(module.read_text() + "\ntry:\n    import include.later\nexcept ImportError:\n    pass\n")
    (engine / "later.py").write_text("MORE = 1\n")
    before = digest()
    (engine / "later.py").unlink()
    assert digest() != before


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"looked_up": 1}', b'{"looked_up": {}, "sources": {}}']
)
def test_a_damaged_entry_is_made_again(entries, content):
    before = digest()
    entry = next(entries.iterdir())
    whole = entry.read_bytes()
    entry.write_bytes(content)
    assert digest() == before
    assert entry.read_bytes() == whole


def test_without_a_place_to_keep_them_the_digests_are_made_each_time(entries, monkeypatch):
    before = digest()
    for entry in entries.iterdir():
        entry.unlink()
    entries.rmdir()
    entries.write_text("no folder")
    assert digest() == before
