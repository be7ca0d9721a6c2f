"""approve: a decision is stored with the version, and a rejection is final."""

import json

import pytest

from include.declaration.period import Period
from include.project import open_project
from include.promotion import approve
from include.promotion.promotion_errors import VersionPromotedError, VersionRejectedError
from include.registry import sync
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry
from include.registry.registry_errors import VersionUnknownError
from tests.refusals import raises
from tests.toy_use_case import USE_CASE
from tests.versions import LATER, gate_result, judge, life, promoted, register, state


def decide(
    version: str, approved: bool, actor: str = "Ann", reason: str = "because", timed_out: bool = False
) -> approve.ApproveResult:
    return approve.record_approval(
        open_project(USE_CASE), version, approved=approved, actor=actor, reason=reason, timed_out=timed_out
    )


@pytest.mark.parametrize(("approved", "becomes"), [(True, "challenger"), (False, "rejected")])
def test_a_decision_is_kept_with_who_and_why(trained_toy, approved, becomes):
    version = register(trained_toy)
    assert decide(version, approved) == approve.ApproveResult(version, approved, "Ann", "because", new=True)
    found, [entry] = Registry(USE_CASE).version(version), Ledger.open(USE_CASE).entries()
    assert (entry.action, entry.actor, entry.reason) == ("approval" if approved else "rejection", "Ann", "because")
    assert (entry.judged, entry.files_digest) == (found.tags["judged"], found.files_digest)
    assert json.loads(found.copies["approval"]) == {"approved": approved, "actor": "Ann", "reason": "because"}
    assert life(version) == becomes


@pytest.mark.parametrize("approved", [True, False])
def test_the_same_decision_by_another_user_changes_nothing(trained_toy, approved):
    version = register(trained_toy)
    decide(version, approved)
    before = state()
    assert decide(version, approved, "Bob", "too") == approve.ApproveResult(
        version, approved, "Ann", "because", new=False
    )
    assert state() == before


def test_an_approval_after_a_rejection_is_refused_and_changes_nothing(trained_toy):
    version = register(trained_toy)
    decide(version, False, "no user (no answer in time)", "")
    before = state()
    with raises(VersionRejectedError, version=version, actor="no user (no answer in time)"):
        decide(version, True)
    assert state() == before


def test_an_approval_is_taken_back_by_a_rejection_while_nothing_was_promoted(trained_toy):
    version = register(trained_toy)
    decide(version, True)
    assert decide(version, False, "Bob").new
    assert life(version) == "rejected"
    assert not promoted(version, actor="a run", approval_required=True).promoted


def test_what_was_promoted_is_no_longer_rejected_but_rolled_back(trained_toy):
    version = register(trained_toy)
    promoted(version, actor="a run")
    before = state()
    with raises(VersionPromotedError, "toy__rollback", version=version, first=Period("2020-03-01"), entry=1):
        decide(version, False)
    assert state() == before


def test_an_approval_alone_promotes_nothing(trained_toy):
    version = register(trained_toy, gates="failed")
    decide(version, True)
    assert life(version) == "rejected"
    assert not promoted(version, actor="a run", approval_required=True).promoted


def test_an_unknown_version_is_refused(tracking):
    with raises(VersionUnknownError, version="4", versions=()):
        decide("4", True)


def test_a_rejection_is_an_entry_of_the_ledger_that_makes_no_champion(trained_toy):
    version = register(trained_toy)
    decide(version, False)
    [entry] = Ledger.open(USE_CASE).entries()
    assert (entry.version, entry.action, entry.actor, entry.reason) == (version, "rejection", "Ann", "because")
    assert Registry(USE_CASE).ledger_head() == entry.head
    assert Registry(USE_CASE).champion() is None


@pytest.mark.parametrize("lost", ["approval", "status"])
def test_a_rejection_whose_tag_is_gone_still_holds_and_is_repaired(trained_toy, lost):
    version = register(trained_toy)
    decide(version, False)
    right = state()
    Registry(USE_CASE).untag_version(version, lost)
    assert not approve.approval_decision(open_project(USE_CASE), version).approved
    sync.sync_registry(Registry(USE_CASE), Ledger.open(USE_CASE))
    assert state() == right


def test_a_rejection_that_was_made_an_approval_by_hand_is_repaired_and_never_promoted(trained_toy):
    version = register(trained_toy)
    decide(version, False)
    right = state()
    tags = Registry(USE_CASE).version(version).copies
    approval = json.loads(tags["approval"]) | {"approved": True}
    Registry(USE_CASE).tag_version(version, {"approval": json.dumps(approval), "status": "challenger"})
    assert "rejected by Ann" in promoted(version, actor="a run", approval_required=True).reason
    assert Registry(USE_CASE).version(version).copies["approval"] == tags["approval"]
    assert state()["entries"] == right["entries"]


def test_the_same_trees_of_the_same_day_are_rejected_under_every_number(trained_toy):
    first, second, later = register(trained_toy), register(trained_toy), register(trained_toy, LATER)
    decide(first, False)
    assert (life(first), life(second), life(later)) == ("rejected", "rejected", "challenger")
    assert approve.approval_decision(open_project(USE_CASE), second).actor == "Ann"
    assert not decide(second, False, "Bob").new
    with raises(VersionRejectedError, version=second, actor="Ann"):
        decide(second, True)
    found = promoted(second, actor="a run")
    assert (found.promoted, found.reason) == (
        False, "The same trees were rejected as version 1 by Ann: because.",
    )  # fmt: skip


def test_no_answer_in_time_is_a_rejection_where_no_one_approved(trained_toy):
    version = register(trained_toy)
    assert decide(version, False, "no user (no answer in time)", "", timed_out=True).new
    assert life(version) == "rejected"


@pytest.mark.parametrize("judged_anew", [False, True])
def test_no_answer_in_time_never_overrides_an_approval(trained_toy, judged_anew):
    version = register(trained_toy)
    decide(version, True)
    if judged_anew:
        judge(Registry(USE_CASE).version(version).run_id, [gate_result("passed")], judged_by="others")
    sync.sync_registry(Registry(USE_CASE), Ledger.open(USE_CASE))
    before = state()
    found = decide(version, False, "no user (no answer in time)", "", timed_out=True)
    assert (found.approved, found.actor, found.new) == (True, "Ann", False)
    assert state() == before


def test_an_approval_of_other_gate_results_does_not_count_and_can_be_given_again(trained_toy):
    version = register(trained_toy)
    assert approve.approval_decision(open_project(USE_CASE), version) is None
    run_id = Registry(USE_CASE).version(version).run_id
    judge(run_id, [gate_result("passed")], judged_by="others")
    decide(version, True)
    assert approve.approval_decision(open_project(USE_CASE), version).approved
    judge(run_id, [gate_result("passed")])
    assert approve.approval_decision(open_project(USE_CASE), version) is None
    waiting = promoted(version, actor="a run", approval_required=True)
    assert waiting.reason == (
        "It waits for a person's approval. Its earlier approval was for other gate results."
    )  # fmt: skip
    assert decide(version, True).new
    assert promoted(version, actor="a run", approval_required=True).promoted
