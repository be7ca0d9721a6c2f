"""promote: the ledger decides, the registry follows, and nothing is promoted by accident."""

import contextlib
import json
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest
from mlflow import MlflowClient

from include.declaration.period import Period
from include.errors import NotBegunError
from include.evaluation import evaluate
from include.lake.object_store import StoragePath
from include.project import open_project
from include.promotion import approve, promote, rollback
from include.promotion.promotion_errors import VersionRejectedError
from include.promotion.register import register_run
from include.registry import sync
from include.registry.ledger import Ledger, LedgerCorruptedError
from include.registry.ledger_entry import LedgerEntry
from include.registry.mlflow_registry import Registry
from include.registry.model_copies import ArtifactMissingError
from include.registry.registry_errors import VersionUnknownError
from include.training import train
from include.use_case import ChampionGate, Gate
from tests import versions
from tests.conftest import AS_OF
from tests.refusals import raises
from tests.toy_use_case import USE_CASE
from tests.versions import LATER, WRITES, alias, gate_result, judge, judge_now, life, promoted, register, state

pytestmark = pytest.mark.both_places(long=True)


def lives() -> dict[str, str | None]:
    return {version.number: version.tags.get("status") for version in Registry(USE_CASE).versions()}


def test_a_version_that_passed_is_champion_from_the_day_of_its_training(trained_toy):
    version = register(trained_toy)
    found = promoted(version, actor="train 7")
    assert (found.promoted, found.effective_from, found.champion, found.new) == (True, "2020-03-01", version, True)
    entry = Ledger.open(USE_CASE).champion_of(AS_OF)
    assert (entry.version, entry.actor, entry.reason, entry.action) == (
        version,
        "train 7",
        "a first model",
        "promotion",
    )
    assert entry.gate_results == (gate_result("passed"),)
    assert (alias(), life(version)) == (version, "champion")
    assert Registry(USE_CASE).ledger_head() == entry.head


def test_promoting_again_changes_nothing(trained_toy):
    version = register(trained_toy)
    first, before = promoted(version, actor="one"), state()
    again = promoted(version, actor="two")
    assert replace(again, new=True) == first
    assert not again.new
    assert state() == before


def test_where_nothing_differs_nothing_is_written(trained_toy, forbid_mlflow_writes):
    promoted(register(trained_toy), actor="a test")
    register(trained_toy, gates="failed")
    assert sync.sync_registry(Registry(USE_CASE), Ledger.open(USE_CASE)) == "1"
    forbid_mlflow_writes()
    assert sync.sync_registry(Registry(USE_CASE), Ledger.open(USE_CASE)) == "1"
    assert promoted("1", actor="a test").promoted


@pytest.mark.parametrize(("gates", "becomes"), [("failed", "rejected"), ("inconclusive", "candidate")])
def test_a_version_that_did_not_pass_moves_nothing_and_says_why(trained_toy, gates, becomes):
    champion = register(trained_toy)
    promoted(champion, actor="a test")
    gate_results = [
        gate_result("passed"),
        gate_result(gates),
        gate_result("informational"),
        gate_result("inconclusive", blocks=False),
    ]
    refused = register(trained_toy, LATER, gates=gates, gate_results=gate_results)
    found = promoted(refused, actor="a test")
    assert (found.promoted, found.champion, found.entry) == (False, champion, None)
    assert found.reason == gate_result(gates)["reason"]
    assert (alias(), lives()) == (champion, {champion: "champion", refused: becomes})
    assert len(Ledger.open(USE_CASE).entries()) == 1
    kept = Registry(USE_CASE).version(refused)
    assert kept.tags["not_promoted"] == found.reason
    assert kept.description == f"A model.\n\n**Not promoted**: {found.reason}"
    assert promoted(refused, actor="a test") == found
    assert Registry(USE_CASE).version(refused).description == kept.description


def test_a_version_that_no_one_judged_is_not_promoted(trained_toy, monkeypatch):
    version = register(trained_toy, gates=None)
    monkeypatch.setattr(evaluate, "is_current", lambda *_: True)  # else it is judged now
    found = promoted(version, actor="a test")
    assert (found.promoted, alias(), life(version)) == (False, None, "candidate")
    assert "was not evaluated yet: run evaluate" in found.reason


