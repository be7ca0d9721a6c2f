"""Approval, rejection, rollback and reproduction in the real scheduler, triggered over REST."""

from __future__ import annotations

from typing import Any

import pytest

from include.declaration.period import Period, period_range
from include.features import build
from include.lake.lake import Lake
from include.local.airflow_client import AirflowClient, DagRun
from include.project import open_project
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry
from tests.end_to_end.conftest import ended, succeeded, task_state, until, wait_for_task
from tests.end_to_end.use_cases.quick_flights import USE_CASE
from tests.local.conftest import Shell

pytestmark = [pytest.mark.slow, pytest.mark.security]

FIRST, AS_OF = Period("2013-01-01"), Period("2013-01-14")
TASKS = ("prepare", "tune", "train", "evaluate", "register", "request_approval", "approve", "promote")
TRAIN, SCORE, ROLLBACK, REPRODUCE = (f"{USE_CASE.name}__{kind}" for kind in ("train", "score", "rollback", "reproduce"))


@pytest.fixture(scope="module")
def api(shell: Shell, airflow: AirflowClient) -> AirflowClient:
    """An instance whose lake was filled by the stages themselves: what the data DAG does is tested elsewhere."""
    for period in period_range(FIRST, AS_OF + 1):
        build.build_features(open_project(USE_CASE), period)
    dags = (TRAIN, SCORE, ROLLBACK, REPRODUCE)
    until(lambda: all(map(airflow.has_dag, dags)), "the DAGs")
    for dag_id in (TRAIN, ROLLBACK, REPRODUCE):
        airflow.unpause(dag_id)
    return airflow


def asked(api: AirflowClient, rate: float) -> DagRun:
    """A training whose model waits for a person; another rate makes other trees."""
    conf = {
        "period": str(AS_OF),
        "parameters": {"learning_rate": rate},
        "promotion": "approval",
        "reason": "end to end",
    }
    run = api.trigger(TRAIN, conf=conf)
    wait_for_task(api, TRAIN, run, "approve", "awaiting_input")
    return run


def question(run: DagRun) -> str:
    return f"/dags/{TRAIN}/dagRuns/{run.run_id}/taskInstances/approve/-1/hitlDetails"


def answer(api: AirflowClient, run: DagRun, chosen: str, reason: str) -> None:
    """Answer once, as a person does: what the question asks for is in its `params`."""
    asked = api.call("GET", question(run))["params"]
    given = {"answer_reason": reason, "question": asked["question"]["value"]}
    api.call("PATCH", question(run), json={"chosen_options": [chosen], "params_input": given})
    wait_for_task(api, TRAIN, run, "approve", "success", "skipped", "failed")


def clear(api: AirflowClient, run: DagRun, *tasks: str) -> None:
    body = {"dry_run": False, "dag_run_id": run.run_id, "task_ids": list(tasks), "only_failed": False}
    api.call("POST", f"/dags/{TRAIN}/clearTaskInstances", json=body)


def version_of(api: AirflowClient, run: DagRun) -> str:
    return str(api.xcom(TRAIN, run.run_id, "register"))


def life(version: str) -> str:
    return Registry(USE_CASE).version(version).tags["status"]


def ledger() -> list[tuple[str, str]]:
    return [(entry.action, entry.version) for entry in Ledger.open(USE_CASE).entries()]


@pytest.fixture(scope="module")
def approved(api: AirflowClient) -> tuple[DagRun, dict[str, Any]]:
    """A model that a person approved, and the question as it was asked."""
    run = asked(api, 0.05)
    stored = api.call("GET", question(run))
    assert ledger() == []
    answer(api, run, "Approve", "looks right")
    succeeded(api, TRAIN, run)
    return run, stored


def test_the_question_shows_metrics_and_gate_results(api, approved):
    run, stored = approved
    assert stored["subject"] == f"{USE_CASE.name}: promote version {version_of(api, run)}?"
    for shown in ("log_loss", "logistic", "log_loss at most 5", "passed", USE_CASE.notice):
        assert shown in stored["body"]


def test_an_approved_model_is_champion_and_the_ledger_names_its_approver(api, approved):
    run, _ = approved
    approval, entry = Ledger.open(USE_CASE).entries()[:2]
    assert (approval.action, approval.version) == ("approval", entry.version)
    assert "admin" in approval.actor and approval.reason == "looks right"
    assert (entry.version, life(entry.version)) == (version_of(api, run), "champion")
    assert "admin" in entry.actor and "looks right" in entry.reason


def test_an_answer_starts_without_a_reason_although_the_training_has_one(approved):
    _, stored = approved
    assert stored["params"]["answer_reason"]["value"] == ""


