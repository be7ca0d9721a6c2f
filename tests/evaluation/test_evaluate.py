"""evaluate: the gate results of a run are stored with it, once."""

import json
import sys
from dataclasses import replace

import pyarrow.compute as pc
import pytest

from include.declaration.period import Period
from include.evaluation import evaluate
from include.evaluation.evaluation_errors import DataChangedError
from include.lake.lake import Lake
from include.project import open_project
from include.promotion import promote, register
from include.registry.mlflow_registry import Registry
from include.registry.registry_errors import RunIncompleteError
from include.registry.tags import JUDGED, from_mlflow
from include.use_case import ChampionGate, Gate, SliceGate
from tests.refusals import raises
from tests.toy_use_case import USE_CASE, source

pytestmark = [pytest.mark.slow, pytest.mark.both_places(long=True)]

PNG = b"\x89PNG"
WITH_CHAMPION = replace(
    USE_CASE,
    gates=(
        *USE_CASE.gates,
        ChampionGate(min_periods=5, margin=0.5),
        SliceGate("kind", "mean_error", max_degradation=0.5, min_rows=50),
    ),
)


@pytest.mark.usefixtures("without_plots")
def test_a_model_that_beats_both_baselines_passes(trained_toy):
    found = evaluate.evaluate_run(open_project(USE_CASE), trained_toy)
    assert (found.gates, found.champion) == ("passed", None)
    assert [gate_result["gate"] for gate_result in found.gate_results] == [
        "log_loss better than prior",
        "log_loss better than logistic",
    ]


@pytest.mark.usefixtures("without_plots")
def test_one_gate_not_passed_is_enough_to_fail(trained_toy):
    strict = replace(USE_CASE, gates=(*USE_CASE.gates, Gate("auc", at_least=0.99)))
    found = evaluate.evaluate_run(open_project(strict), trained_toy)
    assert [gate_result["outcome"] for gate_result in found.gate_results] == ["passed", "passed", "failed"]
    tags = from_mlflow(Registry(USE_CASE).get_run(trained_toy).data.tags)
    assert found.gates == tags["gates"] == "failed"
    assert tags["gate/auc at least 0.99"] == "failed"


@pytest.mark.usefixtures("without_plots")
def test_too_few_days_with_labels_are_not_judged_and_block_unless_the_use_case_says_otherwise(trained_toy, another):
    lost = Period("2020-02-28")
    for period in (Period("2020-02-29"), Period("2020-03-01")):  # its outcomes became known on these
        known = source.outcomes(period)
        Lake.open(USE_CASE).replace(
            "labels", period, known.filter(pc.not_equal(known["event_date"], lost.start_date)), inputs={}, stage="x"
        )
    strict = replace(USE_CASE, gates=(Gate("log_loss", better_than="prior", min_periods=7),))
    run_id = another(strict)
    found = evaluate.evaluate_run(open_project(strict), run_id)
    assert (found.gates, found.gate_results[0]["outcome"]) == ("inconclusive", "inconclusive")
    version = register.register_run(open_project(strict), run_id).version
    assert not promote.promote_version(open_project(strict), version, actor="a test").promoted
    assert Registry(USE_CASE).version(version).tags["status"] == "candidate"
    gates = (replace(strict.gates[0], if_inconclusive="pass"),)
    assert evaluate.evaluate_run(open_project(replace(USE_CASE, gates=gates)), run_id).gates == "passed"


def test_gate_results_intervals_slices_and_drawings_are_kept_with_the_run(trained_toy, tmp_path):
    evaluate.evaluate_run(open_project(WITH_CHAMPION), trained_toy)
    registry = Registry(USE_CASE)
    folder = registry.artifact(trained_toy, evaluate.FOLDER, tmp_path)
    assert {path.name for path in folder.iterdir()} == {
        *("gate_results.json", "metrics.json", "intervals.json", "slices.json", "gate_results.png", "slices.png")
    }
    assert all(path.read_bytes().startswith(PNG) for path in folder.glob("*.png"))
    run = registry.get_run(trained_toy).data
    kept = json.loads((folder / "gate_results.json").read_text())
    assert kept[0]["value"] == run.metrics["test/log_loss.model"]
    assert kept[0]["limit"] == run.metrics["test/log_loss.prior"]
    low, high = json.loads((folder / "intervals.json").read_text())["log_loss"]
    assert low < run.metrics["test/log_loss.model"] < high
    measured = json.loads((folder / "metrics.json").read_text())
    assert measured["model"]["auc"] == pytest.approx(run.metrics["test/auc.model"])
    assert {group["group"] for group in json.loads((folder / "slices.json").read_text())} == set(source.KINDS)


def test_a_challenger_is_compared_with_the_champion_of_its_day_and_drawn(trained_toy, another, tmp_path):
    promote.promote_version(
        open_project(USE_CASE), register.register_run(open_project(USE_CASE), trained_toy).version, actor="a test"
    )
    run_id = another(WITH_CHAMPION)
    found = evaluate.evaluate_run(open_project(WITH_CHAMPION), run_id)
    assert found.champion == "1"
    by_kind = {gate_result["kind"]: gate_result for gate_result in found.gate_results}
    assert "version 1" in by_kind["champion"]["reason"]
    folder = Registry(USE_CASE).artifact(run_id, evaluate.FOLDER, tmp_path)
    assert (folder / "champion.png").read_bytes().startswith(PNG)
    assert "champion" in json.loads((folder / "metrics.json").read_text())