def test_gates_that_only_report_or_need_not_be_judged_do_not_block(trained_toy):
    gate_results = [gate_result("passed"), gate_result("informational"), gate_result("inconclusive", blocks=False)]
    found = promoted(register(trained_toy, gate_results=gate_results), actor="a test")
    assert found.promoted
    assert found.reason == (
        "1 of 3 gates passed, and none of the others blocks; champion from 2020-03-01 on by ledger entry 1."
    )


def test_the_champion_before_is_archived_and_a_rival_stays_a_challenger(trained_toy):
    first, second, third = register(trained_toy), register(trained_toy, LATER), register(trained_toy, LATER)
    promoted(first, actor="a test")
    promoted(second, actor="a test")
    assert lives() == {first: "archived", second: "champion", third: "challenger"}


def test_where_an_approval_is_needed_a_version_waits_for_it_and_the_ledger_names_who_gave_it(trained_toy):
    version = register(trained_toy)
    waiting = promoted(version, actor="a run", approval_required=True)
    assert (waiting.promoted, waiting.reason) == (False, "It waits for a person's approval.")
    assert (alias(), life(version)) == (None, "challenger")
    approve.record_approval(open_project(USE_CASE), version, approved=True, actor="Ann", reason="looks right")
    assert promoted(version, actor="a run", approval_required=True).promoted
    approval, entry = Ledger.open(USE_CASE).entries()
    assert (approval.action, approval.actor, approval.reason) == ("approval", "Ann", "looks right")
    assert (entry.actor, entry.reason) == ("a run, approved by Ann", "a first model; approved: looks right")
    kept = Registry(USE_CASE).version(version)
    assert "not_promoted" not in kept.tags and kept.description == "A model."


@pytest.mark.parametrize("required", [True, False])
def test_a_rejected_version_is_never_promoted_whatever_comes_later(trained_toy, required):
    version = register(trained_toy, gates="failed")
    approve.record_approval(open_project(USE_CASE), version, approved=False, actor="Ann", reason="too few carriers")
    Registry(USE_CASE).tag_version(version, {"gates": "passed"})
    with raises(VersionRejectedError, version=version, actor="Ann"):
        approve.record_approval(open_project(USE_CASE), version, approved=True, actor="Bob", reason="it is fine")
    found = promoted(version, actor="a run", approval_required=required)
    assert (found.promoted, found.reason) == (False, "It was rejected by Ann: too few carriers.")
    assert (alias(), life(version)) == (None, "rejected")
    assert [entry.action for entry in Ledger.open(USE_CASE).entries()] == ["rejection"]


def test_a_backfilled_training_of_an_earlier_day_leaves_the_alias_with_the_later(trained_toy):
    later, earlier = register(trained_toy, LATER), register(trained_toy)
    promoted(later, actor="a test")
    found = promoted(earlier, actor="a backfill")
    assert (found.promoted, found.effective_from, found.champion) == (True, "2020-03-01", later)
    assert (alias(), lives()) == (later, {later: "champion", earlier: "archived"})
    assert Ledger.open(USE_CASE).champion_of(Period("2020-03-04")).version == earlier
    assert Ledger.open(USE_CASE).champion_of(LATER).version == later


def test_a_rerun_after_a_rollback_does_not_undo_it(trained_toy):
    first, second = register(trained_toy), register(trained_toy, LATER)
    promoted(first, actor="a test")
    promoted(second, actor="a test")
    rollback.roll_back(open_project(USE_CASE), first, LATER, actor="a person", reason="worse")
    found = promoted(second, actor="cleared")
    assert found.champion == alias() == first
    assert found.reason == (
        "All 1 gates passed; promoted from 2020-03-05 on by ledger entry 2, but the later entry 3"
        " (rollback by a person: worse) makes version 1 the champion of that period."
    )


def test_a_champion_whose_gates_fail_when_judged_again_stays_until_it_is_rolled_back(trained_toy):
    version = register(trained_toy)
    promoted(version, actor="a test")
    judge(Registry(USE_CASE).version(version).run_id, [gate_result("failed")])
    assert promoted(version, actor="a test").champion == version
    assert life(version) == "champion"
    assert "not_promoted" not in Registry(USE_CASE).version(version).tags