def test_a_rejected_model_is_never_promoted_whatever_is_cleared(api, approved):
    run = asked(api, 0.06)
    assert "champion, version 1" in api.call("GET", question(run))["body"]
    answer(api, run, "Reject", "not today")
    succeeded(api, TRAIN, run)
    version, before = version_of(api, run), ledger()
    assert before[-1] == ("rejection", version)
    assert (life(version), task_state(api, TRAIN, run, "promote")) == ("rejected", "skipped")

    for again in (("request_approval", "approve", "promote"), ("approve", "promote"), ("promote",), TASKS):
        clear(api, run, *again)
        succeeded(api, TRAIN, run)
        states = {task: task_state(api, TRAIN, run, task) for task in ("approve", "promote")}
        # No one is asked twice; and Airflow remembers that the question had `promote` skipped.
        assert (states["approve"] in ("skipped", "success"), states["promote"]) == (True, "skipped")
        assert (life(version), ledger()) == ("rejected", before)

    events = f"/assets/events?source_dag_id={TRAIN}&limit=100"
    events_before = api.call("GET", events)["total_entries"]
    other = api.trigger(
        TRAIN, conf={"period": str(AS_OF), "parameters": {"learning_rate": 0.06}, "promotion": "automatic"}
    )
    succeeded(api, TRAIN, other)
    promotion = api.xcom(TRAIN, other.run_id, "promote")
    assert (promotion["promoted"], version_of(api, other), ledger()) == (False, version, before)
    assert "not today" in promotion["reason"]
    assert task_state(api, TRAIN, other, "promote") == "skipped"
    assert api.call("GET", events)["total_entries"] == events_before, "what was not promoted is no event"


def test_no_answer_in_time_rejects(api, approved):
    run, before = asked(api, 0.07), ledger()
    succeeded(api, TRAIN, run)
    version = Registry(USE_CASE).version(version_of(api, run))
    rejected = [*before, ("rejection", version.number)]
    assert (version.tags["status"], ledger()) == ("rejected", rejected)
    assert "no user (no answer in time)" in version.tags["approval"]
    clear(api, run, "promote")  # Airflow remembers that it was skipped, and the version that it was rejected
    succeeded(api, TRAIN, run)
    assert (task_state(api, TRAIN, run, "promote"), ledger()) == ("skipped", rejected)


@pytest.fixture(scope="module")
def rolled_back(api: AirflowClient, approved: tuple[DagRun, dict[str, Any]]) -> str:
    """A second champion by the gates alone, and back to the first."""
    run = api.trigger(TRAIN, conf={"period": str(AS_OF), "parameters": {"learning_rate": 0.08}})
    succeeded(api, TRAIN, run)
    second = version_of(api, run)
    assert Ledger.open(USE_CASE).champion_of(AS_OF).version == second
    conf = {"version": "1", "effective_from": str(AS_OF), "reason": "the second is too slow"}
    succeeded(api, ROLLBACK, api.trigger(ROLLBACK, conf=conf))
    return second


def test_after_a_rollback_the_next_scoring_uses_the_older_version(api, rolled_back):
    api.unpause(SCORE)
    succeeded(api, SCORE, api.trigger(SCORE, conf={"period": str(AS_OF)}))
    rows = Lake.open(USE_CASE).as_of(AS_OF).read("predictions", AS_OF)
    assert set(rows["model_version"].to_pylist()) == {"1"}
    assert (life("1"), life(rolled_back)) == ("champion", "archived")


def test_a_rollback_to_a_version_that_never_flew_is_refused_with_the_list(api, rolled_back):
    conf = {"version": "77", "effective_from": str(AS_OF), "reason": "a slip of the finger"}
    before, run = ledger(), api.trigger(ROLLBACK, conf=conf)
    assert ended(api, ROLLBACK, run).state == "failed"
    said = api.failures(ROLLBACK, run.run_id)[0]
    assert "'77'" in said and "1" in said and rolled_back in said
    assert ledger() == before


def test_a_version_is_rebuilt_tree_by_tree_from_its_registry_entry(api, rolled_back):
    run = api.trigger(REPRODUCE, conf={"version": "1"})
    succeeded(api, REPRODUCE, run)
    assert api.xcom(REPRODUCE, run.run_id, "reproduce")["outcome"] == "equal"
    assert Registry(USE_CASE).version("1").tags["reproduced"] == "equal"


def test_the_command_line_prints_the_ledger_verified_and_the_lineage_of_a_row(api, shell, rolled_back):
    printed = shell.run("ledger", USE_CASE.name)
    assert printed.returncode == 0, printed.stderr
    assert "rollback" in printed.stdout and "6 entries" in printed.stdout
    row = Lake.open(USE_CASE).as_of(AS_OF).read("predictions", AS_OF).slice(0, 1).to_pylist()[0]
    keys = [f"{key}={row[key]}" for key in USE_CASE.keys]
    printed = shell.run("lineage", USE_CASE.name, str(AS_OF), *keys)
    assert printed.returncode == 0, printed.stderr
    for part in ("version 1", "checked/schedule", "tests"):
        assert part in printed.stdout
