"""sync: the registry follows the ledger, and is not changed if it holds other models than the ledger names."""

from dataclasses import replace
from datetime import timedelta

import pytest
from mlflow import MlflowClient

from include.declaration import clock
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.project import open_project
from include.promotion import rollback
from include.registry import sync
from include.registry.ledger import HeadMissingError, Ledger, LedgerCorruptedError
from include.registry.ledger_entry import LedgerDecision
from include.registry.mlflow_registry import Registry, UnprovenVersionError
from include.registry.records import Records
from include.registry.sync import ModelReplacedError
from include.registry.tags import LEDGER_HEAD, to_mlflow
from tests.conftest import AS_OF
from tests.refusals import raises
from tests.toy_use_case import USE_CASE
from tests.versions import LATER, alias, life, promoted, register, rerecord, state

pytestmark = pytest.mark.security


def synced(use_case: UseCase = USE_CASE) -> str | None:
    return sync.sync_registry(Registry(use_case), Ledger.open(use_case))


def test_an_entry_appended_while_one_looks_is_not_taken_for_damage(trained_toy, overtake):
    first, second = register(trained_toy), register(trained_toy, LATER)
    promoted(first, actor="a test")
    overtake("ledger_head", lambda: promoted(second, actor="the faster one"), after=True)
    assert synced(USE_CASE) == second


def test_an_alias_that_no_entry_bears_out_is_taken_away(trained_toy):
    Registry(USE_CASE).set_champion(register(trained_toy))
    assert synced(USE_CASE) is None
    assert alias() is None


def delete(number: str) -> None:
    MlflowClient(Registry(USE_CASE).address).delete_model_version(USE_CASE.name, number)


def test_an_archived_version_that_was_deleted_breaks_nothing(trained_toy):
    first, second = register(trained_toy), register(trained_toy, LATER)
    promoted(first, actor="a test"), promoted(second, actor="a test")
    delete(first)
    assert synced(USE_CASE) == second
    third = register(trained_toy, Period("2020-03-06"))
    assert promoted(third, actor="a test").champion == third


def test_a_champion_that_was_deleted_stops_everything_until_one_rolls_back(trained_toy):
    first, second = register(trained_toy), register(trained_toy, LATER)
    promoted(first, actor="a test"), promoted(second, actor="a test")
    delete(second)
    third = register(trained_toy, Period("2020-03-06"))
    before = state()
    for action in (synced, lambda _: promoted(third, actor="a test")):
        with pytest.raises(ModelReplacedError) as refused:
            action(USE_CASE)
        assert (refused.value.entry.number, refused.value.found, refused.value.others) == (2, None, (first,))
    assert {**state(), "versions": 0} == {**before, "versions": 0}
    with pytest.raises(ModelReplacedError):  # it would be the champion still
        rollback.roll_back(open_project(USE_CASE), first, Period("2020-03-04"), actor="a person", reason="deleted")
    assert len(Ledger.open(USE_CASE).entries()) == 2
    assert (
        rollback.roll_back(open_project(USE_CASE), first, LATER, actor="a person", reason="deleted").champion == first
    )


def test_other_trees_under_a_number_of_the_ledger_are_neither_followed_nor_promoted(trained_toy):
    first = register(trained_toy)
    promoted(first, actor="a test")
    rerecord(first, trees="another")
    second, before = register(trained_toy, LATER), state()
    for action in (
        synced,
        lambda _: promoted(second, actor="a run"),
        lambda _: promoted(first, actor="a run"),
    ):
        with pytest.raises(ModelReplacedError) as refused:
            action(USE_CASE)
        assert refused.value.entry.version == "1" and refused.value.found is not None
    assert (state()["entries"], alias()) == (before["entries"], first)


