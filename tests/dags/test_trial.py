"""The tasks of <use case>__trial do what their form says, and skip the rest with the reason."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from include.orchestration.failures import TaskFailedError
from include.orchestration.tasks import score as score_tasks
from include.orchestration.tasks import trial as tasks
from include.promotion.trial_errors import TrialRunningError
from include.registry.ledger import Ledger
from include.registry.trials import open_trial, trial_of
from tests import tried
from tests.toy_use_case import USE_CASE
from tests.tried import FIRST, LAST

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_plots")]
NOW = datetime(2020, 3, 10, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _configured(challenger, configure):
    configure(use_case_packages="tests.use_cases")


@pytest.fixture
def run(run_as_task):
    """Run a task as Ann, with the fields of the form."""

    def running(task: Any, *given: Any, **form: Any) -> Any:
        given_form = {"version": "2", "effective_from": None, "share": 0, "reason": "Tried."}
        params = given_form | {"promotion": "automatic"} | form
        dag_run = SimpleNamespace(
            run_id="manual__1", run_type="manual", run_after=NOW, triggering_user_name="Ann", conf=params,
            partition_key=None,
        )  # fmt: skip
        ti = SimpleNamespace(dag_id="toy__trial", task_id="t", xcom_push=lambda *_: None)
        events = run_as_task({"params": params, "dag_run": dag_run, "run_id": "manual__1", "ti": ti, "task": None})
        return task.function(USE_CASE.name, *given), events

    return running


def entries():
    return Ledger.open(USE_CASE).entries()


def test_a_start_and_an_end_by_the_form(run):
    result, events = run(tasks.change_trial, action="start", effective_from=FIRST.key)
    assert (result["first"], result["new"]) == (FIRST.key, True) and events == {}
    assert open_trial(entries()).first == FIRST and "Ann" in entries()[-1].actor
    run(tasks.change_trial, action="end", effective_from=LAST.key)
    assert trial_of(LAST, entries()) is None


def test_an_empty_period_is_the_newest_that_had_begun_when_the_run_was_triggered(run):
    result, _ = run(tasks.change_trial, action="start")
    assert result["first"] == "2020-03-10"


def test_a_refused_start_fails_the_task_once_with_its_message(run):
    run(tasks.change_trial, action="start", effective_from=FIRST.key)
    with pytest.raises(TaskFailedError) as failed:
        run(tasks.change_trial, action="start", effective_from=FIRST.key, reason="Another one.")
    assert isinstance(failed.value.error, TrialRunningError)


def test_each_task_skips_what_the_form_does_not_ask_for(run):
    for task, given, action in (
        (tasks.change_trial, (), "promote"),
        (tasks.judge, (), "start"),
        (tasks.promote, (None,), "start"),
    ):
        with pytest.raises(AirflowSkipException):
            run(task, *given, action=action)
    assert len(entries()) == 1


def test_a_judged_version_is_promoted_and_its_asset_has_an_event(run):
    run(tasks.change_trial, action="start", effective_from=FIRST.key)
    tried.shadow_all()
    version, _ = run(tasks.judge, action="promote")
    assert version == "2"
    result, events = run(tasks.promote, version, action="promote")
    assert (result["promoted"], result["effective_from"]) == (True, LAST.key)
    assert events.extra("toy_model" if "toy_model" in events else next(iter(events)))["version"] == "2"


def test_without_the_approval_that_the_form_requires_it_is_not_promoted(run):
    run(tasks.change_trial, action="start", effective_from=FIRST.key)
    tried.shadow_all()
    version, _ = run(tasks.judge, action="promote")
    with pytest.raises(AirflowSkipException, match="waits for a person"):
        run(tasks.promote, version, action="promote", promotion="approval")
    assert entries()[-1].action == "trial"


def test_scoring_in_shadow_is_skipped_without_a_trial_and_fails_alone(run):
    def score_shadow(**form: Any) -> Any:
        return run(score_tasks.score_shadow, **{"period": FIRST.key} | form)[0]

    with pytest.raises(AirflowSkipException, match="No version is tried in 2020-03-02"):
        score_shadow()
    run(tasks.change_trial, action="start", effective_from=FIRST.key)
    assert score_shadow()["version"] == "2"