def test_a_promotion_overtaken_by_another_leaves_the_alias_with_the_newer_one(trained_toy, overtake):
    first, second = register(trained_toy), register(trained_toy, LATER)
    overtake("set_champion", lambda: promoted(second, actor="the faster one"))  # whose alias is lost then
    assert promoted(first, actor="the slower one").champion == second
    assert (alias(), lives()) == (second, {first: "archived", second: "champion"})


def test_a_head_overtaken_by_another_promotions_is_moved_on(trained_toy, overtake):
    first, second = register(trained_toy), register(trained_toy, LATER)
    overtake("set_ledger_head", lambda: promoted(second, actor="the faster one"))
    promoted(first, actor="the slower one")
    assert Registry(USE_CASE).ledger_head() == Ledger.open(USE_CASE).entries()[-1].head


def test_whatever_was_set_by_hand_is_set_right_by_the_next_run(trained_toy):
    champion, refused = register(trained_toy), register(trained_toy, LATER, gates="failed")
    promoted(champion, actor="a test")
    promoted(refused, actor="a test")
    right, registry = state(), Registry(USE_CASE)
    registry.set_champion(refused)
    registry.tag_version(refused, {"status": "champion"})
    registry.untag_version(champion, "status")
    assert promoted(refused, actor="a test").champion == champion
    assert state() == right


FORGED = {
    "gates": "passed",
    "gate_results": json.dumps([gate_result("passed")]),
    "approval": json.dumps({"approved": True, "actor": "admin", "reason": "fine"}),
    "status": "challenger",
}
"""What anybody who reaches MLflow may write there."""


@pytest.mark.parametrize(
    "gate_results", [[], [gate_result("passed"), gate_result("failed")], [gate_result("inconclusive")]]
)
def test_what_mlflow_says_of_gates_and_approval_promotes_nothing(trained_toy, gate_results):
    version = register(trained_toy, gate_results=gate_results)
    run_id, registry = Registry(USE_CASE).version(version).run_id, Registry(USE_CASE)
    registry.tag_version(version, FORGED)
    registry.log(run_id, tags=FORGED)
    registry.log_json(run_id, f"{evaluate.FOLDER}/gate_results.json", [gate_result("passed")])
    for required in (True, False):
        found = promoted(version, actor="a run", approval_required=required)
        assert (found.promoted, Ledger.open(USE_CASE).entries()) == (False, [])
    tags = registry.version(version).copies
    assert "approval" not in tags and tags["gates"] != "passed" and tags["status"] != "challenger"


def test_a_version_that_was_added_by_hand_for_a_run_does_not_undo_a_rollback(trained_toy):
    first, second = register(trained_toy), register(trained_toy, LATER)
    promoted(first, actor="a test"), promoted(second, actor="a test")
    rollback.roll_back(open_project(USE_CASE), first, LATER, actor="ann", reason="it is worse")
    registry = Registry(USE_CASE)
    known = registry.version(second)
    added = registry._client.create_model_version(USE_CASE.name, f"models:/{known.model_id}", known.run_id)
    before = len(Ledger.open(USE_CASE).entries())
    result = promote.promote_version(open_project(USE_CASE), str(added.version), actor="a run")
    assert not result.new and result.reason.startswith(f"It has the files of version {second}, byte for byte.")
    assert len(Ledger.open(USE_CASE).entries()) == before
    assert Ledger.open(USE_CASE).champion_of(LATER).version == first == alias()


def test_a_question_names_the_files_that_it_is_about(trained_toy):
    first, second = register(trained_toy), register(trained_toy, reason="another model")
    registry, asked = Registry(USE_CASE), approve.approval_question(open_project(USE_CASE), first)
    versions = [registry.version(number) for number in (second, first)]
    registry._client.delete_registered_model(USE_CASE.name)
    registry._client.create_registered_model(USE_CASE.name)
    for version in versions:  # each under the number of the other
        registry._client.create_model_version(USE_CASE.name, f"models:/{version.model_id}", version.run_id)
    assert Registry(USE_CASE).version(first).run_id == versions[0].run_id
    assert approve.approval_question(open_project(USE_CASE), first) != asked