def test_the_same_trees_of_another_training_under_a_number_of_the_ledger_are_not_taken(trained_toy):
    first = register(trained_toy)
    promoted(first, actor="a test")
    rerecord(first, fingerprint="another")
    before = state()
    for action in (synced, lambda _: promoted(first, actor="a run")):
        with pytest.raises(ModelReplacedError) as refused:
            action(USE_CASE)
        assert refused.value.entry.version == "1" and refused.value.found is not None
    assert (state()["entries"], alias()) == (before["entries"], first)


@pytest.mark.parametrize("tag", ["trees", "fingerprint", "files_digest"])
def test_another_model_under_the_number_of_an_archived_one_is_not_promoted(trained_toy, tag):
    first, second = register(trained_toy), register(trained_toy, LATER)
    promoted(first, actor="a test"), promoted(second, actor="a test")
    rerecord(first, **{tag: "another"})
    assert synced(USE_CASE) == second
    assert life(first) == ("candidate" if tag == "files_digest" else "challenger")  # gate results are of the files
    with pytest.raises(ModelReplacedError) as refused:
        promoted(first, actor="a test")
    assert refused.value.entry.version == "1"


def test_a_head_that_was_deleted_stops_everything(trained_toy):
    promoted(register(trained_toy), actor="a test")
    registry = Registry(USE_CASE)
    registry._client.delete_registered_model_tag(USE_CASE.name, LEDGER_HEAD.name)
    head = Ledger.open(USE_CASE).entries()[0].head
    for action in (synced, lambda _: promoted("1", actor="a run")):
        with raises(HeadMissingError, head=head):
            action(USE_CASE)
    registry.set_ledger_head(head)
    assert synced(USE_CASE) == "1"


def test_a_damaged_ledger_is_not_followed_and_its_head_is_kept_as_proof(trained_toy):
    first = register(trained_toy)
    promoted(first, actor="a test")
    head, registry = Registry(USE_CASE).ledger_head(), Registry(USE_CASE)
    (Ledger.open(USE_CASE).folder / "000001.json").remove()
    Ledger.open(USE_CASE).append(
        LedgerDecision(
            version="9", trees="", fingerprint="", effective_from=AS_OF, action="promotion", actor="?", reason=""
        )
    )
    with pytest.raises(LedgerCorruptedError) as refused:
        synced(USE_CASE)
    assert refused.value.place.name == "000001.json"
    assert (registry.ledger_head(), alias(), life(first)) == (head, first, "champion")


def test_an_entry_of_a_day_to_come_moves_nothing_before_that_day(trained_toy, set_clock):
    first, second = register(trained_toy), register(trained_toy, LATER)
    promoted(first, actor="a test"), promoted(second, actor="a test")
    version, tomorrow = Registry(USE_CASE).version(first), USE_CASE.today() + 1
    entry = LedgerDecision(
        version=first,
        trees=version.trees,
        fingerprint=version.fingerprint,
        effective_from=tomorrow,
        action="rollback",
        actor="another tool",
        reason="a typing error",
        files_digest=version.files_digest,
    )
    Ledger.open(USE_CASE).append(entry)
    assert synced(USE_CASE) == second
    assert (alias(), life(first), life(second)) == (second, "archived", "champion")
    third = register(trained_toy, Period("2020-03-06"))
    assert promoted(third, actor="a test").champion == third
    assert (alias(), life(third)) == (third, "champion")

    now = clock.now()
    set_clock(now + timedelta(days=1))
    assert synced(USE_CASE) == first
    assert (alias(), life(third)) == (first, "archived")


def test_the_champion_is_that_of_the_last_day_of_a_use_case_that_has_ended(trained_toy):
    first, second = register(trained_toy), register(trained_toy, LATER)
    promoted(first, actor="a test"), promoted(second, actor="a test")
    assert synced(replace(USE_CASE, last_period=Period("2020-03-04"))) == first


FORGED = {"trees": "another", "files_digest": "another", "as_of": "2020-02-01", "gates": "passed", "judged": "forged"}


