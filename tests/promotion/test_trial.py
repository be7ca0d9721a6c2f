"""A trial begins and ends by an entry of the ledger; what may not be tried is refused before anything is written."""

import pytest

from include.declaration.period import Period
from include.errors import BeforeFirstPeriodError, NotBegunError
from include.project import open_project
from include.promotion import approve, rollback
from include.promotion.trial_errors import (
    NoTrialError,
    TrialReasonMissingError,
    TrialRefusedError,
    TrialRunningError,
)
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry
from include.registry.registry_errors import VersionUnknownError
from include.registry.trials import trial_of
from tests.conftest import AS_OF
from tests.refusals import raises
from tests.toy_use_case import USE_CASE
from tests.tried import FIRST, LAST, ended, started
from tests.versions import alias, life, promoted, state

pytestmark = pytest.mark.usefixtures("without_plots", "challenger")


def entries():
    return Ledger.open(USE_CASE).entries()


def test_a_start_is_an_entry_and_changes_no_champion():
    found = started()
    entry = entries()[-1]
    assert (found.version, found.first, found.end, found.entry, found.new) == ("2", FIRST.key, None, 2, True)
    assert (entry.action, entry.effective_from, entry.actor, entry.reason) == (
        "trial",
        FIRST,
        "Ann",
        "It looks better.",
    )
    assert (entry.trial["as_of"], entry.trial["share"]) == (AS_OF.key, 0)
    assert found.reason == f"Version 2 is tried in shadow from {FIRST} on."
    assert (alias(), life("1"), life("2")) == ("1", "champion", "challenger")
    assert Registry(USE_CASE).ledger_head() == entry.head
    assert Ledger.open(USE_CASE).champion_of(LAST).version == "1"


def test_an_end_names_the_first_period_without_it():
    started()
    found = ended(FIRST + 3)
    assert (found.end, found.new) == ((FIRST + 3).key, True)
    assert found.reason == f"Version 2 is tried in shadow from {FIRST} to {FIRST + 2}."
    assert trial_of(FIRST + 2, entries()).version == "2" and trial_of(FIRST + 3, entries()) is None


def test_an_end_in_its_first_period_leaves_no_period():
    started()
    assert ended(FIRST).reason == "Version 2 is tried in shadow from 2020-03-02: the trial has no period."
    assert trial_of(FIRST, entries()) is None


def test_a_task_that_is_cleared_writes_nothing_again():
    started(), ended(FIRST + 3)
    before = state()
    again = started(), ended(FIRST + 3)
    assert [each.new for each in again] == [False, False]
    assert [each.entry for each in again] == [2, 3] and state() == before


def test_a_second_trial_is_refused_until_the_first_has_ended():
    started()
    before = state()
    with raises(TrialRunningError, "version 2 is tried in shadow", FIRST, "ledger entry 2", "`end`"):
        started(first=FIRST + 4, actor="Bob", reason="another")
    assert state() == before
    ended(FIRST + 3)
    assert started(first=FIRST + 3, reason="once more").entry == 4


def test_an_earlier_trial_is_refused_if_it_would_reach_into_a_later_one():
    started(first=FIRST + 3)
    with pytest.raises(TrialRunningError):
        started(first=FIRST, reason="earlier")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"first": AS_OF - 1}, "trained as of"),
        ({"version": "1"}, "champion of that period itself"),
    ],
)
def test_what_may_not_be_tried_is_refused(given, problem):
    before = state()
    with raises(TrialRefusedError, problem):
        started(**given)
    assert state() == before


def test_a_rejected_version_is_not_tried():
    approve.record_approval(open_project(USE_CASE), "2", approved=False, actor="Bob", reason="no")
    with raises(TrialRefusedError, "rejected by Bob"):
        started()


def test_wrong_fields_are_refused():
    before = state()
    for error, given in (
        (TrialReasonMissingError, {"reason": "  "}),
        (VersionUnknownError, {"version": "77"}),
        (NotBegunError, {"first": USE_CASE.newest_period() + 1}),
        (BeforeFirstPeriodError, {"first": Period("2019-12-31")}),
    ):
        with pytest.raises(error):
            started(**given)
    assert state() == before


def test_an_end_without_a_trial_is_refused():
    with raises(NoTrialError, "no version is tried", "`start`"):
        ended()
    started()
    with raises(NoTrialError, "version 2 is tried since"):
        ended(version="1")
    with pytest.raises(NoTrialError):
        ended(FIRST - 1)
    ended()
    with pytest.raises(NoTrialError):
        ended(LAST - 1, reason="another end")


def test_a_version_whose_files_are_lost_is_not_tried_but_its_trial_can_be_ended(lake_home):
    started()
    Registry(USE_CASE)._client.delete_model_version(USE_CASE.name, "2")
    assert ended(FIRST + 2).end == (FIRST + 2).key


def test_a_promotion_and_a_rollback_of_the_version_end_its_trial():
    started()
    promoted("2", actor="a run")  # by its training, from AS_OF on
    assert trial_of(FIRST, entries()) is None
    rollback.roll_back(open_project(USE_CASE), "1", FIRST, actor="Ann", reason="worse")
    started(first=FIRST, reason="again")
    rollback.roll_back(open_project(USE_CASE), "2", FIRST + 2, actor="Ann", reason="better after all")
    assert trial_of(FIRST + 1, entries()).version == "2" and trial_of(FIRST + 2, entries()) is None
