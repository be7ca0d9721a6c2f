"""All gates together: a good model passes each kind, and a planted violation fails only its gate."""

from dataclasses import replace

import pytest

from include.declaration.period import Period
from include.evaluation.gates.result import overall_outcome
from include.evaluation.inputs import ChampionInputs, CorruptionResult, GateInputs, RebuiltPeriod, ServingCheckResult
from include.evaluation.judging import judge_gates
from include.use_case import ChampionGate, Gate, SliceGate
from tests.evaluation.gates.sound import ALL, DAYS, METRICS, SOUND, TASK, judge_one, labelled, without_champion

COMPARED_WITH_CHAMPION = [ChampionGate(), SliceGate("group", "brier", 0.05, reference="champion")]


def test_a_sound_model_passes_every_gate_in_their_order():
    results = judge_gates(ALL, SOUND, TASK)
    assert {result.outcome for result in results} == {"passed"}
    assert not any(result.blocks for result in results)
    kinds = [result.kind for result in results]
    assert kinds[:4] == ["metric", "champion", "slice", "robustness"]
    assert kinds[4:] == ["serving"] * 3 + ["schema", "leakage", "unused_features", "shadow"]
    assert results[0].gate == str(ALL[0])
    assert overall_outcome(results) == "passed"


@pytest.mark.parametrize(
    ("planted", "gate", "kind", "said"),
    [
        (replace(SOUND, metrics=METRICS | {"model": {"log_loss": 0.61}}), 0, "metric", "0.61, but it must be below"),
        (replace(SOUND, rows=labelled(better=-0.1)), 1, "champion", r"higher than version 3's"),
        (replace(SOUND, rows=labelled(better=0.2, model={"a": 0.4})), 2, "slice", "group a with"),
        (replace(SOUND, corruptions=(CorruptionResult("size", "far above", 0.4),)), 3, "robustness", "size far above"),
        (replace(SOUND, serving_check=ServingCheckResult(500, 2, 4.0, 1.5)), 4, "serving", "2 differ"),
        (replace(SOUND, serving_check=ServingCheckResult(500, 0, 90.0, 1.5)), 4, "serving", "90 microseconds"),
        (replace(SOUND, serving_check=ServingCheckResult(500, 0, 4.0, 99.0)), 4, "serving", "99 megabytes"),
        (replace(SOUND, declared={"size": "float64"}), 5, "schema", "reads kind"),
        (
            replace(SOUND, rebuilt_periods=(RebuiltPeriod(Period("2020-03-01"), rows=9, leaking=("size",)),)),
            6,
            "leakage",
            "2020-03-01 size",
        ),
        (replace(SOUND, gains={"size": 1.0}), 7, "unused_features", "1 of 2 features brought no gain: kind"),
    ],
)
def test_a_planted_violation_is_caught_by_its_gate_alone_and_blocks(planted, gate, kind, said):
    results = judge_gates(ALL, planted, TASK)
    failed = [result for result in results if result.outcome == "failed"]
    assert [result.kind for result in failed] == [kind]
    assert failed[0].blocks
    assert str(ALL[gate]) in failed[0].gate
    assert said in failed[0].reason
    assert overall_outcome(results) == "failed"


def test_missing_inputs_are_inconclusive_and_block():
    results = judge_gates(ALL, GateInputs(metrics={}, periods=DAYS), TASK)
    assert {result.outcome for result in results} == {"inconclusive"}
    assert all(result.blocks for result in results)
    assert overall_outcome(results) == "inconclusive"


def test_without_a_declared_gate_nothing_is_promoted():
    [result] = judge_gates([], SOUND, TASK)
    assert (result.gate, result.outcome, result.blocks) == ("a gate is declared", "failed", True)


def test_a_failure_outweighs_an_inconclusive_result():
    results = judge_gates([Gate("auc", at_least=0.9), Gate("brier", at_most=0.2)], SOUND, TASK)
    assert [result.outcome for result in results] == ["failed", "inconclusive"]
    assert overall_outcome(results) == "failed"


@pytest.mark.parametrize("gate", COMPARED_WITH_CHAMPION)
def test_where_there_is_no_champion_yet_there_is_none_to_be_worse_than(gate):
    result = judge_one(gate, without_champion())
    assert result.outcome == "passed"
    assert "There is no champion of that period yet" in result.reason


@pytest.mark.parametrize("gate", COMPARED_WITH_CHAMPION)
def test_the_champion_is_not_worse_than_itself(gate):
    inputs = replace(SOUND, champion=ChampionInputs("3", same=True), rows=labelled(-0.1))
    assert judge_one(gate, inputs).outcome == "passed"


@pytest.mark.parametrize("gate", COMPARED_WITH_CHAMPION)
def test_a_champion_that_cannot_score_is_not_compared_and_says_why(gate):
    result = judge_one(gate, replace(SOUND, champion=ChampionInputs("3", why_not="it reads a lost column")))
    assert (result.outcome, result.blocks) == ("inconclusive", True)
    assert result.reason.endswith("cannot score the test rows: it reads a lost column.")
