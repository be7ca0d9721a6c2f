"""The stored result of a gate, and the overall outcome."""

import pytest

from include.evaluation.gates.result import GateResult, overall_outcome
from tests.evaluation.gates.sound import ALL, SOUND, judge_one

STORED = {
    "gate": "log_loss better than prior",
    "kind": "metric",
    "metric": "log_loss",
    "value": 0.5,
    "limit": 0.6,
    "outcome": "passed",
    "blocks": False,
    "reason": "In 20 test days log loss is 0.5; it must be below the prior baseline's 0.6.",
}


def test_a_result_is_plain_json_and_comes_back_as_it_was():
    result = judge_one(ALL[0], SOUND)
    assert result.to_json() == STORED
    assert GateResult.from_json(STORED) == result


@pytest.mark.parametrize(
    ("field", "earlier", "now"),
    [
        ("outcome", "not judged", "inconclusive"),
        ("outcome", "reported", "informational"),
        ("kind", "feature value", "unused_features"),
    ],
)
def test_the_words_of_earlier_records_are_read_as_those_of_now(field, earlier, now):
    assert GateResult.from_json({**STORED, field: earlier}).to_json() == {**STORED, field: now}


def test_no_result_at_all_is_a_failure():
    assert overall_outcome([]) == "failed"
