"""A lost champion: training again makes the same model, and the ledger records the restoration."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from include.errors import AirworthyError
from include.evaluation import evaluate
from include.lake.lake import Lake
from include.monitoring import monitor
from include.project import open_project
from include.promotion import approval_request, approve, promote, register, rollback
from include.registry import sync
from include.registry.ledger import HeadMissingError, Ledger
from include.registry.mlflow_registry import Registry
from include.registry.model_copies import ArtifactMissingError
from include.registry.tags import LEDGER_HEAD
from include.reproduction import lineage
from include.scoring import score
from include.training import train
from tests.conftest import AS_OF
from tests.refusals import raises
from tests.toy_use_case import USE_CASE
from tests.versions import life

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.usefixtures("without_plots"), pytest.mark.security]
DAY, NEXT = AS_OF, AS_OF + 1


def client() -> MlflowClient:
    address = Registry(USE_CASE).address
    return MlflowClient(address, registry_uri=address)


def delete_version(number: str) -> None:
    client().delete_model_version(USE_CASE.name, number)


def delete_run(number: str) -> None:
    version = Registry(USE_CASE).version(number)
    client().delete_run(version.run_id)
    delete_files(number)


def delete_files(number: str) -> None:
    place = client().get_logged_model(Registry(USE_CASE).version(number).model_id).artifact_location
    shutil.rmtree(Path(place.removeprefix("file://")))


def trained_again(period=AS_OF) -> str:
    """The version of a training as of the day, as the train DAG's tasks make it."""
    run_id = train.train_model(open_project(USE_CASE), period).run_id
    evaluate.evaluate_run(open_project(USE_CASE), run_id)
    return register.register_run(open_project(USE_CASE), run_id).version


def predictions(period) -> list[dict]:
    view = Lake.open(USE_CASE).as_of(period)
    return view.read("predictions", period, period, order_by=USE_CASE.keys).to_pylist()


def ledger() -> list[tuple[str, str]]:
    return [(entry.action, entry.version) for entry in Ledger.open(USE_CASE).entries()]


@pytest.fixture
def forgetful(champion, lake_home) -> str:
    """A champion that has scored a day, of whose files this machine keeps no copy."""
    score.score_period(open_project(USE_CASE), DAY)
    shutil.rmtree(lake_home / "models", ignore_errors=True)
    return champion


LOSSES = {"the version": delete_version, "the run with its files": delete_run, "the files": delete_files}


@pytest.mark.parametrize("lost", LOSSES)
def test_a_sole_champion_that_is_gone_is_trained_again_restored_and_scores_as_before(forgetful, lake_home, lost):
    before, trees = predictions(DAY), Ledger.open(USE_CASE).entries()[0].trees
    LOSSES[lost](forgetful)
    shutil.rmtree(lake_home / "models", ignore_errors=True)
    with pytest.raises(AirworthyError):
        score.score_period(open_project(USE_CASE), NEXT)
    version = trained_again()
    found = promote.promote_version(open_project(USE_CASE), version, actor="airflow:again")
    assert (found.promoted, found.new, found.champion, found.effective_from) == (True, True, "2", str(AS_OF))
    assert ledger() == [("promotion", "1"), ("restoration", "2")]
    restored = Ledger.open(USE_CASE).entries()[-1]
    assert (restored.actor, restored.trees) == ("airflow:again", trees)
    assert "version 2 is version 1 again" in restored.reason
    assert (life("2"), Registry(USE_CASE).champion()) == ("champion", "2")
    assert not score.score_period(open_project(USE_CASE), DAY).changed, (
        "a day that was scored keeps what it has, to the version's number"
    )
    score.score_period(open_project(USE_CASE), NEXT)
    rescored = score.score_period(open_project(USE_CASE), DAY, rescore=True)
    assert rescored.version == "2"
    unnamed = [row | {"model_version": ""} for row in predictions(DAY)]
    assert unnamed == [row | {"model_version": ""} for row in before]


def test_restoring_twice_writes_one_entry_and_the_ledger_still_answers_who_is_champion(forgetful):
    delete_version(forgetful)
    version = trained_again()
    first, again = (promote.promote_version(open_project(USE_CASE), version, actor=actor) for actor in ("a", "b"))
    assert (first.new, again.new, again.entry) == (True, False, first.entry)
    assert [entry.version for entry in Ledger.open(USE_CASE).entries() if entry.makes_champion] == ["1"]
    assert Ledger.open(USE_CASE).champion_of(NEXT).number == 1
    sync.verified_entries(Registry(USE_CASE), Ledger.open(USE_CASE))


