"""The outcome of a training, derived from the state of its run, the promotion and the version's status."""

import pytest

from include.registry.lifecycle import RecordedApproval
from include.retraining.outcome_rules import training_outcome

PROMOTED = {"promoted": True, "reason": "All 5 gates are passed."}
BLOCKED = {"promoted": False, "reason": "log_loss is 0.7; at most 0.6."}
REJECTED = RecordedApproval(False, "ann", "not today")


@pytest.mark.parametrize(
    ("state", "promotion", "version", "reported"),
    [
        ("success", PROMOTED, (None, "champion", ""), ("promoted", PROMOTED["reason"])),
        ("success", BLOCKED, (None, "rejected", ""), ("rejected", BLOCKED["reason"])),
        ("success", None, (REJECTED, "rejected", ""), ("rejected", "It was rejected by ann: not today.")),
        ("success", BLOCKED, (None, "challenger", ""), ("not promoted", BLOCKED["reason"])),
        ("success", None, (None, "challenger", "It waits."), ("not promoted", "It waits.")),
        ("success", None, (None, "", ""), ("not promoted", "The training did not promote it.")),
        (
            "failed",
            PROMOTED,
            (None, "champion", ""),
            ("failed", "The training drift__x ended as failed; see its log."),
        ),
        (None, None, (None, "", ""), ("not started", "the DAG is paused")),
    ],
)
def test_an_outcome_is_reported_with_its_reason(state, promotion, version, reported):
    decided, status, reason = version
    found = training_outcome(
        "drift__x",
        state,
        promotion=promotion,
        decided=decided,
        status=status,
        not_promoted=reason,
        why_not="the DAG is paused",
    )
    assert found == reported
