"""The gate on unused features: those from which a model gained nothing."""

from dataclasses import replace

import pytest

from include.evaluation.gates.result import overall_outcome
from include.use_case import UnusedFeaturesGate
from tests.evaluation.gates.sound import SOUND, judge_one
from tests.refusals import invalid


def test_a_limit_below_0_is_refused():
    with invalid("at_most"):
        UnusedFeaturesGate(at_most=-1)


def test_it_is_named_by_what_it_asks_for():
    assert str(UnusedFeaturesGate()) == "features without gain"
    assert str(UnusedFeaturesGate(at_most=3)) == "at most 3 features without gain"


def test_without_a_limit_features_without_gain_are_informational_and_never_block():
    result = judge_one(UnusedFeaturesGate(), replace(SOUND, gains={"size": 1.0, "kind": 0.0}))
    assert (result.outcome, result.blocks, result.value) == ("informational", False, 1)
    assert overall_outcome([result]) == "passed"
    unknown = judge_one(UnusedFeaturesGate(), replace(SOUND, gains={}))
    assert (unknown.outcome, unknown.blocks) == ("inconclusive", False)


@pytest.mark.parametrize(("at_most", "outcome", "blocks"), [(1, "passed", False), (0, "failed", True)])
def test_with_a_limit_more_features_without_gain_block(at_most, outcome, blocks):
    result = judge_one(UnusedFeaturesGate(at_most=at_most), replace(SOUND, gains={"size": 1.0}))
    assert (result.outcome, result.blocks, result.value) == (outcome, blocks, 1)
    assert judge_one(UnusedFeaturesGate(at_most=at_most), replace(SOUND, gains={})).blocks


def test_many_names_are_counted_and_not_all_listed():
    features = {f"f{number}": "float64" for number in range(9)}
    result = judge_one(UnusedFeaturesGate(), replace(SOUND, features=features, gains={"f0": 1.0}))
    assert result.reason == "8 of 9 features brought no gain: f1, f2, f3, f4, f5 and 3 more."
