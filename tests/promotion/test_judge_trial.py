"""A promotion from a trial is judged by the trial, goes the ordinary way, and begins with the period that is asked."""

from dataclasses import replace

import pytest

from include.evaluation import evaluate
from include.lake.lake import Lake
from include.project import Project, open_project
from include.promotion import approval_request, approve, promote, register
from include.promotion.judge_trial import judge_trial
from include.promotion.trial_errors import NoTrialError
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry
from include.registry.trials import trial_of
from include.registry.version_summary import summarise_entry
from include.scoring import score
from include.use_case import ShadowGate
from tests import tried, versions
from tests.conftest import AS_OF
from tests.refusals import raises
from tests.toy_use_case import USE_CASE
from tests.tried import FIRST, GATED, LAST, ended, started
from tests.versions import alias, life, state

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_plots", "challenger")]


def gated(*gates: ShadowGate) -> Project:
    """The project with gates on trials; version 2 was judged by them when it was trained."""
    declared = replace(USE_CASE, gates=(*USE_CASE.gates, *(gates or GATED.gates[-1:])))
    project = open_project(declared)
    version = project.registry.version("2")
    entry = evaluate._champion(project, project.registry, version)
    untried = [versions.gate_result("passed"), versions.gate_result("inconclusive") | {"kind": "shadow"}]
    versions.judge(version.run_id, untried, judged_by=evaluate._judged_by(declared, entry))
    register.register_run(project, version.run_id)
    return project


def promoted(project: Project, period=LAST, **given) -> promote.PromoteResult:
    return promote.promote_version(project, "2", actor="Ann", reason="better in its trial", after_trial=period, **given)


def test_a_training_alone_does_not_promote_it():
    project = gated()
    result = promote.promote_version(project, "2", actor="a run")
    assert not result.promoted and life("2") == "candidate" and alias() == "1"


def test_a_version_that_passes_its_trial_is_champion_from_the_period_that_is_asked():
    project = gated()
    started(project), tried.shadow_all()
    judged = judge_trial(project, "2", LAST)
    assert (judged.gates, judged.reason) == ("passed", "")
    result = promoted(project)
    assert (result.promoted, result.effective_from, result.champion) == (True, LAST.key, "2")
    entry = Ledger.open(USE_CASE).entries()[-1]
    assert (entry.action, entry.effective_from, entry.trial) == ("promotion", LAST, {"as_of": AS_OF.key})
    assert [each["kind"] for each in entry.gate_results] == ["metric", "shadow"]
    assert Ledger.open(USE_CASE).champion_of(LAST - 1).version == "1"
    assert summarise_entry(entry, Ledger.open(USE_CASE).entries()).as_of == AS_OF


def test_its_promotion_ends_the_trial_and_leaves_what_was_tried():
    project = gated()
    started(project), tried.shadow_all()
    judge_trial(project, "2", LAST), promoted(project)
    entries = Ledger.open(USE_CASE).entries()
    assert trial_of(LAST, entries) is None and trial_of(LAST - 1, entries).version == "2"
    again = score.score_period(project, LAST - 1)
    assert (again.version, again.changed) == ("1", False)


def test_the_whole_again_after_a_kill_changes_nothing():
    project = gated()
    started(project), tried.shadow_all()
    judge_trial(project, "2", LAST), promoted(project)
    before = state()
    assert judge_trial(project, "2", LAST).gates == "passed"
    assert promoted(project).new is False and state() == before


def test_with_too_few_labelled_periods_it_is_not_promoted():
    project = gated(ShadowGate(periods=20))
    started(project), tried.shadow_all()
    judged = judge_trial(project, "2", LAST)
    assert judged.gates == "inconclusive" and "this gate needs 20" in judged.reason
    assert not promoted(project).promoted and alias() == "1"


def test_a_version_that_is_worse_fails():
    project = gated(ShadowGate(periods=5, margin=-5.0))
    started(project), tried.shadow_all()
    assert judge_trial(project, "2", LAST).gates == "failed"
    result = promoted(project)
    assert not result.promoted and life("2") == "rejected"


def test_only_what_was_known_by_the_period_is_judged():
    project = gated()
    started(project), tried.shadow_all()
    judge_trial(project, "2", FIRST + 4)
    reasons = {each["kind"]: each["reason"] for each in Registry(USE_CASE).version("2").gate_results}
    assert reasons["shadow"] == "The trial has 3 labelled days so far; this gate needs 5."


def test_a_person_is_asked_about_this_judgement_and_an_answer_is_of_it_alone():
    project = gated()
    started(project), tried.shadow_all()
    judge_trial(project, "2", LAST - 1)
    before = approve.approval_question(project, "2")
    approve.record_approval(project, "2", approved=True, actor="Bob", reason="yes")
    judge_trial(project, "2", LAST)
    assert approve.approval_question(project, "2") != before
    assert approve.approval_decision(project, "2") is None
    assert "waits for a person" in promoted(project, approval_required=True).reason
    question = approval_request.build_approval_request(project, "2").question
    assert question is not None and f"it is the champion from {LAST} " in question
    approve.record_approval(project, "2", approved=True, actor="Bob", reason="yes, still")
    assert promoted(project, approval_required=True).promoted


def test_a_rejection_in_its_trial_ends_it():
    project = gated()
    started(project), tried.shadow_all()
    judge_trial(project, "2", LAST)
    approve.record_approval(project, "2", approved=False, actor="Bob", reason="no")
    assert not promoted(project).promoted
    assert trial_of(LAST + 1, Ledger.open(USE_CASE).entries()) is None


def test_a_trial_that_was_ended_meanwhile_promotes_nothing():
    project = gated()
    started(project), tried.shadow_all()
    judge_trial(project, "2", LAST)
    ended(LAST)
    result = promoted(project)
    assert not result.promoted and "does not reach 2020-03-10" in result.reason


def test_a_training_that_runs_again_neither_forgets_nor_uses_the_judgement_elsewhere():
    project = gated()
    started(project), tried.shadow_all()
    judge_trial(project, "2", LAST)
    run_id = Registry(USE_CASE).version("2").run_id
    assert evaluate.evaluate_run(project, run_id).new is False
    register.register_run(project, run_id)
    result = promote.promote_version(project, "2", actor="the training, cleared")
    assert (result.promoted, result.effective_from) == (True, LAST.key)


def test_a_use_case_without_a_gate_on_trials_promotes_by_its_other_gates():
    project = open_project(USE_CASE)
    started(project), tried.shadow_all()
    assert judge_trial(project, "2", LAST).gates == "passed"
    assert promoted(project).effective_from == LAST.key


def test_a_version_that_is_not_tried_is_not_judged():
    with raises(NoTrialError, "no version is tried"):
        judge_trial(open_project(USE_CASE), "2", LAST)
    started(first=FIRST + 2)
    for version, period in (("1", LAST), ("2", FIRST)):
        with pytest.raises(NoTrialError):
            judge_trial(open_project(USE_CASE), version, period)


def test_judging_writes_the_results_of_the_version_into_the_lake():
    project = gated()
    started(project), tried.shadow_all()
    judge_trial(project, "2", LAST)
    rows = Lake.open(USE_CASE).as_of(AS_OF).read("gate_results", since=AS_OF).to_pylist()
    assert {row["outcome"] for row in rows if (row["model_version"], row["kind"]) == ("2", "shadow")} == {"passed"}
