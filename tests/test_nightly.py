"""`.ci/nightly.py`: every target runs, even after a failure, and the page shows each result."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest

from include.settings import REPOSITORY

PATH = REPOSITORY / ".ci" / "nightly.py"


@pytest.fixture
def nightly():
    import sys

    spec = importlib.util.spec_from_file_location("nightly", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["nightly"] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    yield module
    del sys.modules["nightly"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    makefile = (
        "good:\n\t@echo; echo '===== 12 passed, 3 skipped in 4.56s (0:00:04) ====='\nbad:\n\t@exit 3\nquiet:\n\t@true\n"
        "lacking:\n\t@echo; echo '===== 1 passed, 21 skipped in 2.00s ====='\n"
    )
    (tmp_path / "Makefile").write_text(makefile)
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def lines(page: Path) -> dict[str, list[str]]:
    rows = [line.strip("| ").split(" | ") for line in page.read_text().splitlines() if line.startswith("| `make")]
    return {row[0]: row[1:] for row in rows}


def test_every_target_is_run_and_the_page_says_what_came_of_each(nightly, checkout):
    page = checkout / "docs" / "verified.md"
    assert nightly.main(["bad", "good", "quiet"], checkout, page) == 1
    found = lines(page)
    assert {target: row[0] for target, row in found.items()} == {
        "`make bad`": "**failed** (status 2)",  # make's own
        "`make good`": "passed: 12 passed, 3 skipped",
        "`make quiet`": "passed",
    }
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=checkout, capture_output=True, text=True)
    assert {row[1] for row in found.values()} == {head.stdout.strip()}


def test_a_target_most_of_whose_tests_are_skipped_has_not_passed(nightly, checkout):
    page = checkout / "docs" / "verified.md"
    assert nightly.main(["lacking"], checkout, page) == 1
    assert lines(page)["`make lacking`"][0] == "**not run**: this machine lacks what it needs: 1 passed, 21 skipped"


def test_one_target_alone_renews_its_own_line_and_a_changed_checkout_is_named(nightly, checkout):
    page = checkout / "docs" / "verified.md"
    assert nightly.main(["bad", "good"], checkout, page) == 1
    (checkout / "Makefile").write_text("bad:\n\t@true\n")
    assert nightly.main(["bad"], checkout, page) == 0
    found = lines(page)
    assert found["`make bad`"][0] == "passed" and found["`make bad`"][1].endswith(", changed")
    assert found["`make good`"][0] == "passed: 12 passed, 3 skipped"


def test_the_page_of_this_repository_has_the_form_that_is_written(nightly):
    text = (REPOSITORY / "docs" / "verified.md").read_text()
    assert text.startswith(nightly.HEAD)
    assert text == nightly.HEAD + "".join(nightly.kept(REPOSITORY / "docs" / "verified.md").values())
