"""The words that `make lint` refuses in prose."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from include.settings import REPOSITORY

SCRIPT = REPOSITORY / ".ci" / "check_prose.py"


@pytest.fixture(scope="module")
def prose():
    spec = importlib.util.spec_from_file_location("check_prose", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def words(prose, text, path="docs/page.md"):
    return [(found.line, found.word) for found in prose.banned_words(path, text)]


def test_the_pages_of_this_repository_have_no_banned_word(prose):
    assert [found.text() for found in prose.check(prose.PLACES)] == []


def test_the_first_lines_of_docstrings_are_short(prose):
    assert prose.check_docstrings() == []


def test_a_long_first_line_of_a_docstring_is_found_at_any_depth(prose):
    first, later = "x" * 80, "y" * 100
    text = f'"""{first}."""\n\n\nclass A:\n    def b(self):\n        """{first}\n\n        {later}\n        """\n'
    assert prose.long_first_lines("include/x.py", text) == [
        "include/x.py:1: the docstring's first line has 81 characters, not 80"
    ]
    assert len(prose.long_first_lines("include/x.py", text.replace(f"{first}\n", f"{first}.\n"))) == 2


def test_each_banned_word_is_found_with_its_line_in_any_case_and_across_a_line_break(prose):
    assert words(prose, "One.\nWhoever reads this, is told so\nmany things.\n") == [
        (2, "whoever"),
        (2, "told"),
        (2, "so many"),
    ]


@pytest.mark.parametrize("text", ["besides", "a stand-in lake", "flights", "flight_delays", "understands"])
def test_words_that_only_look_alike_are_allowed(prose, text):
    assert words(prose, text) == []


def test_code_in_markdown_is_not_read_and_does_not_move_the_lines(prose):
    assert words(prose, "`told`\n```python\nx = 'told'\n```\n[a](told.md) told\n") == [(5, "told")]


def test_a_directive_of_the_site_is_prose(prose):
    assert words(prose, "```{note}\nas told\n```\n") == [(2, "told")]


def test_generated_tables_are_not_read(prose):
    assert words(prose, "<!-- table: made by `x` -->\ntold\n<!-- end of table -->\ntold\n") == [(4, "told")]


def test_code_files_are_read_whole(prose):
    assert words(prose, '"""Told of it."""\n', "include/x.py") == [(1, "told")]


def test_aircraft_may_fly_where_the_use_case_is_about_them(prose):
    text = "none that was flown, as told"
    assert words(prose, text, "include/use_cases/flight_delays/README.md") == [(1, "told")]
    assert words(prose, text, "include/scoring/score.py") == [(1, "flown"), (1, "told")]


def test_a_folder_that_is_gone_is_an_error(prose, tmp_path):
    with pytest.raises(FileNotFoundError, match="gone"):
        list(prose.files(("gone",), tmp_path))


def test_words_are_counted_by_folder(prose, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.md").write_text("told and told, anew")
    assert prose.counts(prose.check(("a",), tmp_path)) == ["    3 a: told 2, anew 1"]
