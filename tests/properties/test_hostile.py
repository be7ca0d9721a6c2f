"""What a form, a run's key, a shell or an address may hold: nothing of it is run, and nothing leaves its place."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include import dag, forms, use_cases
from include.errors import BadRequest
from include.page import documents
from include.stages import lineage, reproduce, rollback, score
from include.storage.corrections import Corrections
from include.storage.models import Registry
from include.storage.place import NoSuchPlace, Place
from include.tasks import by_hand
from tests import toy
from tests.quarantined import DAY as QUARANTINED
from tests.quarantined import HOUR, land, spoil
from tests.toy_use_case import USE_CASE as TOY

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


@pytest.fixture
def sent_back(lake_home, monkeypatch):
    """Fills in the form that sends quarantined rows back, without Airflow's own look at its fields, and runs the task.
    One row is quarantined."""
    monkeypatch.setattr(by_hand, "load", lambda name: TOY)
    spoil(monkeypatch, "events", "hour", [25], QUARANTINED)
    land("events", QUARANTINED)

    def run(**fields):
        values = {name: param.value for name, param in forms.quarantine(TOY).items()}
        context = {"params": {**values, "why": "because", **fields}, "run_id": "manual__1"}
        context["dag_run"] = SimpleNamespace(triggering_user_name="ann")
        monkeypatch.setattr(by_hand, "get_current_context", lambda: context)
        return by_hand.send_back.function("toy")

    return run


def test_a_form_sends_back_nothing_but_what_is_quarantined_and_to_no_other_place(sent_back, lake_home):
    before = everything_in(lake_home)
    for text in HOSTILE:
        asked = [{"feed": text}, {"what": text}, {"reasons": [text]}, {"rows": [text]}]
        asked += [{"what": "correct", "file": text, "reasons": None}]
        asked += [{"quarantined_on": text}, {"known_on": text}] if text else []  # an empty field is no day
        for fields in asked:
            with pytest.raises(AirflowFailException):
                sent_back(**{"reasons": [HOUR], **fields})
    assert everything_in(lake_home) == before
    assert sent_back(reasons=[HOUR], quarantined_on=str(QUARANTINED))["rows"] == 1, "the form itself is a good one"


def test_who_and_why_are_kept_as_they_were_typed(sent_back, lake_home):
    before = everything_in(lake_home)
    sent_back(reasons=[HOUR], why="../../x'; DROP TABLE \x1b[2J {{ ds }}")
    (there,) = Corrections.of(TOY, "events").standing()
    assert there.why == "../../x'; DROP TABLE \x1b[2J {{ ds }}"
    new = [name for name in everything_in(lake_home).keys() - before.keys() if "/_delta_log/" not in name]
    assert new == ["lake/toy/corrections/events/000001.parquet"], "besides tables that were made empty, to be read"


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
