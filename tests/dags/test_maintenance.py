"""The task of <use case>__maintenance: when it applies the plan, what it reports, and where it finds logs."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from include.declaration.retention import Retention
from include.maintenance import apply
from include.orchestration.tasks import maintenance
from tests import toy
from tests.refusals import fails_task

RESULT = apply.CleanupResult("toy", False, {}, ("one line", "another"), ())


@pytest.fixture
def asked(monkeypatch, declare):
    """What the stage was asked for; `result` is what it returns."""
    found: dict = {}

    def run(use_case, *, apply_changes, logs):
        found.update(apply_changes=apply_changes, logs=logs)
        return found.get("result", RESULT)

    monkeypatch.setattr(apply, "maintain", run)
    declare(toy.USE_CASE)
    return found


@pytest.fixture
def execute(asked, run_as_task):
    """Runs the task; `execute.events` are the events of assets that it leaves."""

    def run(run_type: str, apply_changes: bool) -> dict:
        context = {
            "dag_run": SimpleNamespace(run_type=run_type, triggering_user_name="ann"),
            "run_id": "r",
            "params": {"apply_changes": apply_changes},
        }
        run.events = run_as_task(context)
        return maintenance.maintain.function("toy")

    return run


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
    asked, execute, declare, use_case, run_type, form, acts
):
    declare(use_case)
    execute(run_type, form)
    assert asked["apply_changes"] is acts


@pytest.mark.parametrize(("use_case", "armed"), [(AUTOMATIC, True), (toy.USE_CASE, False)])
def test_a_dry_run_says_whether_a_schedule_will_remove(execute, declare, caplog, use_case, armed):
    declare(use_case)
    with caplog.at_level("INFO"):
        execute("manual", False)
    assert ("its scheduled runs remove" in caplog.text) is armed
    assert ("has no schedule" in caplog.text) is not armed


def test_the_table_is_the_tasks_result_and_is_on_the_asset(execute):
    assert execute("manual", False)["lines"] == ("one line", "another")
    assert execute.events.extra("toy/maintenance") == {
        "dry_run": True,
        "actor": "ann (run 'r')",
        "1": "one line",
        "2": "another",
    }


def test_what_could_not_be_looked_at_fails_the_task_after_the_rest_is_done(asked, execute, declare):
    asked["result"] = apply.CleanupResult("toy", True, {}, (), (), ("a log is gone.",))
    declare(AUTOMATIC)
    with fails_task(apply.PlanIncompleteError, applied=True, problems=("a log is gone.",)):
        execute("scheduled", False)


def test_logs_are_looked_for_on_s3_only_where_airflow_keeps_them_there(configure):
    configure.airflow(
        "logging", base_log_folder="/logs", remote_base_log_folder="s3://logs/tasks", remote_logging="False"
    )
    assert maintenance.logs() == ["/logs"]
    configure.airflow("logging", remote_logging="True")
    assert maintenance.logs() == ["/logs", "s3://logs/tasks"]
    configure.airflow("logging", remote_base_log_folder="gs://logs/tasks")
    assert maintenance.logs() == ["/logs"]
