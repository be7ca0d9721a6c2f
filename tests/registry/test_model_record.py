"""Stored results of gates: written in the present form, and read in earlier forms too."""

import json
from dataclasses import replace

import pytest

from include.evaluation.gates.result import GateResult
from include.registry.model_record import ModelRecord, record_evaluation
from tests.evaluation.gates.sound import ALL, SOUND, judge_one

RESULT = judge_one(ALL[0], SOUND)


class NoRecords:
    """Records that must not be written."""

    def append(self, *_):
        raise AssertionError("a record was written")


class Candidate:
    """A run that was trained."""

    run_id, files_digest = "1", "2"


def test_a_result_of_a_kind_that_no_gate_defines_is_not_recorded():
    results = [RESULT, replace(RESULT, kind="luck")]
    with pytest.raises(ValueError, match=r"\['luck'\]"):
        record_evaluation(NoRecords(), Candidate(), results, judged_by="", champion="", metrics={}, final=True)


def test_an_evaluation_that_earlier_code_recorded_is_read_in_the_words_of_now():
    earlier = {"kind": "feature value", "outcome": "not judged", "blocks": True}
    informed = {"gate": "features without gain", "outcome": "reported", "blocks": False}
    stored = [{**RESULT.to_json(), **earlier}, {**RESULT.to_json(), **informed}]
    evaluation = {"files_digest": "2", "champion": "", "judged_by": "3", "final": True, "gate_results": stored}
    tags = ModelRecord({"tags": {"files_digest": "2"}}, evaluation, "").tags()
    assert tags["gates"] == "inconclusive"
    assert tags["gate/log_loss better than prior"] == "inconclusive"
    assert tags["gate/features without gain"] == "informational"
    first, second = (GateResult(**gate_result) for gate_result in json.loads(tags["gate_results"]))
    assert (first.kind, first.outcome, second.outcome) == ("unused_features", "inconclusive", "informational")
