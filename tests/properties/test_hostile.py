"""Hostile values in forms, run keys, shells and addresses: nothing is executed or leaves its folder."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.declaration import use_case_discovery
from include.declaration.period import Period
from include.errors import InvalidRequestError, UseCaseUnknownError
from include.ingestion import quarantine
from include.ingestion.correction_log import CorrectionLog
from include.lake.lake import Lake
from include.lake.object_store import InvalidStoragePathError, StoragePath
from include.orchestration import dag_factory, params
from include.orchestration.tasks import manual
from include.project import open_project
from include.promotion import rollback
from include.registry.mlflow_registry import Registry
from include.reproduction import lineage, reproduce
from include.scoring import score
from include.web import data_docs
from tests.quarantined import land, spoil
from tests.toy_use_case import USE_CASE
from tests.toys import every_toy_slow

pytestmark = pytest.mark.security

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
def test_a_run_is_for_a_day_that_is_written_as_one_or_for_the_newest(text, where):
    began = datetime(2020, 1, 5, 12, tzinfo=UTC)
    run = SimpleNamespace(partition_key=text if where == "key" else None, conf={}, run_after=began)
    context = {"dag_run": run, "params": {"period": text if where == "form" else None}}
    if not text:
        assert dag_factory.period_of(context, USE_CASE) == Period("2020-01-05")
        return
    with pytest.raises(InvalidRequestError):
        dag_factory.period_of(context, USE_CASE)


def test_every_day_that_is_written_as_one_is_taken():
    for text in ("0001-01-01", "2020-02-29", "9999-12-31"):
        assert Period(text).key == text


@named
def test_a_use_case_is_a_declared_one(text, lake_home):
    with pytest.raises(UseCaseUnknownError):
        use_case_discovery.load_use_case(text)


@every_toy_slow
def test_only_a_registered_version_is_a_version(champion, lake_home, toy):
    period, before = toy.as_of + 1, everything_in(lake_home / "lake")
    for text in HOSTILE:
        for ask in (
            lambda text: Registry(toy.use_case).version(text),
            lambda text: rollback.roll_back(open_project(toy.use_case), text, period, actor="a test", reason="hostile"),
            lambda text: reproduce.require_reproducible(open_project(toy.use_case), text),
            lambda text: score.score_period(open_project(toy.use_case), period, version=text or "0"),
        ):
            with pytest.raises(InvalidRequestError):
                ask(text)
    assert everything_in(lake_home / "lake") == before


@every_toy_slow
def test_the_keys_of_a_row_are_values_and_never_part_of_a_query(champion, toy):
    period = toy.as_of + 1
    score.score_period(open_project(toy.use_case), period)
    row = (
        Lake.open(toy.use_case).as_of(period).read("predictions", since=period, until=period).slice(0, 1).to_pylist()[0]
    )
    named = {key: str(row[key]) for key in toy.use_case.keys}
    assert lineage.trace_lineage(open_project(toy.use_case), period, named)
    for text in HOSTILE:
        for keys in (named | {toy.use_case.keys[-1]: text}, dict(list(named.items())[:-1]) | {text: "1"}):
            with pytest.raises(InvalidRequestError):
                lineage.trace_lineage(open_project(toy.use_case), period, keys)


@pytest.mark.parametrize(
    "text", ["..", "a/../b", "../b", "/etc/passwd", "", "a//b", "a\\b", "a\x00b", "a\n", "./a", "a/"]
)
@pytest.mark.parametrize("root", ["/srv/lake", "s3://bucket/lake"])
def test_a_name_never_leads_out_of_a_place(root, text):
    with pytest.raises(InvalidStoragePathError):
        StoragePath(root) / text


@pytest.fixture
def sent_back(lake_home, monkeypatch, declare, run_as_task, toy):
    """Fills in the form that sends quarantined rows back, without Airflow's own look at its fields, and runs the task.
    One row is quarantined."""
    declare(toy.use_case)
    feed, period = toy.breakable.feed, toy.periods[0]
    spoil(monkeypatch, feed, toy.breakable.column, [toy.breakable.bad[0]], period, source=toy.source)
    land(feed, period, use_case=toy.use_case)

    def run(**fields):
        values = {name: param.value for name, param in params.quarantine_params(toy.use_case).items()}
        context = {"params": {**values, "feed": feed, "comment": "because", **fields}, "run_id": "manual__1"}
        context["dag_run"] = SimpleNamespace(triggering_user_name="ann", run_type="manual")
        run_as_task(context)
        return manual.resubmit.function(toy.name)

    return run


@pytest.fixture
def reason(sent_back, toy) -> str:
    """The reason for which the row is quarantined."""
    ((found,),) = quarantine.read_quarantine(open_project(toy.use_case), toy.breakable.feed).rows["reasons"].to_pylist()
    return str(found)


@every_toy_slow
def test_a_form_sends_back_nothing_but_what_is_quarantined_and_to_no_other_place(sent_back, reason, lake_home, toy):
    before = everything_in(lake_home)
    for text in HOSTILE:
        asked = [{"feed": text}, {"action": text}, {"reasons": [text]}, {"rows": [text]}]
        asked += [{"action": "correct", "file": text, "reasons": None}]
        asked += [{"quarantined_on": text}, {"known_on": text}] if text else []  # an empty field is no day
        for fields in asked:
            with pytest.raises(AirflowFailException):
                sent_back(**{"reasons": [reason], **fields})
    assert everything_in(lake_home) == before
    assert sent_back(reasons=[reason], quarantined_on=str(toy.periods[0]))["rows"] == 1, "the form itself is a good one"


@every_toy_slow
def test_who_and_why_are_kept_as_they_were_typed(sent_back, reason, lake_home, toy):
    before = everything_in(lake_home)
    sent_back(reasons=[reason], comment="../../x'; DROP TABLE \x1b[2J {{ ds }}")
    (there,) = CorrectionLog.open(open_project(toy.use_case), toy.breakable.feed).accepted()
    assert there.comment == "../../x'; DROP TABLE \x1b[2J {{ ds }}"
    new = [name for name in everything_in(lake_home).keys() - before.keys() if "/_delta_log/" not in name]
    assert new == [f"lake/{toy.name}/corrections/{toy.breakable.feed}/000001.parquet"], "besides tables made empty"


@named
def test_a_document_is_one_of_the_use_cases_own_pages(text, lake_home):
    from fastapi import HTTPException

    secret = lake_home / "data_docs" / "other" / "secret.html"
    secret.parent.mkdir(parents=True)
    secret.write_text("secret")
    (lake_home / "data_docs" / "toy").mkdir()
    for path in (text, "../other/secret.html", f"{text}/../../other/secret.html", str(secret)):
        with pytest.raises(HTTPException):
            data_docs.data_docs_page("toy", path)