def test_an_approval_that_only_mlflow_knows_is_none(trained_toy):
    version = register(trained_toy)
    Registry(USE_CASE).tag_version(version, FORGED)
    found = promoted(version, actor="a run", approval_required=True)
    assert (found.promoted, found.reason) == (False, "It waits for a person's approval.")
    assert "approval" not in Registry(USE_CASE).version(version).copies


def test_what_blocks_is_never_reported_as_passed():
    fields = {"number": 1, "previous": "", "recorded_at": "", "version": "1", "trees": "", "fingerprint": ""}
    fields |= {"effective_from": AS_OF, "action": "promotion", "actor": "", "reason": ""}
    entry = LedgerEntry(
        **fields, gate_results=(gate_result("passed"), gate_result("failed"), gate_result("inconclusive", blocks=False))
    )
    assert promote._passed_gates(entry) == "1 of 3 gates passed, and 1 of the others blocks;"


@pytest.mark.parametrize("damage", ["missing", "other trees", "unreadable"])
def test_a_model_that_cannot_be_loaded_from_the_registry_is_not_promoted(trained_toy, lake_home, damage):
    first, second = register(trained_toy), register(trained_toy, LATER)
    promoted(first, actor="a test")
    Registry(USE_CASE).load(Registry(USE_CASE).version(second))  # a whole copy lies here: it does not count
    judge_now(second)
    before = state()
    [model] = [path for path in lake_home.rglob("model.lgb") if "mlruns" in path.parts]
    if damage == "missing":
        model.unlink()
    elif damage == "other trees":
        model.write_text(model.read_text().replace("leaf_value=", "leaf_value=1"))
    else:
        (model.parent / "airworthy" / "encoding.json").write_text("[]")
    with pytest.raises(ArtifactMissingError) as refused:
        promoted(second, actor="a test")
    assert (refused.value.use_case, refused.value.version) == ("toy", second)
    assert state() == before
    assert alias() == first


def test_nothing_is_promoted_on_a_ledger_that_was_cut_short(trained_toy):
    first, second = register(trained_toy), register(trained_toy, LATER)
    promoted(first, actor="a test")
    (Ledger.open(USE_CASE).folder / "000001.json").remove()
    with pytest.raises(LedgerCorruptedError) as refused:
        promoted(second, actor="a test")
    assert refused.value.place.name == "000001.json"
    assert (alias(), Ledger.open(USE_CASE).entries()) == (first, [])


def test_an_unknown_version_is_refused(tracking):
    with raises(VersionUnknownError, version="4"):
        promoted("4", actor="a test")


def test_a_version_of_a_day_to_come_is_not_promoted(trained_toy):
    number = register(trained_toy, USE_CASE.today() + 2)
    with pytest.raises(NotBegunError):
        promoted(number, actor="a test")
    assert Ledger.open(USE_CASE).entries() == [] and alias() is None


# -- outdated gate results are not used: the version is judged again by the present gates and champion

judged_again = pytest.mark.xdist_group("judged again")


STRICT = replace(USE_CASE, gates=(Gate("log_loss", at_most=0.01),))
COMPARED = replace(USE_CASE, gates=(USE_CASE.gates[0], ChampionGate("log_loss", margin=-0.001, min_periods=5)))


def versions_on_the_ledger() -> list[str]:
    return [entry.version for entry in Ledger.open(USE_CASE).entries()]


def trained(use_case, num_boost_round: int, periods: int) -> str:
    """The version of a model trained and judged, but not promoted yet."""
    run_id = train.train_model(
        open_project(use_case), AS_OF + periods, parameters={"num_boost_round": num_boost_round}
    ).run_id
    evaluate.evaluate_run(open_project(use_case), run_id)
    return register_run(open_project(use_case), run_id).version


@judged_again
@pytest.mark.usefixtures("without_plots")
@pytest.mark.both_places(not_on_s3="judging does not depend on where the lake is")
@pytest.mark.slow
def test_of_two_that_beat_the_same_champion_the_second_must_beat_the_first(toy_lake, tracking):
    weak = trained(COMPARED, 1, 0)
    assert promote.promote_version(open_project(COMPARED), weak, actor="a run").promoted
    first, second = trained(COMPARED, 60, 1), trained(COMPARED, 60, 2)
    versions = [Registry(USE_CASE).version(number).tags for number in (first, second)]
    assert [(tags["gates"], tags["compared_with"]) for tags in versions] == [("passed", weak)] * 2
    assert promote.promote_version(open_project(COMPARED), first, actor="a run").promoted
    found = promote.promote_version(open_project(COMPARED), second, actor="a run")
    assert (found.promoted, found.champion) == (False, first)
    assert versions_on_the_ledger() == [weak, first]
    tags = Registry(USE_CASE).version(second).tags
    assert (tags["gates"], tags["compared_with"], tags["status"]) == ("failed", first, "rejected")