def test_a_reader_of_predictions_of_a_lost_number_finds_the_version_that_replaced_it(forgetful):
    row = predictions(DAY)[0]
    delete_version(forgetful)
    promote.promote_version(open_project(USE_CASE), trained_again(), actor="a run")
    traced = lineage.trace_lineage(open_project(USE_CASE), DAY, {key: str(row[key]) for key in USE_CASE.keys})
    assert traced.model_version == "2"
    monitor.monitor_period(open_project(USE_CASE), DAY)
    missing_reasons = Lake.open(USE_CASE).as_of(DAY).read("metrics", DAY)["missing_reason"].to_pylist()
    assert not [missing_reason for missing_reason in missing_reasons if "no version" in (missing_reason or "")]


def test_a_restored_version_can_be_rolled_back_to(forgetful):
    delete_version(forgetful)
    promote.promote_version(open_project(USE_CASE), trained_again(), actor="a run")
    found = rollback.roll_back(open_project(USE_CASE), "2", NEXT, actor="Ann", reason="to be sure")
    assert (found.new, found.champion) == (True, "2")


def test_a_version_of_other_trees_restores_nothing_and_the_error_says_the_way_back(forgetful):
    other = train.train_model(open_project(USE_CASE), NEXT, parameters={"num_boost_round": 12}).run_id
    delete_version(forgetful)
    with pytest.raises(sync.ModelReplacedError) as refused:
        evaluate.evaluate_run(open_project(USE_CASE), other)
    assert refused.value.trained == AS_OF
    assert ledger() == [("promotion", "1")]


def test_rejected_trees_do_not_come_back_by_being_trained_again(trained_toy):
    evaluate.evaluate_run(open_project(USE_CASE), trained_toy)
    version = register.register_run(open_project(USE_CASE), trained_toy).version
    approve.record_approval(open_project(USE_CASE), version, approved=False, actor="Ann", reason="no")
    delete_version(version)
    again = trained_again()
    assert not promote.promote_version(open_project(USE_CASE), again, actor="a run").promoted
    assert ledger() == [("rejection", "1")]


def test_a_champion_that_is_there_is_not_restored(champion):
    assert promote.promote_version(open_project(USE_CASE), champion, actor="again").new is False
    assert ledger() == [("promotion", "1")]


def test_a_restoration_whose_own_files_are_gone_is_refused_and_writes_nothing(forgetful):
    delete_version(forgetful)
    version = trained_again()
    delete_files(version)
    with pytest.raises(ArtifactMissingError):
        promote.promote_version(open_project(USE_CASE), version, actor="a run")
    assert ledger() == [("promotion", "1")]


def test_a_person_can_be_asked_although_the_champion_is_gone(forgetful):
    delete_version(forgetful)
    assert approval_request.build_approval_request(open_project(USE_CASE), trained_again()).question is not None


def test_a_deleted_registered_model_with_one_entry_comes_back_under_the_same_number(forgetful):
    client().delete_registered_model(USE_CASE.name)
    found = promote.promote_version(open_project(USE_CASE), trained_again(), actor="a run")
    assert (found.promoted, found.champion, life("1")) == (True, "1", "champion")
    assert ledger() == [("promotion", "1")]
    assert not score.score_period(open_project(USE_CASE), DAY).changed


def test_a_deleted_registered_model_with_more_entries_needs_its_head_set_by_a_person_first(forgetful):
    rollback.roll_back(open_project(USE_CASE), forgetful, NEXT, actor="Ann", reason="twice on the ledger")
    head = Ledger.open(USE_CASE).entries()[-1].head
    client().delete_registered_model(USE_CASE.name)
    with raises(HeadMissingError, LEDGER_HEAD.name, f"`{head}`", head=head):
        trained_again()
    Registry(USE_CASE).set_ledger_head(head)
    assert promote.promote_version(open_project(USE_CASE), trained_again(), actor="a run").champion == "1"


def test_a_lost_alias_is_set_again(champion):
    client().delete_registered_model_alias(USE_CASE.name, "champion")
    sync.sync_registry(Registry(USE_CASE), Ledger.open(USE_CASE))
    assert Registry(USE_CASE).champion() == champion
