"""The task of <use case>__maintenance: when it applies the plan, what it reports, and where it finds logs."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.declaration.retention import Retention
from include.maintenance import apply
from include.orchestration.tasks import maintenance
from tests import toy

RESULT = apply.CleanupResult("toy", False, {}, ("one line", "another"), ())


@pytest.fixture
def asked(monkeypatch):
    """What the stage was asked for, and what stands on the asset's event."""
    found: dict = {"noted": {}}

    def run(use_case, *, apply_changes, logs):
        found.update(apply_changes=apply_changes, logs=logs)
        return found.get("result", RESULT)

    monkeypatch.setattr(apply, "maintain", run)
    monkeypatch.setattr(maintenance, "load_use_case", lambda name: found.get("use_case", toy.USE_CASE))
    monkeypatch.setattr(maintenance, "add_asset_metadata", lambda use_case, what, **extra: found["noted"].update(extra))
    return found


def execute(monkeypatch, run_type: str, apply_changes: bool) -> dict:
    context = {
        "dag_run": SimpleNamespace(run_type=run_type, triggering_user_name="ann"),
        "run_id": "r",
        "params": {"apply_changes": apply_changes},
    }
    monkeypatch.setattr(maintenance, "get_current_context", lambda: context)
    return maintenance.maintain.function("toy")


AUTOMATIC = replace(toy.USE_CASE, retention=Retention(automatic=True))


@pytest.mark.parametrize(
    ("use_case", "run_type", "form", "acts"),
    [
        (AUTOMATIC, "scheduled", False, True),
        (AUTOMATIC, "manual", False, False),
        (toy.USE_CASE, "scheduled", False, False),  # made before the declaration was changed
        (toy.USE_CASE, "manual", False, False),
        (toy.USE_CASE, "manual", True, True),
        (toy.USE_CASE, "backfill", False, False),
    ],
)
def test_the_schedule_acts_only_where_declared_and_a_person_is_asked_first(
    asked, monkeypatch, use_case, run_type, form, acts
):
    asked["use_case"] = use_case
    execute(monkeypatch, run_type, form)
    assert asked["apply_changes"] is acts


@pytest.mark.parametrize(("use_case", "armed"), [(AUTOMATIC, True), (toy.USE_CASE, False)])
def test_a_dry_run_says_whether_a_schedule_will_remove(asked, monkeypatch, caplog, use_case, armed):
    asked["use_case"] = use_case
    with caplog.at_level("INFO"):
        execute(monkeypatch, "manual", False)
    assert ("its scheduled runs remove" in caplog.text) is armed
    assert ("has no schedule" in caplog.text) is not armed


def test_the_table_is_the_tasks_result_and_is_on_the_asset(asked, monkeypatch):
    assert execute(monkeypatch, "manual", False)["lines"] == ("one line", "another")
    assert asked["noted"] == {"dry_run": True, "actor": "ann (run 'r')", "1": "one line", "2": "another"}


def test_what_could_not_be_looked_at_fails_the_task_after_the_rest_is_done(asked, monkeypatch):
    asked["result"] = apply.CleanupResult("toy", True, {}, (), (), ("a log is gone.",))
    asked["use_case"] = AUTOMATIC
    with pytest.raises(AirflowFailException, match=r"has done the rest\. a log is gone\."):
        execute(monkeypatch, "scheduled", False)


def test_logs_are_looked_for_on_s3_only_where_airflow_keeps_them_there(monkeypatch):
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", "/logs")
    monkeypatch.setenv("AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER", "s3://logs/tasks")
    monkeypatch.setenv("AIRFLOW__LOGGING__REMOTE_LOGGING", "False")
    assert maintenance.logs() == ["/logs"]
    monkeypatch.setenv("AIRFLOW__LOGGING__REMOTE_LOGGING", "True")
    assert maintenance.logs() == ["/logs", "s3://logs/tasks"]
    monkeypatch.setenv("AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER", "gs://logs/tasks")
    assert maintenance.logs() == ["/logs"]
