"""Outcomes: what became of a training, told from how it ended, what promoting said, and the version's life."""

import pytest

from include.logic.lives import APPROVAL, LIFE, NOT_PROMOTED, Approval
from include.logic.outcomes import outcome

PROMOTED = {"promoted": True, "reason": "All 5 gates are passed."}
BLOCKED = {"promoted": False, "reason": "log_loss is 0.7; at most 0.6."}
REJECTED = {LIFE: "rejected", APPROVAL: Approval(False, "ann", "not today").to_tag()}


@pytest.mark.parametrize(
    ("state", "promotion", "tags", "told"),
    [
        ("success", PROMOTED, {LIFE: "champion"}, ("promoted", PROMOTED["reason"])),
        ("success", BLOCKED, {LIFE: "rejected"}, ("rejected", BLOCKED["reason"])),
        ("success", None, REJECTED, ("rejected", "It was rejected by ann: not today.")),
        ("success", BLOCKED, {LIFE: "challenger"}, ("not promoted", BLOCKED["reason"])),
        ("success", None, {LIFE: "challenger", NOT_PROMOTED: "It waits."}, ("not promoted", "It waits.")),
        ("success", None, {}, ("not promoted", "The training did not promote it.")),
        (
            "failed",
            PROMOTED,
            {LIFE: "champion"},
            ("failed", "The training drift__x ended as failed; its log says why."),
        ),
        (None, None, {}, ("not started", "the DAG is paused")),
    ],
)
def test_an_outcome_is_told_with_its_reason(state, promotion, tags, told):
    assert outcome("drift__x", state, promotion=promotion, tags=tags, why_not="the DAG is paused") == told