@pytest.mark.usefixtures("without_plots")
def test_a_champion_of_a_later_day_is_not_compared_with(trained_toy, another):
    promote.promote_version(
        open_project(USE_CASE), register.register_run(open_project(USE_CASE), trained_toy).version, actor="a test"
    )
    assert (
        evaluate.evaluate_run(open_project(WITH_CHAMPION), another(WITH_CHAMPION, Period("2020-02-28"))).champion
        is None
    )


@pytest.mark.usefixtures("without_plots")
def test_judging_again_changes_nothing(trained_toy, forbid_mlflow_writes):
    first = evaluate.evaluate_run(open_project(USE_CASE), trained_toy)
    forbid_mlflow_writes()
    assert evaluate.evaluate_run(open_project(USE_CASE), trained_toy) == replace(first, new=False)


@pytest.mark.usefixtures("without_plots")
def test_judging_again_after_its_own_promotion_changes_nothing(trained_toy):
    promote.promote_version(
        open_project(USE_CASE), register.register_run(open_project(USE_CASE), trained_toy).version, actor="a test"
    )
    assert not evaluate.evaluate_run(open_project(USE_CASE), trained_toy).new


@pytest.mark.usefixtures("without_plots")
def test_other_gates_judge_again(trained_toy):
    evaluate.evaluate_run(open_project(USE_CASE), trained_toy)
    assert evaluate.evaluate_run(open_project(WITH_CHAMPION), trained_toy).new


@pytest.mark.usefixtures("without_plots")
def test_killed_before_the_record_it_is_judged_again(trained_toy, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "record_evaluation", lambda *_, **__: sys.exit("killed"))
        with pytest.raises(SystemExit):
            evaluate.evaluate_run(open_project(WITH_CHAMPION), trained_toy)
    assert evaluate.evaluate_run(open_project(WITH_CHAMPION), trained_toy).new
    assert not evaluate.evaluate_run(open_project(WITH_CHAMPION), trained_toy).new


@pytest.mark.usefixtures("without_plots")
def test_killed_after_the_record_its_copies_in_mlflow_are_made_by_the_next_run(trained_toy, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Registry, "log", lambda *_, **__: sys.exit("killed"))
        with pytest.raises(SystemExit):
            evaluate.evaluate_run(open_project(WITH_CHAMPION), trained_toy)
    on_record = Registry(USE_CASE).candidate(trained_toy).tags[JUDGED]
    assert from_mlflow(Registry(USE_CASE).get_run(trained_toy).data.tags).get(JUDGED) != on_record
    assert not evaluate.evaluate_run(open_project(WITH_CHAMPION), trained_toy).new
    assert from_mlflow(Registry(USE_CASE).get_run(trained_toy).data.tags)[JUDGED] == on_record
    with monkeypatch.context() as patch:
        patch.setattr(Registry, "log", None)
        assert not evaluate.evaluate_run(open_project(WITH_CHAMPION), trained_toy).new, (
            "it writes nothing that is there"
        )


@pytest.mark.usefixtures("without_plots")
def test_a_second_judgement_that_was_killed_never_passes_for_the_first(trained_toy, monkeypatch):
    strict = replace(USE_CASE, gates=(Gate("auc", at_least=0.99),))
    assert evaluate.evaluate_run(open_project(strict), trained_toy).gates == "failed"
    with monkeypatch.context() as patch:
        patch.setattr(Registry, "log", lambda *_, **__: sys.exit("killed"))
        with pytest.raises(SystemExit):
            evaluate.evaluate_run(open_project(USE_CASE), trained_toy)  # passed
    assert evaluate.evaluate_run(open_project(strict), trained_toy).gates == "failed"


def test_tags_of_gates_that_are_no_longer_declared_are_removed(trained_toy):
    evaluate.evaluate_run(open_project(replace(USE_CASE, gates=(Gate("auc", at_least=0.99),))), trained_toy)
    evaluate.evaluate_run(open_project(USE_CASE), trained_toy)
    tags = from_mlflow(Registry(USE_CASE).get_run(trained_toy).data.tags)
    assert {name for name in tags if name.startswith("gate/")} == {f"gate/{gate}" for gate in USE_CASE.gates}


def test_gate_results_are_current_until_gates_or_champion_change(trained_toy, another):
    registry = Registry(USE_CASE)
    first = register.register_run(open_project(USE_CASE), trained_toy).version
    evaluate.evaluate_run(open_project(USE_CASE), later := another(USE_CASE))
    second = registry.version(register.register_run(open_project(USE_CASE), later).version)
    assert evaluate.is_current(open_project(USE_CASE), second)
    assert not evaluate.is_current(open_project(WITH_CHAMPION), second)
    promote.promote_version(open_project(USE_CASE), first, actor="a test")
    assert not evaluate.is_current(open_project(USE_CASE), second)


def test_data_that_changed_since_the_training_are_not_judged_on(trained_toy):
    period = Period("2020-02-25")
    rows = source.everything(period).slice(1).select(["event_date", "id", *USE_CASE.features])
    Lake.open(USE_CASE).replace("features", period, rows, inputs={}, stage="a correction")
    with raises(DataChangedError, "toy__train", run_id=trained_toy, as_of=Period("2020-03-01"), tables=("features",)):
        evaluate.evaluate_run(open_project(WITH_CHAMPION), trained_toy)


@pytest.mark.both_places(not_on_s3="nothing is in the lake")
@pytest.mark.usefixtures("without_plots")
def test_a_run_that_broke_half_way_is_not_judged(tracking):
    run_id = Registry(USE_CASE).start_run("broken", {})
    with raises(RunIncompleteError, run_id=run_id, status="RUNNING"):
        evaluate.evaluate_run(open_project(USE_CASE), run_id)
