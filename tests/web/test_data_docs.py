"""Data Docs are served unchanged; no other file of the server is."""

import pytest
from fastapi import HTTPException

from include.web import data_docs
from tests.refusals import raises

pytestmark = pytest.mark.security


@pytest.fixture
def docs(lake_home):
    folder = lake_home / "data_docs" / "toy"
    (folder / "events").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>Validation of toy</h1>")
    (folder / "events" / "2020-01-01__b2-0.html").write_text("<h1>events</h1>")
    return folder


@pytest.mark.parametrize("path", ["index.html", "events/2020-01-01__b2-0.html"])
def test_a_page_is_shown_as_it_was_written(docs, path):
    answer = data_docs.data_docs_page("toy", path)
    assert bytes(answer.body) == (docs / path).read_bytes()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_page_may_run_nothing_and_ask_nothing_of_another_place(docs):
    policy = data_docs.data_docs_page("toy", "index.html").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "style-src 'unsafe-inline'" in policy
    assert "http" not in policy and "script-src" not in policy


@pytest.mark.parametrize(
    "path",
    [
        "../other/index.html",
        "events/../../other/index.html",
        "..",
        ".",
        "events",
        "events/nothing.html",
        "secret.txt",
        "events/.writing-abc.html",
        ".hidden/page.html",
        "outside.html",
        "zero\0byte.html",
        "x" * 5000 + ".html",
        "{absolute}",
    ],
)
def test_nothing_else_is_shown_and_no_path_is_reported(docs, lake_home, path):
    other = docs.parent / "other"
    (docs / ".hidden").mkdir()
    other.mkdir()
    for each in (
        other / "index.html",
        docs / "secret.txt",
        docs / "events" / ".writing-abc.html",
        docs / ".hidden" / "page.html",
    ):
        each.write_text("secret")
    (docs / "outside.html").symlink_to(other / "index.html")
    with pytest.raises(HTTPException) as refused:
        data_docs.data_docs_page("toy", path.replace("{absolute}", str(other / "index.html")))
    assert refused.value.status_code == 404 and str(lake_home) not in refused.value.detail


def test_before_anything_is_validated_the_page_says_what_writes_it(lake_home):
    with raises(HTTPException, "toy__data", status_code=404):
        data_docs.data_docs_page("toy", "index.html")
