"""register: every evaluated run becomes one version."""

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from include.evaluation import evaluate
from include.lake.lake import Lake
from include.project import open_project
from include.promotion import register
from include.promotion.promotion_errors import NotEvaluatedError
from include.registry import sync
from include.registry.mlflow_registry import Registry, UnprovenVersionError
from include.registry.tags import FINGERPRINT, NOT_PROMOTED
from include.training import train
from include.use_case import Gate
from tests.conftest import AS_OF
from tests.refusals import raises
from tests.toy_use_case import USE_CASE
from tests.versions import read_json

pytestmark = pytest.mark.both_places(long=True)

STRICT = replace(USE_CASE, gates=(Gate("auc", at_least=0.99),))


def test_a_version_says_where_it_comes_from(trained_toy):
    found = register.register_run(open_project(USE_CASE), trained_toy)
    assert (found.version, found.gates, found.new) == ("1", "passed", True)
    version = Registry(USE_CASE).version("1")
    run = Registry(USE_CASE).get_run(trained_toy).data
    assert version.as_of == AS_OF
    for name in (FINGERPRINT, "trees", "commit", "lock", "features.digest", "labels.digest", "gates", "window"):
        assert version.tags[name] == run.tags[f"airworthy.{name}"]
    gate_results = read_json(trained_toy, f"{evaluate.FOLDER}/gate_results.json")
    assert json.loads(version.tags["gate_results"]) == gate_results
    assert version.tags["gate/log_loss better than prior"] == "passed"
    assert version.tags["status"] == "challenger"


def test_the_gate_results_of_every_version_of_a_day_are_in_the_lakes_table(trained_toy, another):
    second = another(STRICT, AS_OF)
    evaluate.evaluate_run(open_project(STRICT), second)
    register.register_run(open_project(USE_CASE), trained_toy)
    register.register_run(open_project(STRICT), second)
    rows = Lake.open(USE_CASE).as_of(AS_OF).read("gate_results", AS_OF).to_pylist()
    assert [(row["model_version"], row["gate"], row["outcome"]) for row in rows] == [
        ("1", "log_loss better than logistic", "passed"),
        ("1", "log_loss better than prior", "passed"),
        ("2", "auc at least 0.99", "failed"),
    ]
    before = Lake.open(USE_CASE).delta("gate_results").version()
    register.register_run(open_project(STRICT), second)
    assert Lake.open(USE_CASE).delta("gate_results").version() == before


def test_the_description_has_the_key_numbers_and_the_notice(trained_toy):
    register.register_run(open_project(USE_CASE), trained_toy)
    text = Registry(USE_CASE).version("1").description
    log_loss = Registry(USE_CASE).get_run(trained_toy).data.metrics["test/log_loss.model"]
    assert text.startswith(f"**Log loss {log_loss:.4g}** against ")
    assert "tested on 2020-02-22 to 2020-02-28" in text
    assert USE_CASE.notice in text


def test_registering_again_makes_no_second_version(trained_toy):
    first, again = (
        register.register_run(open_project(USE_CASE), trained_toy),
        register.register_run(open_project(USE_CASE), trained_toy),
    )
    assert (again.version, again.new) == (first.version, False)
    assert [version.number for version in Registry(USE_CASE).versions()] == ["1"]


def test_training_again_from_equal_inputs_makes_no_second_version(trained_toy):
    register.register_run(open_project(USE_CASE), trained_toy)
    again = train.train_model(open_project(USE_CASE), AS_OF)
    assert again.run_id == trained_toy
    evaluate.evaluate_run(open_project(USE_CASE), again.run_id)
    assert register.register_run(open_project(USE_CASE), again.run_id).version == "1"
    assert len(Registry(USE_CASE).versions()) == 1


def test_a_model_that_did_not_pass_is_registered_and_says_so(trained_toy):
    evaluate.evaluate_run(open_project(STRICT), trained_toy)
    found = register.register_run(open_project(STRICT), trained_toy)
    assert (found.version, found.gates) == ("1", "failed")
    assert "- ✗ **failed** auc at least 0.99: " in Registry(USE_CASE).version("1").description


@pytest.mark.parametrize("gates", [(STRICT, USE_CASE), (USE_CASE, STRICT)], ids=["loosened", "tightened"])
def test_changed_gates_judge_the_version_that_is_there_again(trained_toy, gates):
    registry = Registry(USE_CASE)
    for use_case in gates:
        evaluate.evaluate_run(open_project(use_case), trained_toy)
        found = register.register_run(open_project(use_case), trained_toy)
        if found.gates != "passed":
            registry.tag_version("1", {NOT_PROMOTED: "as it was"})
    version, run = registry.version("1"), registry.get_run(trained_toy).data
    assert (found.version, found.gates, found.new) == ("1", "passed" if gates[-1] is USE_CASE else "failed", False)
    assert version.tags["gates"] == run.tags["airworthy.gates"] == found.gates
    assert {name for name in version.tags if name.startswith("gate/")} == {f"gate/{gate}" for gate in gates[-1].gates}
    assert (NOT_PROMOTED in version.tags) == (found.gates == "failed")
    assert ("**failed**" in version.description) == (found.gates == "failed")