@judged_again
@pytest.mark.usefixtures("without_plots")
@pytest.mark.both_places(not_on_s3="judging does not depend on where the lake is")
def test_gates_that_were_tightened_meanwhile_are_those_that_judge(trained_toy):
    version = register_run(open_project(USE_CASE), trained_toy).version
    assert Registry(USE_CASE).version(version).tags["gates"] == "passed"
    found = promote.promote_version(open_project(STRICT), version, actor="a run")
    assert (found.promoted, found.champion, versions_on_the_ledger()) == (False, None, [])
    assert Registry(USE_CASE).version(version).tags["gates"] == "failed"


@judged_again
@pytest.mark.usefixtures("without_plots")
@pytest.mark.both_places(not_on_s3="judging does not depend on where the lake is")
def test_an_approval_of_gate_results_that_hold_no_longer_must_be_given_again(trained_toy):
    version = register_run(open_project(USE_CASE), trained_toy).version
    approve.record_approval(open_project(USE_CASE), version, approved=True, actor="Ann", reason="three days ago")
    loosened = replace(USE_CASE, gates=USE_CASE.gates[:1])
    found = promote.promote_version(open_project(loosened), version, actor="a run", approval_required=True)
    assert "Its earlier approval was for other gate results" in found.reason
    assert approve.approval_decision(open_project(loosened), version) is None
    approve.record_approval(open_project(loosened), version, approved=True, actor="Ann", reason="still")
    assert promote.promote_version(open_project(loosened), version, actor="a run", approval_required=True).promoted


@judged_again
@pytest.mark.usefixtures("without_plots")
@pytest.mark.both_places(not_on_s3="judging does not depend on where the lake is")
def test_what_is_on_the_ledger_is_not_judged_again(champion, forbid_mlflow_writes):
    forbid_mlflow_writes()  # an evaluation is kept with the run
    found = promote.promote_version(open_project(STRICT), champion, actor="cleared")
    assert (found.promoted, found.new) == (True, False)


@judged_again
@pytest.mark.usefixtures("without_plots")
@pytest.mark.both_places(not_on_s3="judging does not depend on where the lake is")
def test_a_champion_that_is_promoted_meanwhile_is_compared_with(trained_toy, overtake, monkeypatch):
    version = register_run(open_project(USE_CASE), trained_toy).version
    rival = Registry(USE_CASE).version(version)
    judged = []
    is_current = evaluate.is_current

    def reject_another():
        monkeypatch.setattr(evaluate, "is_current", lambda *given: (judged.append(1), is_current(*given))[1])
        approve.record_approval(
            open_project(USE_CASE), version_of_another(rival), approved=False, actor="Ann", reason="meanwhile"
        )

    overtake("reload", reject_another)
    assert promote.promote_version(open_project(USE_CASE), version, actor="the slower one").promoted
    assert judged  # it looked again at what holds now
    assert [entry.action for entry in Ledger.open(USE_CASE).entries()] == ["rejection", "promotion"]


def version_of_another(rival) -> str:
    return versions.register(rival.run_id, Period("2020-03-04"), gates=None)


# -- killed before a write: the next run completes it once

killed = pytest.mark.xdist_group("killed promotions")


class Killed(BaseException):
    """As a kill: nothing catches it."""


