"""The gates on what a model is made of, one by one: what passes, what fails, what could not be found out."""

from dataclasses import replace

import numpy as np
import pytest

from include.declaration.gates import RobustnessGate, SchemaGate, ServingGate, UnusedFeaturesGate
from include.evaluation.inputs import ChampionInputs, CorruptionResult, ServingCheckResult
from include.evaluation.judge import judge_gates
from include.registry import gate_result
from tests.evaluation.test_judge import COSTS, FEATURES, SOUND, one, without_champion

SERVING = ServingGate(at_most_microseconds=50, at_most_megabytes=10)


@pytest.mark.parametrize(
    "broken", [CorruptionResult("kind", "nulled", 0.0, "it raised"), CorruptionResult("kind", "nulled", np.nan)]
)
def test_bad_input_that_breaks_the_model_fails(broken):
    verdict = one(RobustnessGate(at_most=0.9), replace(SOUND, perturbed=(*SOUND.perturbed, broken)))
    assert (verdict.outcome, verdict.value) == ("failed", None)
    assert verdict.reason.startswith("Of 3 bad inputs 1 broke the model. kind nulled: ")


def test_serving_gives_three_verdicts_with_their_own_limits():
    verdicts = judge_gates([SERVING], SOUND, COSTS)
    assert [verdict.gate.rpartition(": ")[2] for verdict in verdicts] == [
        "same scores",
        "microseconds per row",
        "megabytes",
    ]
    assert [(verdict.value, verdict.limit) for verdict in verdicts] == [(0, 0), (4.0, 50), (1.5, 10)]


def test_a_model_that_cannot_be_served_fails_and_its_measures_are_not_judged():
    broken = ServingCheckResult(0, 0, 0.0, 0.0, error="model.txt is missing")
    verdicts = judge_gates([SERVING], replace(SOUND, rehearsal=broken), COSTS)
    assert [verdict.outcome for verdict in verdicts] == ["failed", "not judged", "not judged"]
    assert verdicts[0].reason.endswith("model.txt is missing.")


def test_scoring_no_row_proves_nothing():
    verdicts = judge_gates([SERVING], replace(SOUND, rehearsal=ServingCheckResult(0, 0, 0.0, 1.5)), COSTS)
    assert {verdict.outcome for verdict in verdicts} == {"not judged"}


@pytest.mark.parametrize(
    ("champion_reads", "named"),
    [
        ({"size": "float64"}, "kind differs"),
        ({**FEATURES, "old": "int8"}, "old differs"),
        ({"size": "int32", "kind": "category"}, "size differs"),
    ],
)
def test_a_feature_that_the_champion_reads_otherwise_must_be_meant(champion_reads, named):
    other = replace(SOUND, champion=ChampionInputs("3", features=champion_reads))
    verdict = one(SchemaGate(), other)
    assert (verdict.outcome, verdict.value, verdict.limit) == ("failed", 1, 0)
    assert verdict.reason.startswith(f"{named} from what version 3 reads.")
    assert one(SchemaGate(changed=frozenset({"kind", "old", "size"})), other).outcome == "passed"


def test_a_feature_of_another_type_than_declared_fails_even_without_a_champion():
    verdict = one(SchemaGate(), replace(without_champion(), declared={**FEATURES, "size": "int32"}))
    assert (verdict.outcome, verdict.value) == ("failed", 1)
    assert one(SchemaGate(), without_champion()).outcome == "passed"


def test_a_champion_whose_features_are_not_known_is_not_compared():
    verdict = one(SchemaGate(), replace(SOUND, champion=ChampionInputs("3", why_not="its files are damaged")))
    assert (verdict.outcome, verdict.blocks) == ("not judged", True)
    assert verdict.reason.endswith("its files are damaged.")


def test_features_without_gain_are_reported_and_never_block():
    verdict = one(UnusedFeaturesGate(), replace(SOUND, gains={"size": 1.0, "kind": 0.0}))
    assert (verdict.outcome, verdict.blocks, verdict.value) == ("reported", False, 1)
    assert gate_result.overall_outcome([verdict]) == "passed"
    unknown = one(UnusedFeaturesGate(), replace(SOUND, gains={}))
    assert (unknown.outcome, unknown.blocks) == ("not judged", False)


def test_many_names_are_counted_and_not_all_listed():
    features = {f"f{number}": "float64" for number in range(9)}
    verdict = one(UnusedFeaturesGate(), replace(SOUND, features=features, gains={"f0": 1.0}))
    assert verdict.reason == "8 of 9 features brought no gain: f1, f2, f3, f4, f5 and 3 more."