def test_what_mlflow_says_otherwise_than_the_records_is_put_right_and_logged(trained_toy, caplog):
    first, second = register(trained_toy), register(trained_toy, LATER, gates="failed")
    promoted(first, actor="a test"), promoted(second, actor="a test")
    before, registry = state(), Registry(USE_CASE)
    for number in (first, second):
        registry.tag_version(number, FORGED)
        assert registry.version(number).tags | FORGED != registry.version(number).tags
    assert synced(USE_CASE) == first
    assert state() == before
    assert not any(
        name in registry.version(number).copies for number in (first, second) for name in ("trees", "judged")
    )
    assert (
        "tags of version 2 in MLflow differ from its record: as_of, files_digest, gates, judged, trees" in caplog.text
    )


def test_a_version_without_a_record_is_left_out_and_named(trained_toy, caplog):
    first, registry = register(trained_toy), Registry(USE_CASE)
    promoted(first, actor="a test")
    known = registry.version(first)
    forged = registry.start_run("a stranger's", dict(known.tags))
    registry.end_run(forged, failed=False)
    made = registry._client.create_model_version(
        USE_CASE.name, f"models:/{known.model_id}", forged, tags=to_mlflow(known.tags), model_id=known.model_id
    )
    registry.set_champion(str(made.version))
    assert synced(USE_CASE) == first == alias()
    assert [version.number for version in registry.versions()] == [first]
    assert "version 2 of MLflow is left out: there is no record of its training" in caplog.text
    with pytest.raises(UnprovenVersionError) as refused:
        promoted("2", actor="a run")
    assert refused.value.name == "version 2"


@pytest.mark.parametrize("kind", ["training", "evaluation"])
def test_a_record_that_was_changed_takes_its_version_out_and_says_which_it_is(trained_toy, kind):
    first, second = register(trained_toy), register(trained_toy, LATER)
    promoted(first, actor="a test")
    version, folder = Registry(USE_CASE).version(second), Records.open(USE_CASE.name).folder / kind
    place = folder / f"{version.run_id}.000001.json"
    place.write(place.read().replace(b"passed", b"PASSED").replace(b"a first model", b"another model"))
    assert synced(USE_CASE) == first
    with pytest.raises(UnprovenVersionError, match=f"{kind}.{version.run_id}"):
        promoted(second, actor="a run")


STRANGE = {
    "nested": b"[" * 100_000,
    "a number without end": b'{"kind": "limits", "number": 1e999, "run_id": "", "values": {}, "key_id": "", "mac": ""}',
    "a signature of other characters": '{"kind": "limits", "number": 1, "values": {}, "mac": "é"}'.encode(),
}


@pytest.mark.parametrize("content", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("name", ["{}.000002.json", "{}.0000001.json", "{}.٠٠٠٠٠٢.json"])
def test_a_strange_file_among_the_records_takes_out_its_own_version_at_most(trained_toy, name, content):
    first, second = register(trained_toy), register(trained_toy, LATER)
    promoted(first, actor="a test")
    folder = Records.open(USE_CASE.name).folder / "limits"
    (folder / name.format(Registry(USE_CASE).version(second).run_id)).write(content)
    assert synced(USE_CASE) == first
    if name == "{}.000002.json":
        with pytest.raises(UnprovenVersionError) as refused:
            promoted(second, actor="a run")
        assert refused.value.name == f"version {second}"


def test_a_record_of_another_run_or_kind_proves_nothing(trained_toy):
    first, second = register(trained_toy), register(trained_toy, LATER, gates="failed")
    registry, folder = Registry(USE_CASE), Records.open(USE_CASE.name).folder / "evaluation"
    one, other = (registry.version(number).run_id for number in (first, second))
    (folder / f"{other}.000002.json").write((folder / f"{one}.000001.json").read())
    with pytest.raises(UnprovenVersionError) as refused:
        registry.version(second)
    assert refused.value.name == f"version {second}"