def die_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the process be killed just before its write of that number, to the ledger or to MLflow."""
    done = [0]

    def counted(write: Callable) -> Callable:
        def perhaps(*args, **kwargs):
            done[0] += 1
            if done[0] == number:
                raise Killed
            return write(*args, **kwargs)

        return perhaps

    monkeypatch.setattr(StoragePath, "create", counted(StoragePath.create))
    for name in WRITES:
        monkeypatch.setattr(MlflowClient, name, counted(getattr(MlflowClient, name)))


@pytest.fixture
def reset(lake_home: Path) -> Iterator[Callable[[dict], None]]:
    """Brings registry and ledger back to their state at its first call, which is given how that looks."""
    kept, store, ledger = sqlite3.connect(":memory:"), lake_home / "mlflow.db", {}

    def copy(database: sqlite3.Connection, to: sqlite3.Connection) -> None:
        database.backup(to)  # a transaction of its own, which MLflow's open connections notice

    def back(before: dict) -> None:
        folder = Ledger.open(USE_CASE).folder
        with contextlib.closing(sqlite3.connect(store)) as database:
            if not ledger:
                copy(database, kept)
                ledger.update(dict.fromkeys(folder.names()))
            copy(kept, database)
        for name in set(folder.names()) - set(ledger):
            (folder / name).remove()
        assert state() == before

    yield back
    kept.close()


def promote_second() -> object:
    return promoted("2", actor="a run")


def roll_back_to_first() -> object:
    return rollback.roll_back(open_project(USE_CASE), "1", LATER, actor="a person", reason="worse")


def reject_third() -> object:
    return approve.record_approval(open_project(USE_CASE), "3", approved=False, actor="Ann", reason="no")


def prepare(run_id: str, action: Callable[[], object]) -> dict:
    """A champion, a version that waited for an approval it has by now, and one that was not promoted."""
    register(run_id), register(run_id, LATER), register(run_id, Period("2020-03-06"))
    promoted("1", actor="a run")
    promoted("2", actor="a run", approval_required=True)
    approve.record_approval(open_project(USE_CASE), "2", approved=True, actor="Ann", reason="yes")
    if action is roll_back_to_first:
        promote_second()
    return state()


@killed
@pytest.mark.both_places(not_on_s3="copies of the registry are put back, which is a file")
@pytest.mark.parametrize(
    ("action", "repaired_by"),
    [
        (promote_second, "the same again"),
        (reject_third, "another's"),
        pytest.param(promote_second, "another's", marks=[pytest.mark.slow, pytest.mark.long]),
        pytest.param(roll_back_to_first, "the same again", marks=[pytest.mark.slow, pytest.mark.long]),
        pytest.param(roll_back_to_first, "another's", marks=[pytest.mark.slow, pytest.mark.long]),
        pytest.param(reject_third, "the same again", marks=[pytest.mark.slow, pytest.mark.long]),
    ],
)
def test_killed_before_any_of_its_writes_the_next_run_ends_in_the_same_state(
    trained_toy, monkeypatch, reset, action, repaired_by
):
    before = prepare(trained_toy, action)
    reset(before)
    action()
    undisturbed = state()
    decided = {"entries": before["entries"], "tags": before["versions"]["3"][0].get("approval")}
    assert undisturbed != before
    killed = 0
    while True:
        reset(before)
        with monkeypatch.context() as patch:
            die_at(patch, killed + 1)
            try:
                action()
            except Killed:
                killed += 1
            else:
                break
        now = {"entries": state()["entries"], "tags": state()["versions"]["3"][0].get("approval")}
        if repaired_by == "another's" and now != decided:  # what was decided is kept; the registry has yet to follow
            sync.sync_registry(Registry(USE_CASE), Ledger.open(USE_CASE))
        else:
            action()
        assert state() == undisturbed, f"killed before write {killed}"
    assert killed >= (4 if action is reject_third else 5)


def _die_between_ledger_and_alias(version: str) -> None:
    """In a process of its own, whose environment names the store: a kill that nothing can catch."""
    Registry.set_ledger_head = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    promoted(version, actor="a test")


@killed
@pytest.mark.both_places(not_on_s3="copies of the registry are put back, which is a file")
@pytest.mark.slow
@pytest.mark.long
def test_a_process_killed_between_ledger_and_alias_leaves_one_entry_that_the_next_run_follows(
    trained_toy,
):
    version = register(trained_toy)
    process = get_context("spawn").Process(target=_die_between_ledger_and_alias, args=(version,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert (len(Ledger.open(USE_CASE).entries()), alias()) == (1, None)
    assert promoted(version, actor="a test").champion == version
    assert (len(Ledger.open(USE_CASE).entries()), alias(), life(version)) == (1, version, "champion")
