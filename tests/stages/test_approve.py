"""approve: a decision is kept with the version, and a rejection is final."""

import json

import pytest

from include.errors import BadRequest
from include.stages import approve, promote
from include.storage.models import Registry
from tests.toy_use_case import USE_CASE
from tests.versions import life, register, state


def decide(version: str, approved: bool, who: str = "Ann", why: str = "because") -> approve.ApproveResult:
    return approve.run(USE_CASE, version, approved=approved, who=who, why=why)


@pytest.mark.parametrize(("approved", "becomes"), [(True, "challenger"), (False, "rejected")])
def test_a_decision_is_kept_with_who_and_why(trained_toy, approved, becomes):
    version = register(trained_toy)
    assert decide(version, approved) == approve.ApproveResult(version, approved, "Ann", "because", new=True)
    kept = json.loads(Registry(USE_CASE).version(version).tags["approval"])
    assert kept == {"approved": approved, "who": "Ann", "why": "because"}
    assert life(version) == becomes


@pytest.mark.parametrize("approved", [True, False])
def test_the_same_decision_again_changes_nothing_whoever_makes_it(trained_toy, approved):
    version = register(trained_toy)
    decide(version, approved)
    before = state()
    assert decide(version, approved, "Bob", "too") == approve.ApproveResult(
        version, approved, "Ann", "because", new=False
    )
    assert state() == before


def test_an_approval_after_a_rejection_is_refused_and_changes_nothing(trained_toy):
    version = register(trained_toy)
    decide(version, False, "nobody, in time", "")
    before = state()
    with pytest.raises(BadRequest, match=r"toy: version 1 was rejected by nobody, in time. A rejection is final"):
        decide(version, True)
    assert state() == before


def test_an_approval_is_taken_back_by_a_rejection_while_nothing_was_promoted(trained_toy):
    version = register(trained_toy)
    decide(version, True)
    assert decide(version, False, "Bob").new
    assert life(version) == "rejected"
    assert not promote.run(USE_CASE, version, who="a run", approval_required=True).promoted


def test_what_was_promoted_is_no_longer_rejected_but_rolled_back(trained_toy):
    version = register(trained_toy)
    promote.run(USE_CASE, version, who="a run")
    before = state()
    with pytest.raises(BadRequest, match=r"champion from 2020-03-01 on by ledger entry 1 .* toy__rollback"):
        decide(version, False)
    assert state() == before


def test_an_approval_alone_promotes_nothing(trained_toy):
    version = register(trained_toy, gates="failed")
    decide(version, True)
    assert life(version) == "rejected"
    assert not promote.run(USE_CASE, version, who="a run", approval_required=True).promoted


def test_an_unknown_version_is_refused(tracking):
    with pytest.raises(BadRequest, match="there is no version '4'"):
        decide("4", True)
