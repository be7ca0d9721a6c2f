"""The recorded origin of a model's code: which changes it distinguishes, and which not."""

import shutil
import subprocess
import sys

import pytest

from include.training import provenance
from tests.toy_use_case import USE_CASE


@pytest.fixture
def checkout(tmp_path, monkeypatch, configure):
    """A repository with one module in include, committed."""
    configure(commit=None)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "a.py").write_text("1")
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    return tmp_path


def git(folder, *arguments):
    subprocess.run(["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments], check=True)


def commit(folder):
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "a state")


def git_head(folder):
    return (folder / ".git" / (folder / ".git" / "HEAD").read_text().split()[-1]).read_text().strip()


def collected(folder, use_case=USE_CASE) -> provenance.Provenance:
    """As a process that starts now finds it."""
    provenance.code_files_digest.cache_clear()
    return provenance.current_provenance(use_case, folder)


def files(folder, package=USE_CASE.package) -> str:
    """The digest of all files, as a process that starts now finds it."""
    provenance.code_files_digest.cache_clear()
    return provenance.code_files_digest(package, folder)


def test_a_commit_that_touches_only_documentation_is_the_same_code(checkout):
    before = collected(checkout)
    (checkout / "README.md").write_text("a page")
    (checkout / "include" / "README.md").write_text("another")
    commit(checkout)
    after = collected(checkout)
    assert after.code == before.code
    assert after.commit != before.commit


@pytest.mark.parametrize("committed", [True, False])
def test_changed_code_is_other_code_whether_committed_or_not(checkout, committed):
    before = files(checkout)
    (checkout / "include" / "a.py").write_text("2")
    if committed:
        commit(checkout)
    assert files(checkout) != before


def test_a_renamed_module_is_other_code(checkout):
    before = files(checkout)
    (checkout / "include" / "a.py").rename(checkout / "include" / "b.py")
    assert files(checkout) != before


def test_uncommitted_code_is_distinguished_from_committed_and_from_other_uncommitted_code(checkout):
    commits = [collected(checkout).commit]
    for text in ("2", "3"):
        (checkout / "include" / "a.py").write_text(text)
        commits.append(collected(checkout).commit)
    assert len(set(commits)) == 3
    assert commits[1].partition("+")[0] == commits[0]
    assert "+" not in commits[0]


def test_a_use_case_that_lives_outside_include_is_part_of_the_code(checkout, monkeypatch):
    package = checkout / "elsewhere" / "outside_use_case"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(package.parent)
    try:
        before = files(checkout, "outside_use_case")
        (package / "features.py").write_text("a = 1")
        assert files(checkout, "outside_use_case") != before
    finally:
        sys.modules.pop("outside_use_case", None)


def test_without_git_the_commit_is_unknown_but_the_code_is_the_same(checkout):
    before = collected(checkout)
    shutil.rmtree(checkout / ".git")
    found = collected(checkout)
    assert found.code == before.code
    assert found.commit.startswith("unknown+")
    assert found.lock == "unknown"


def test_an_image_without_a_commit_is_identified_by_its_code(checkout, configure):
    configure(commit="unknown")
    assert collected(checkout).commit == git_head(checkout)
    shutil.rmtree(checkout / ".git")
    found = collected(checkout)
    assert found.commit == f"unknown+{files(checkout)[:16]}"


def test_an_image_names_its_commit_and_has_the_code_of_the_checkout(checkout, configure):
    before = collected(checkout)
    configure(commit="abc")
    found = collected(checkout)
    assert (found.commit, found.code) == ("abc", before.code)
