"""What a form, a run's key, a shell or an address may hold: nothing of it is run, and nothing leaves its place."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from include import dag, use_cases
from include.errors import BadRequest
from include.page import documents
from include.stages import lineage, reproduce, rollback, score
from include.storage.models import Registry
from include.storage.place import NoSuchPlace, Place
from tests import toy

HOSTILE = [
    "../../../etc/passwd",
    "/etc/passwd",
    "..",
    "2020-01-05/../../x",
    "2020-01-05' OR '1'='1",
    "2020-01-05'; DROP TABLE predictions; --",
    "2020-01-05\n",
    " 2020-01-05",
    "2020-01-05\x00",
    "２０２０-０１-０５",
    "2020‐01‐05",
    "20200105",
    "2020-W01-7",
    "2020-02-30",
    "0000-00-00",
    "{{ ds }}",
    "$(touch x)",
    "`touch x`",
    "%2e%2e%2f",
    "<script>alert(1)</script>",
    "-1",
    "",
    "☃" * 5000,
]
"""Not one of them is a day, a version, a use case or a place."""
named = pytest.mark.parametrize("text", HOSTILE, ids=[ascii(text)[:30] for text in HOSTILE])


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@named
@pytest.mark.parametrize("where", ["key", "form"])
def test_a_run_is_for_a_day_that_is_written_as_one_or_for_none(text, where):
    run = SimpleNamespace(partition_key=text if where == "key" else None)
    with pytest.raises(BadRequest):
        dag.day_of({"dag_run": run, "params": {"day": text if where == "form" else None}})


def test_every_day_that_is_written_as_one_is_taken():
    for text in ("0001-01-01", "2020-02-29", "9999-12-31"):
        assert dag.as_day(text).isoformat() == text


@named
def test_a_use_case_is_a_declared_one(text, lake_home):
    with pytest.raises(BadRequest, match="There is no use case"):
        use_cases.load(text)


def test_a_version_is_a_registered_one_whoever_asks(champion, lake_home):
    day, before = date(2020, 3, 2), everything_in(lake_home / "lake")
    for text in HOSTILE:
        for ask in (
            lambda text: Registry(toy.USE_CASE).version(text),
            lambda text: rollback.run(toy.USE_CASE, text, day, who="a test", reason="hostile"),
            lambda text: reproduce.require(toy.USE_CASE, text),
            lambda text: score.run(toy.USE_CASE, day, version=text or "0"),
        ):
            with pytest.raises(BadRequest):
                ask(text)
    assert everything_in(lake_home / "lake") == before


def test_the_keys_of_a_row_are_values_and_never_part_of_a_query(champion):
    day = date(2020, 3, 2)
    score.run(toy.USE_CASE, day)
    for text in HOSTILE:
        for keys in ({"event_date": "2020-03-02", "id": text}, {"event_date": "2020-03-02", text: "1"}):
            with pytest.raises(BadRequest):
                lineage.run(toy.USE_CASE, day, keys)


@pytest.mark.parametrize(
    "text", ["..", "a/../b", "../b", "/etc/passwd", "", "a//b", "a\\b", "a\x00b", "a\n", "./a", "a/"]
)
@pytest.mark.parametrize("root", ["/srv/lake", "s3://bucket/lake"])
def test_a_name_never_leads_out_of_a_place(root, text):
    with pytest.raises(NoSuchPlace):
        Place(root) / text


@named
def test_a_document_is_one_of_the_use_cases_own_pages(text, lake_home):
    from fastapi import HTTPException

    secret = lake_home / "data_docs" / "other" / "secret.html"
    secret.parent.mkdir(parents=True)
    secret.write_text("secret")
    (lake_home / "data_docs" / "toy").mkdir()
    for path in (text, "../other/secret.html", f"{text}/../../other/secret.html", str(secret)):
        with pytest.raises(HTTPException):
            documents.page("toy", path)