def test_of_two_registered_at_once_both_get_the_first(trained_toy, monkeypatch):
    ask, other = register._registered, []

    def beaten(*asked):
        if not other:  # between our question and our answer, another process registers the same
            other.append(None)
            other.append(register.register_run(open_project(USE_CASE), trained_toy))
            return None
        return ask(*asked)

    monkeypatch.setattr(register, "_registered", beaten)
    found = register.register_run(open_project(USE_CASE), trained_toy)
    assert (other[1].version, other[1].new) == ("1", True)
    assert (found.version, found.new) == ("1", False)
    assert [version.number for version in Registry(USE_CASE).versions()] == ["1", "2"]
    assert register.register_run(open_project(USE_CASE), trained_toy).version == "1"


@pytest.mark.both_places(not_on_s3="nothing is in the lake")
def test_a_run_without_gate_results_is_not_registered(toy_lake, tracking, without_plots):
    run_id = train.train_model(open_project(USE_CASE), AS_OF).run_id
    with raises(NotEvaluatedError, "`evaluate`", run_id=run_id):
        register.register_run(open_project(USE_CASE), run_id)
    assert Registry(USE_CASE).versions() == []


def test_a_run_without_a_record_is_not_registered(tracking):
    registry = Registry(USE_CASE)
    run_id = registry.start_run("a stranger's", {FINGERPRINT: "x", "gates": "passed", "judged": "x"})
    registry.end_run(run_id, failed=False)
    with pytest.raises(UnprovenVersionError) as refused:
        register.register_run(open_project(USE_CASE), run_id)
    assert refused.value.name == f"run {run_id}"
    assert registry.versions() == []


def test_gate_results_count_once_they_are_on_record_whatever_mlflow_shows(trained_toy, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Registry, "log", lambda *_, **__: sys.exit("killed"))
        with pytest.raises(SystemExit):
            evaluate.evaluate_run(
                open_project(STRICT), trained_toy
            )  # the tags of its run are those of the first judgement
    assert register.register_run(open_project(STRICT), trained_toy).gates == "failed"
    assert Registry(USE_CASE).version("1").copies["gates"] == "failed"


def test_gate_results_that_were_cut_short_before_the_record_are_given_again(trained_toy, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Registry, "log_folder", lambda *_, **__: sys.exit("killed"))
        with pytest.raises(SystemExit):
            evaluate.evaluate_run(open_project(STRICT), trained_toy)
    assert register.register_run(open_project(STRICT), trained_toy).gates == "passed", (
        "what is on record is the judgement before"
    )
    assert evaluate.evaluate_run(open_project(STRICT), trained_toy).new


@pytest.mark.slow
def test_an_equal_training_is_a_version_of_its_own_where_the_first_models_files_are_lost(trained_toy, lake_home):
    register.register_run(open_project(USE_CASE), trained_toy)
    next(lake_home.rglob("model.lgb")).unlink()
    again = train.train_model(open_project(USE_CASE), AS_OF)
    assert not again.reused
    evaluate.evaluate_run(open_project(USE_CASE), again.run_id)
    found = register.register_run(open_project(USE_CASE), again.run_id)
    assert (found.version, found.new) == ("2", True)
    assert train.train_model(open_project(USE_CASE), AS_OF).run_id == again.run_id


def test_a_run_whose_models_files_are_gone_is_not_registered_whatever_its_gates_say(trained_toy, lake_home):
    evaluate.evaluate_run(open_project(USE_CASE), trained_toy)
    candidate = Registry(USE_CASE).candidate(trained_toy)
    place = Registry(USE_CASE)._client.get_logged_model(candidate.model_id).artifact_location
    shutil.rmtree(Path(place.removeprefix("file://")))
    with pytest.raises(register.ModelMissingError) as refused:
        register.register_run(open_project(USE_CASE), trained_toy)
    assert refused.value.run_id == trained_toy
    assert Registry(USE_CASE).versions() == []


def test_a_version_has_few_tags_and_its_run_the_whole_record(trained_toy):
    number = register.register_run(open_project(USE_CASE), trained_toy).version
    registry = Registry(USE_CASE)
    version = registry.version(number)
    assert set(version.copies) == {"as_of", "gates", "reason", "status"}
    record = read_json(trained_toy, register.RECORD)
    assert record["trees"] == version.trees and record["recipe"]["as_of"] == str(version.as_of)
    assert record["gate_results"] == list(version.gate_results)


def test_version_and_run_have_one_description_with_the_summary_first(trained_toy):
    number = register.register_run(open_project(USE_CASE), trained_toy).version
    registry = Registry(USE_CASE)
    description = registry.version(number).description
    first = description.splitlines()[0]
    assert re.match(r"\*\*Log loss \S+\*\* against \S+ of logistic, \S+ of prior on 7 test days\. Gates passed", first)
    assert registry.get_run(trained_toy).data.tags["mlflow.note.content"] == f"**Version 1.** {description}"
    assert "|" not in description  # cells of a table touch on MLflow's page


def test_tags_of_an_older_release_are_removed_from_a_version(trained_toy):
    number = register.register_run(open_project(USE_CASE), trained_toy).version
    registry = Registry(USE_CASE)
    before = registry.version(number)
    registry.tag_version(number, {"trees": before.trees, "gate/log_loss better than prior": "passed"})
    sync.sync_registry(registry, open_project(USE_CASE).ledger)
    assert registry.version(number).copies == before.copies
