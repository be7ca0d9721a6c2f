"""The format number of a lake: written first, always required, and raised by one command."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from typer.testing import CliRunner

from include.cli import main
from include.declaration.period import Period
from include.ingestion import ingest
from include.lake import lake_format
from include.lake.lake import Lake
from include.lake.lake_format import FORMAT, LakeFormatError, stored_format
from include.lake.object_store import StoragePath
from include.maintenance.lake_upgrade import RENAMED, RenamedColumnsError, UnsignedLakeError, upgrade_lake
from include.project import open_project
from include.registry.ledger import Ledger, UnprovenEntriesError
from include.registry.mlflow_runs import MlflowUnreachableError
from include.registry.records import Records
from include.scoring import score
from tests.conftest import AS_OF
from tests.registry.test_ledger import promote
from tests.toy_use_case import USE_CASE

DAY = Period("2020-01-02")


@pytest.fixture(autouse=True)
def forgetful() -> None:
    """Each test is a process of its own, which has seen no lake yet."""
    forget()


def forget() -> None:
    lake_format._current.clear()


def root():
    return open_project(USE_CASE).root


def number(text: str) -> None:
    (root() / lake_format.NAME).write(text.encode())
    forget()


def test_an_empty_lake_may_be_read_and_has_no_number(lake_home):
    assert Lake.open(USE_CASE).root.names() == [] and stored_format(root()) is None


@pytest.mark.both_places
def test_the_first_write_gives_a_lake_this_code_s_number(lake_home):
    ingest.ingest_period(open_project(USE_CASE), DAY)
    assert stored_format(root()) == FORMAT
    forget()
    assert Lake.open(USE_CASE).as_of(DAY).read("raw/events").num_rows


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (json.dumps({"format": FORMAT + 1}), FORMAT + 1),
        (json.dumps({"format": 0}), 0),
        ("{}", None),
        ('{"format": true}', None),
        ('{"format": -1}', None),
        ("[" * 100_000, None),
        ("", None),
    ],
)
def test_a_lake_of_another_format_is_refused_and_left_as_it_is(toy_lake, text, found):
    number(text)
    before = sorted(path for path in toy_lake.rglob("*"))
    for attempt in (
        lambda: Lake.open(USE_CASE),
        lambda: ingest.ingest_period(open_project(USE_CASE), Period("2020-03-20")),
    ):
        with pytest.raises(LakeFormatError) as refused:
            attempt()
        assert refused.value.found == found
    assert sorted(toy_lake.rglob("*")) == before


@pytest.mark.parametrize("what", lake_format.STORED)
def test_a_lake_that_holds_something_and_has_no_number_is_refused_with_the_command(lake_home, what):
    (root() / what / "000001.json").write(b"{}")
    with pytest.raises(
        LakeFormatError,
        match="airworthy upgrade toy",
    ):
        Lake.open(USE_CASE)


def test_a_lake_whose_first_content_another_process_stores_meanwhile_is_not_refused(lake_home, monkeypatch):
    exists, seen = StoragePath.exists, []

    def stored_meanwhile(place: StoragePath) -> bool:
        if not seen:
            seen.append(place)
            (root() / lake_format.NAME).write(json.dumps({"format": FORMAT}).encode())
            (root() / "raw" / "000001.json").write(b"{}")
        return exists(place)

    monkeypatch.setattr(StoragePath, "exists", stored_meanwhile)
    assert Lake.open(USE_CASE).root == root() and seen


def test_a_signed_lake_without_a_number_is_upgraded_and_goes_on_as_before(champion):
    view = Lake.open(USE_CASE).as_of(AS_OF)
    before = view.read("features").to_pydict()
    (root() / lake_format.NAME).remove()
    forget()
    with pytest.raises(LakeFormatError):
        score.score_period(open_project(USE_CASE), AS_OF)
    assert upgrade_lake(open_project(USE_CASE)) == [*range(1, FORMAT + 1)]
    assert upgrade_lake(open_project(USE_CASE)) == []
    score.score_period(open_project(USE_CASE), AS_OF)
    assert Lake.open(USE_CASE).as_of(AS_OF).read("features").to_pydict() == before
    assert Ledger.open(USE_CASE).champion_of(AS_OF).version == champion


def test_an_upgrade_that_is_interrupted_goes_on_where_it_was(toy_lake, monkeypatch):
    monkeypatch.setattr(lake_format, "FORMAT", 3)
    number('{"format": 0}')
    done = []

    def third() -> None:
        done.append(3)
        if done.count(3) == 1:
            raise KeyboardInterrupt

    steps = {1: lambda: done.append(1), 2: lambda: done.append(2), 3: third}
    with pytest.raises(KeyboardInterrupt):
        lake_format.upgrade(root(), steps)
    assert stored_format(root()) == 2
    assert lake_format.upgrade(root(), steps) == [3]
    assert done == [1, 2, 3, 3] and stored_format(root()) == 3


def test_a_lake_of_newer_code_is_not_upgraded_back(toy_lake):
    number(json.dumps({"format": FORMAT + 1}))
    with pytest.raises(LakeFormatError) as refused:
        upgrade_lake(open_project(USE_CASE))
    assert refused.value.found == FORMAT + 1


def test_a_lake_that_was_signed_with_other_keys_is_not_upgraded(champion, configure):
    (root() / lake_format.NAME).remove()
    forget()
    configure(signing_keys="another key which is long enough for this")
    with pytest.raises(UnprovenEntriesError):
        upgrade_lake(open_project(USE_CASE))
    for name in (root() / "ledger").names():
        (root() / "ledger" / name).remove()
    with pytest.raises(UnsignedLakeError, match="AIRWORTHY_SIGNING_KEYS"):
        upgrade_lake(open_project(USE_CASE))
    assert stored_format(root()) is None


def test_tags_are_not_renamed_while_mlflow_does_not_answer_and_the_upgrade_goes_on_later(toy_lake, configure):
    number('{"format": 1}')
    configure(mlflow="http://127.0.0.1:9")
    with pytest.raises(MlflowUnreachableError):
        upgrade_lake(open_project(USE_CASE))
    assert stored_format(root()) == 1


@pytest.mark.parametrize("table", RENAMED)
def test_a_table_with_columns_of_format_1_is_refused_and_its_number_stays(toy_lake, table):
    number(json.dumps({"format": 1}))
    write_deltalake(Lake(USE_CASE, root()).uri(table), pa.table({RENAMED[table][0]: ["as it was"]}))
    with pytest.raises(RenamedColumnsError) as refused:
        upgrade_lake(open_project(USE_CASE))
    assert (refused.value.table, stored_format(root())) == (table, 1)


def test_the_command_says_what_it_has_done(toy_lake, tracking, configure):
    configure(use_case_packages="tests.use_cases")
    (root() / lake_format.NAME).remove()
    said = [CliRunner().invoke(main.app, ["upgrade", "toy"]).output.strip() for _ in range(2)]
    assert said[0] == f"The lake of toy was brought to format {FORMAT}."
    assert said[1] == f"The lake of toy has format {FORMAT} already; nothing was changed."


@pytest.mark.parametrize("what", ["an entry of the ledger", "a record"])
def test_what_is_stored_before_any_table_gives_the_number_too(lake_home, what):
    if what == "a record":
        Records.open(USE_CASE.name).append("training", "0" * 32, {"a": 1})
    else:
        promote(Ledger.open(USE_CASE), "1", DAY)
    assert stored_format(root()) == FORMAT
    forget()
    assert Lake.open(USE_CASE).root.names()
