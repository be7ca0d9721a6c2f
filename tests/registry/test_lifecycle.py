"""The status of a version, derived from its tags and the ledger only."""

from dataclasses import dataclass, field

import pytest

from include.declaration.period import Period
from include.registry.lifecycle import RecordedApproval, approval_of, champion_of, lifecycle_states

MARCH, APRIL, MAY = Period("2020-03-01"), Period("2020-04-01"), Period("2020-05-01")


@dataclass(frozen=True)
class Version:
    number: str
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    number: int
    version: str
    effective_from: Period
    action: str = "promotion"
    trees: str = "trees"
    fingerprint: str = "made"
    actor: str = "Ann"
    reason: str = ""
    files_digest: str = "files"
    judged: str = ""


def version(number: str = "1", gates: str | None = None, judged: str = "") -> Version:
    tags = {"trees": "trees", "fingerprint": "made", "as_of": "2020-03-01", "files_digest": "files"}
    tags |= {"gates": gates} if gates else {}
    return Version(number, tags | ({"judged": judged} if judged else {}))


def decided(approved: bool | None, judged: str = "a") -> list[Entry]:
    """Return the entries of a person's answer; none if no person was asked."""
    if approved is None:
        return []
    return [Entry(1, "1", MARCH, "approval" if approved else "rejection", judged=judged)]


@pytest.mark.parametrize(
    ("gates", "approved", "life"),
    [
        (None, None, "candidate"),
        ("inconclusive", None, "candidate"),
        ("passed", None, "challenger"),
        ("passed", True, "challenger"),
        ("failed", None, "rejected"),
        ("failed", True, "rejected"),
        ("passed", False, "rejected"),
        ("inconclusive", False, "rejected"),
        (None, False, "rejected"),
    ],
)
def test_off_the_ledger_gates_and_a_persons_decision_make_the_life(gates, approved, life):
    assert lifecycle_states([version("1", gates, "a")], decided(approved), MAY) == {"1": life}


@pytest.mark.parametrize("gates", ["passed", "failed", "inconclusive", None])
def test_on_the_ledger_a_version_is_champion_or_archived_whatever_its_gates_say_now(gates):
    entries = [Entry(1, "1", MARCH), Entry(2, "2", APRIL)]
    assert lifecycle_states([version("1", gates), version("2", gates)], entries, MAY) == {
        "1": "archived",
        "2": "champion",
    }


def test_the_champion_is_that_of_the_latest_effective_day_and_of_two_the_later_entry():
    entries = [Entry(1, "1", MAY), Entry(2, "2", MARCH)]
    assert lifecycle_states([version("1"), version("2")], entries, MAY) == {"1": "champion", "2": "archived"}
    entries += [Entry(3, "2", MAY)]
    assert lifecycle_states([version("1"), version("2")], entries, MAY) == {"1": "archived", "2": "champion"}


def test_a_champion_that_was_deleted_has_no_heir():
    assert lifecycle_states([version("1", "passed")], [Entry(1, "1", MARCH), Entry(2, "2", APRIL)], MAY) == {
        "1": "archived"
    }


def test_an_empty_ledger_has_no_champion():
    assert champion_of(MAY, []) is None


def test_an_entry_of_a_day_to_come_makes_no_champion_before_it():
    entries = [Entry(1, "1", MARCH), Entry(2, "2", MAY)]
    for period, number, states in (
        (Period("2020-02-29"), None, {"1": "archived", "2": "archived"}),
        (Period("2020-04-30"), 1, {"1": "champion", "2": "archived"}),
        (MAY, 2, {"1": "archived", "2": "champion"}),
    ):
        found = champion_of(period, entries)
        assert (found and found.number) == number
        assert lifecycle_states([version("1"), version("2")], entries, period) == states


def test_a_decision_is_reported_with_actor_and_reason():
    assert (
        str(RecordedApproval.from_entry(Entry(1, "1", MARCH, "rejection", reason="too old")))
        == "rejected by Ann: too old"
    )
    assert str(RecordedApproval.from_entry(Entry(1, "1", MARCH, "approval", actor="Bob"))) == "approved by Bob"


def test_a_decision_that_only_a_tag_tells_is_none():
    forged = {"approval": '{"approved": true, "who": "admin", "why": ""}', "judged": "a"}
    for tags in (forged, {**forged, "approval": '{"approved": false, "who": "admin", "why": ""}'}):
        assert approval_of(Version("1", version().tags | tags), []) is None


def test_another_model_under_the_number_of_a_champion_is_neither_champion_nor_archived():
    entries = [Entry(1, "1", MARCH), Entry(2, "2", APRIL, trees="others")]
    assert lifecycle_states([version("1", "passed"), version("2", "passed")], entries, MAY) == {
        "1": "archived",
        "2": "challenger",
    }
    for other in ({"fingerprint": "another"}, {"files_digest": "others"}):
        assert lifecycle_states([version("1", "passed")], [Entry(1, "1", MARCH, **other)], MAY) == {"1": "challenger"}


def test_a_rejection_makes_no_champion_and_rejects_the_model_under_every_number_and_fingerprint():
    entries = [Entry(1, "1", MARCH), Entry(2, "7", MARCH, "rejection", fingerprint="another", reason="too old")]
    assert lifecycle_states([version("1"), version("2", "passed", "a")], entries, MAY) == {
        "1": "champion",
        "2": "rejected",
    }
    assert approval_of(version("2", "passed", "a"), entries) == RecordedApproval(False, "Ann", "too old")
    elsewhere = [Entry(1, "7", APRIL, "rejection"), Entry(2, "7", MARCH, "rejection", trees="others")]
    assert lifecycle_states([version("2", "passed")], elsewhere, MAY) == {"2": "challenger"}


def test_an_approval_counts_for_the_gate_results_that_were_shown_and_a_rejection_for_all():
    for approved in (True, False):
        assert approval_of(version(judged="a"), decided(approved)) == RecordedApproval(approved, "Ann", "")
        assert (approval_of(version(judged="b"), decided(approved)) is None) == approved
        assert (approval_of(version(), decided(approved, judged="")) is None) == approved, "of no gate results at all"


def test_an_approval_is_of_one_versions_files_and_makes_no_champion():
    entries = decided(True)
    assert approval_of(version("2", judged="a"), entries) is None
    other = Version("1", version(judged="a").tags | {"files_digest": "others"})
    assert approval_of(other, entries) is None
    assert champion_of(MAY, entries) is None
