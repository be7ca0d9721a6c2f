"""The schema gate: a model's features compared with the declaration and the champion."""

from dataclasses import replace

import pytest

from include.evaluation.inputs import ChampionInputs
from include.use_case import SchemaGate
from tests.evaluation.gates.sound import FEATURES, SOUND, judge_one, without_champion
from tests.refusals import invalid


def test_changed_features_that_are_no_set_are_refused():
    with invalid("changed"):
        SchemaGate(changed="size")


@pytest.mark.parametrize(
    ("champion_reads", "named"),
    [
        ({"size": "float64"}, "kind differs"),
        ({**FEATURES, "old": "int8"}, "old differs"),
        ({"size": "int32", "kind": "category"}, "size differs"),
    ],
)
def test_a_feature_that_the_champion_reads_otherwise_must_be_changed_on_purpose(champion_reads, named):
    other = replace(SOUND, champion=ChampionInputs("3", features=champion_reads))
    result = judge_one(SchemaGate(), other)
    assert (result.outcome, result.value, result.limit) == ("failed", 1, 0)
    assert result.reason.startswith(f"{named} from what version 3 reads.")
    assert judge_one(SchemaGate(changed=frozenset({"kind", "old", "size"})), other).outcome == "passed"


def test_a_feature_of_another_type_than_declared_fails_even_without_a_champion():
    result = judge_one(SchemaGate(), replace(without_champion(), declared={**FEATURES, "size": "int32"}))
    assert (result.outcome, result.value) == ("failed", 1)
    assert judge_one(SchemaGate(), without_champion()).outcome == "passed"


def test_a_champion_whose_features_are_not_known_is_not_compared():
    result = judge_one(SchemaGate(), replace(SOUND, champion=ChampionInputs("3", why_not="its files are damaged")))
    assert (result.outcome, result.blocks) == ("inconclusive", True)
    assert result.reason.endswith("its files are damaged.")
