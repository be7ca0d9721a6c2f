"""Alerts sent by Airflow's notifiers to a real mail server and a real webhook on loopback."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowSkipException

from include.declaration.period import Period
from include.errors import NoChampionError
from include.lake import schemas
from include.lake.lake import Lake
from include.monitoring import step_cost
from include.monitoring.durations import CPU_SECONDS, StepCost, StepName
from include.monitoring.monitor import MonitorResult
from include.monitoring.slowdown import CostFigure
from include.notifications.queue import NotificationQueue
from include.orchestration import approval_operator, callbacks, dag_factory
from include.orchestration.deadline_reference import ScheduledRunQueuedAt
from include.orchestration.failures import TaskFailedError, fail_task
from include.orchestration.tasks import train
from include.pipelines.monitor import MeasureStepResult
from include.project import open_project
from include.promotion import approve, promote, rollback
from tests import receivers, toy
from tests.versions import register

DAY = Period("2020-01-05")
BEFORE = DAY - 1
DECLARED = replace(toy.USE_CASE, alerts=replace(toy.USE_CASE.alerts, email_to=("night@example.org",)))


@pytest.fixture
def known(lake_home, configure, declare, run_as_task):
    """The toy use case, with somebody to tell, in a running task."""
    configure.connections(airworthy_smtp=None, airworthy_webhook=None)
    declare(DECLARED)
    run_as_task(context("monitor", "measure"))


@pytest.fixture
def mailbox(known, configure):
    with receivers.mail_server() as (box, port):
        configure.connections(airworthy_smtp=receivers.smtp_connection(port))
        yield box


@pytest.fixture
def hook(known, configure):
    with receivers.webhook() as (found, port):
        configure.connections(airworthy_webhook=receivers.webhook_connection(port))
        yield found


def context(
    kind: str, task: str, error: object = None, run_id: str = "scheduled__1", tries: int = 4, **params: str
) -> dict:
    ti = SimpleNamespace(
        dag_id=f"toy__{kind}", task_id=task, map_index=-1, try_number=tries, log_url="http://airflow/log?try_number=4"
    )
    run = SimpleNamespace(
        run_id=run_id, partition_key=None if params else str(DAY), run_type="scheduled", triggering_user_name=None
    )
    return {"ti": ti, "dag_run": run, "params": params or {"period": None}, "exception": error}


def row(metric: str, subject: str, value: float, *, breached: bool | None = True, **more: object) -> dict:
    return {"metric": metric, "subject": subject, "value": value, "limit": 0.2, "breached": breached, **more}


def measured(period: Period, *rows: dict) -> None:
    known = dict.fromkeys(schemas.METRICS.names) | {
        "model_version": "1",
        "measured_period": period.start_date,
        "periods": 1,
        "missing_reason": "",
    }
    table = pa.Table.from_pylist([known | each for each in rows], schema=schemas.METRICS)
    Lake.open(toy.USE_CASE).replace("metrics", period, table, inputs={}, stage="measure")


def test_a_failed_task_is_one_mail_and_one_call(mailbox, hook):
    for _ in range(2):  # the scheduler and the worker may both tell of the same try
        callbacks.notify_failed(context("score", "score", ValueError("no such column")))
    assert mailbox.subjects == ["[airworthy] toy 2020-01-05: score: score failed"]
    assert mailbox.mails[0]["To"] == "night@example.org"
    assert "ValueError: no such column" in mailbox.html()
    assert "http://airflow/log" in mailbox.html()
    (body,) = hook.received
    assert (body["event"], body["use_case"], body["period"]) == ("failure", "toy", "2020-01-05")
    assert body["details"]["error"] == "ValueError: no such column"
    assert body["links"]["log"] == "http://airflow/log?try_number=4"
    assert body["links"]["run"].endswith("/dags/toy__score/runs/scheduled__1")


def test_a_task_that_was_mended_cleared_and_fails_again_is_reported_again(hook):
    for tries in (4, 8):
        callbacks.notify_failed(context("score", "score", ValueError(f"try {tries}"), tries=tries))
    assert [body["details"]["error"] for body in hook.received] == ["ValueError: try 4", "ValueError: try 8"]


def test_the_failed_parts_of_a_mapped_task_are_one_alert(hook):
    for part in (3, 0, 7):
        failed = context("score", "score_shard", ValueError(f"part {part}"))
        failed["ti"].map_index = part
        callbacks.notify_failed(failed)
    (body,) = hook.received
    assert (body["details"]["task"], body["details"]["error"]) == ("score_shard[3]", "ValueError: part 3")


def test_runs_and_tasks_whose_names_look_alike_are_reported_each(hook):
    long = "manual__" + "x" * 250
    for run_id, task in (("a:b", "t"), ("a b", "t"), ("a/b", "t"), (long, "train"), (long, "evaluate")):
        callbacks.notify_failed(context("train", task, run_id=run_id))
    assert len({body["key"] for body in hook.received}) == 5


def test_the_keys_for_programs_are_always_the_same(hook):
    callbacks.notify_failed(context("score", "score"))
    assert set(hook.received[0]) == {"event", "key", "use_case", "period", "subject", "text", "links", "details"}


def test_what_is_not_tried_again_keeps_the_name_of_what_it_was(hook):
    try:
        fail_task(NoChampionError("toy", DAY, None))
    except TaskFailedError as error:
        callbacks.notify_failed(context("score", "score", error))
    assert hook.received[0]["details"]["error"].startswith(
        "NoChampionError: toy: no champion is effective on 2020-01-05"
    )


def test_a_task_whose_process_was_lost_is_reported_too(hook):
    callbacks.notify_failed(context("train", "train", None, period="2020-02-03"))
    assert "killed, or ran out of memory" in hook.received[0]["text"]
    assert hook.received[0]["period"] == "2020-02-03"


def test_what_an_error_says_is_neither_markup_nor_template_nor_secret(mailbox, hook):
    callbacks.notify_failed(
        context("data", "ingest", OSError("<b>{{ 6 * 7 }}</b> at postgresql://reader:hunter2@db/x\nSubject: evil"))
    )
    assert "&lt;b&gt;{{ 6 * 7 }}&lt;/b&gt;" in mailbox.html()
    for sent in (mailbox.html(), json.dumps(hook.received)):
        assert "hunter2" not in sent
        assert "postgresql://***@db/x" in sent


def test_without_connections_nothing_is_sent_and_the_log_says_so_in_a_line(known, caplog):
    caplog.set_level(logging.INFO)
    callbacks.notify_failed(context("score", "score", ValueError("x")))
    levels = [record.levelname for record in caplog.records if "callbacks" in record.name or "notify" in record.name]
    assert levels == ["INFO"]
    assert "no Connection for alerts exists" in caplog.text
    assert not NotificationQueue.open(open_project(toy.USE_CASE)).folder.exists()


def test_without_an_address_no_mail_is_tried(mailbox, declare):
    declare(toy.USE_CASE)
    callbacks.notify_failed(context("score", "score"))
    assert mailbox.mails == []


def test_a_receiver_that_is_down_fails_no_task_and_gets_it_later_once(hook, caplog):
    hook.status = 503
    callbacks.notify_failed(context("score", "score", ValueError("first")))
    assert "could not be sent by webhook" in caplog.text
    assert [record.levelname for record in caplog.records if "could not be sent" in record.message] == ["ERROR"]
    hook.status, hook.received = 200, []
    measured(DAY, row("rows", "features", 3.0, breached=None))
    callbacks.notify_breaches(open_project(DECLARED), DAY)  # nothing broke: but it is the next chance
    callbacks.notify_breaches(open_project(DECLARED), DAY)
    assert [body["details"]["error"] for body in hook.received] == ["ValueError: first"]


@pytest.mark.both_places
def test_a_letter_that_is_always_refused_holds_up_no_other(mailbox, hook):
    hook.refuses = lambda body: body["details"]["run"] == "poison"
    mailbox.refuses = "poison"
    callbacks.notify_failed(context("score", "score", run_id="old"))
    box = NotificationQueue.open(open_project(toy.USE_CASE))
    for name in box.folder.names():
        if name.endswith(".done"):
            (box.folder / name).remove()  # as if no one had answered
    hook.received.clear(), mailbox.mails.clear()
    callbacks.notify_failed(context("score", "score", ValueError("poison"), run_id="poison"))
    assert [body["details"]["run"] for body in hook.received] == ["poison", "old"]
    assert len(mailbox.mails) == 1
    (left,) = box.waiting()
    assert left.message.details["run"] == "poison"


def test_an_error_that_no_encoding_has_is_reported_all_the_same(mailbox, hook):
    callbacks.notify_failed(context("score", "score", ValueError("a name like \udcff")))
    assert len(mailbox.mails) == len(hook.received) == 1
    assert "a name like ?" in mailbox.html()


def test_where_airflow_cannot_say_which_connections_there_are_nothing_is_lost(hook, monkeypatch, caplog):
    def broken(name: str) -> None:
        raise RuntimeError("the API server is being restarted")

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.BaseHook, "get_connection", broken)
        callbacks.notify_failed(context("score", "score", ValueError("sent late")))
    assert "the API server is being restarted" in caplog.text
    assert hook.received == []
    callbacks.notify_breaches(open_project(DECLARED), DAY)
    assert [body["details"]["error"] for body in hook.received] == ["ValueError: sent late"]


@pytest.mark.both_places
def test_a_letter_of_another_version_of_this_program_stops_no_alert(hook, caplog):
    callbacks.notify_failed(context("score", "score"))
    folder = NotificationQueue.open(open_project(toy.USE_CASE)).folder
    (written,) = (folder / name for name in folder.names() if name.endswith(".json"))
    other = json.loads(written.read())
    other["message"] |= {"key": "other", "urgency": "new"}
    (folder / "other.json").write(json.dumps(other).encode())
    (folder / "torn.json").write(b"{")
    (folder / "undated.json").write(written.read().replace(b"+00:00", b"?"))
    callbacks.notify_failed(context("score", "score", run_id="next"))
    assert [body["details"]["run"] for body in hook.received] == ["scheduled__1", "next"]
    for name in ("other.json", "torn.json", "undated.json"):
        assert name in caplog.text


def test_one_dead_receiver_does_not_keep_the_other_from_hearing(mailbox, hook):
    hook.status = 503
    callbacks.notify_failed(context("score", "score"))
    callbacks.notify_failed(context("score", "score"))
    assert len(mailbox.mails) == 1
    assert len(hook.received) == 2  # tried again, with the next alert


@pytest.mark.parametrize("status", [401, 404, 429, 503])
def test_a_dead_receiver_is_asked_once_per_alert_however_much_waits(hook, status):
    hook.status = status
    for number in range(4):
        callbacks.notify_failed(context("score", "score", run_id=f"run {number}"))
    assert len(hook.received) == 4
    assert [body["details"]["run"] for body in hook.received] == [f"run {number}" for number in range(4)]
    hook.status, hook.received = 200, []
    callbacks.notify_failed(context("score", "score", run_id="run 4"))
    assert [body["details"]["run"] for body in hook.received] == [f"run {number}" for number in (4, 3, 2, 1, 0)]


def test_after_a_week_an_alert_is_given_up_with_an_error(hook, set_limits, caplog):
    hook.status = 500
    callbacks.notify_failed(context("score", "score"))
    hook.status, hook.received = 200, []
    set_limits(notifications_kept_for=timedelta(seconds=-1))
    callbacks.notify_failed(context("score", "score"))
    assert "is not retried any more" in caplog.text
    assert hook.received == []
    assert NotificationQueue.open(open_project(toy.USE_CASE)).waiting() == []


def test_a_letter_that_another_process_is_sending_is_left_to_it_and_holds_up_no_other(hook):
    hook.status = 500
    callbacks.notify_failed(context("score", "score"))
    hook.status, hook.received = 200, []
    box = NotificationQueue.open(open_project(toy.USE_CASE))
    (queued,) = box.waiting()
    with box.hold(queued.message.key) as mine:
        assert mine
        newest = replace(queued, written_at="9999-01-01T00:00:00+00:00")  # looked at before the new one
        (box.folder / f"{queued.message.key}.json").path.write_bytes(newest.content())  # the same file, which is locked
        callbacks.notify_failed(context("score", "score", run_id="another"))
    assert [body["details"]["run"] for body in hook.received] == ["another"]
    callbacks.notify_failed(context("score", "score"))
    assert [body["details"]["run"] for body in hook.received] == ["another", "scheduled__1"]


def test_a_damaged_outbox_fails_no_task(hook, lake_home, caplog):
    folder = NotificationQueue.open(open_project(toy.USE_CASE)).folder
    folder.write(b"a file where a folder should be")
    callbacks.notify_failed(context("score", "score"))
    assert "it was not sent" in caplog.text


def test_a_day_is_reported_once_with_what_it_broke_first(mailbox, hook):
    measured(BEFORE, row("weighted_drift", "features", 0.3))
    measured(
        DAY,
        row("weighted_drift", "features", 0.31),
        row("psi", "x", 4.0),
        row("degradation/log_loss", "model", 0.03, lower=0.021, upper=0.04, periods=14),
        row("null_share", "x", 0.0, breached=False),
    )
    for _ in range(2):
        callbacks.notify_breaches(open_project(DECLARED), DAY)
    (body,) = hook.received
    assert [(each["metric"], each["subject"]) for each in body["details"]["breaches"]] == [
        ("degradation/log_loss", "model"),
        ("psi", "x"),
    ]
    assert body["details"]["lasting"] == 1
    said = "In 14 days log loss is 0.03 worse than in the test periods, lower bound 0.021 (limit 0.2)."
    assert f"{said} The newest of these days is 2020-01-05." in body["text"]
    assert "toy__retrain" in body["text"]
    assert mailbox.subjects == [
        "[airworthy] toy 2020-01-05: over the limit: log loss against the test periods, PSI of x"
    ]


def test_the_measured_day_before_may_lie_further_back(hook):
    measured(DAY - 4, row("weighted_drift", "features", 0.3))
    measured(DAY, row("weighted_drift", "features", 0.3))
    callbacks.notify_breaches(open_project(DECLARED), DAY)
    assert hook.received == []


def test_a_day_that_was_measured_again_is_reported_where_it_broke_more(hook):
    measured(DAY, row("weighted_drift", "features", 0.3))
    callbacks.notify_breaches(open_project(DECLARED), DAY)
    measured(
        DAY, row("weighted_drift", "features", 0.3), row("degradation/log_loss", "model", 0.3), row("psi", "x", 4.0)
    )
    for _ in range(2):
        callbacks.notify_breaches(open_project(DECLARED), DAY)
    measured(DAY, row("weighted_drift", "features", 0.3), row("psi", "kind", 4.0))
    callbacks.notify_breaches(open_project(DECLARED), DAY)
    metrics = [[each["metric"] for each in body["details"]["breaches"]] for body in hook.received]
    assert metrics == [["weighted_drift"], ["degradation/log_loss", "psi"]]


def test_the_day_that_a_late_scoring_lets_judge_again_is_reported_too(hook):
    later = DAY + toy.USE_CASE.label.label_delay_periods
    measured(DAY, row("rows", "features", 3.0, breached=None))
    measured(later, row("degradation/log_loss", "model", 0.3))
    first, again = (MonitorResult(period.key, "1", 0, (), (), changed=True) for period in (DAY, later))
    callbacks.notify_measured(open_project(DECLARED), MeasureStepResult(first, None))
    assert hook.received == []
    callbacks.notify_measured(open_project(DECLARED), MeasureStepResult(first, again))
    assert [(body["event"], body["period"]) for body in hook.received] == [("breach", str(later))]


def test_single_features_alert_no_one(hook):
    measured(DAY, row("psi", "x", 4.0))
    callbacks.notify_breaches(open_project(DECLARED), DAY)
    assert hook.received == []


def test_a_breach_that_comes_back_is_reported_again(hook):
    measured(BEFORE - 1, row("weighted_drift", "features", 0.3))
    measured(BEFORE, row("weighted_drift", "features", 0.1, breached=False))
    measured(DAY, row("weighted_drift", "features", 0.3))
    for period in (BEFORE - 1, BEFORE, DAY):
        callbacks.notify_breaches(open_project(DECLARED), period)
    assert [body["period"] for body in hook.received] == [str(BEFORE - 1), str(DAY)]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://mlflow.example.org/?token=hunter2", "https://mlflow.example.org/#/models/toy/versions/1"),
        ("postgresql://db/mlflow?password=hunter2", None),
    ],
)
def test_the_address_of_mlflow_is_reported_without_its_credentials(champion, mailbox, hook, configure, address, shown):
    again = promote.promote_version(open_project(toy.USE_CASE), champion, actor="a cleared task")
    back = rollback.roll_back(
        open_project(toy.USE_CASE), champion, Period("2020-03-05"), actor="ada", reason="too many misses"
    )
    configure(mlflow=address)
    callbacks.notify_promoted(open_project(DECLARED), again)
    callbacks.notify_rejected(open_project(DECLARED), "7", "no")
    callbacks.notify_rolled_back(open_project(DECLARED), back)
    assert [body["links"].get("version", "")[-1:] for body in hook.received] == (["1", "7", "1"] if shown else [""] * 3)
    assert hook.received[0]["links"].get("version") == shown
    assert "hunter2" not in json.dumps(hook.received) + mailbox.html()


def test_a_promotion_is_reported_although_its_card_cannot_be_written(champion, hook, declare, run_as_task):
    registry = open_project(DECLARED).registry
    artifacts = registry.get_run(registry.version(champion).run_id).info.artifact_uri.removeprefix("file://")
    (Path(artifacts) / "model_card").write_text("a file where a folder should be")
    declare(DECLARED)
    running = context("train", "promote") | {"run_id": "r"}
    running["params"]["promotion"] = ""
    run_as_task(running)
    with pytest.raises(OSError, match="model_card"):
        train.promote.function("toy", champion)
    assert [body["event"] for body in hook.received] == ["promotion"]


def test_the_event_of_a_promoted_model_links_only_to_what_may_be_shown(champion, declare, run_as_task):
    declare(toy.USE_CASE)
    running = context("train", "promote") | {"run_id": "r"}
    running["params"]["promotion"] = ""
    events = run_as_task(running)
    train.promote.function("toy", champion)
    noted = events.extra("toy/model")
    assert noted["version"] == champion
    assert "mlflow" not in noted  # the tests' registry is a file, which no browser opens


def try_again(version: str, *, approved: bool) -> None:
    """Run the task `approve` of a version on which Ada has decided."""
    approve.record_approval(open_project(DECLARED), version, approved=approved, actor="ada", reason="it is risky")
    running = context("train", "approve")
    running["ti"].xcom_pull = lambda task_ids: version
    with pytest.raises(AirflowSkipException):
        approval_operator.PromotionApproval(task_id="approve", use_case=DECLARED).execute(running)


def test_a_rejection_whose_task_was_killed_is_reported_by_the_next_try(trained_toy, hook, declare):
    declare(DECLARED)
    version = register(trained_toy)
    try_again(version, approved=False)
    (body,) = hook.received
    assert (body["event"], body["details"]["version"]) == ("rejection", version)
    assert "Rejected by ada: it is risky" in body["text"]


def test_an_approval_is_no_rejection(trained_toy, hook, declare):
    declare(DECLARED)
    try_again(register(trained_toy), approved=True)
    assert hook.received == []


def test_a_promotion_is_reported_once_with_its_gates_and_where_to_look(champion, mailbox, hook):
    again = promote.promote_version(open_project(toy.USE_CASE), champion, actor="a cleared task")
    for _ in range(2):
        callbacks.notify_promoted(open_project(DECLARED), again)
    (body,) = hook.received
    assert (body["event"], body["key"], body["details"]["version"]) == ("promotion", "entry-1", "1")
    assert "passed" in body["text"]
    assert mailbox.subjects == ["[airworthy] toy 2020-03-01: version 1 promoted"]


def test_a_rejection_by_gates_and_by_a_person_is_one_event_of_the_version(hook):
    refused = SimpleNamespace(version="7", promoted=False, entry=None, reason="auc is 0.5, at least 0.6 is asked for.")
    callbacks.notify_promoted(open_project(DECLARED), refused)
    callbacks.notify_rejected(open_project(DECLARED), "7", "Rejected by ada: no")
    (body,) = hook.received
    assert (body["event"], body["details"]["version"]) == ("rejection", "7")
    assert "auc is 0.5" in body["text"]


def test_a_rollback_says_who_and_why(champion, hook):
    result = rollback.roll_back(
        open_project(toy.USE_CASE), champion, Period("2020-03-05"), actor="ada (run 'manual')", reason="too many misses"
    )
    callbacks.notify_rolled_back(open_project(DECLARED), result)
    (body,) = hook.received
    assert body["event"] == "rollback"
    assert "ada (run 'manual') rolled back to version 1: too many misses" in body["text"]


def missed(state: str = "running", **more: object) -> dict:
    run = {
        "dag_id": "toy__score",
        "dag_run_id": "scheduled__1",
        "state": state,
        "partition_key": str(DAY),
        "end_date": None,
        "conf": {},
    }
    return {"dag_run": run | more, "deadline": {"deadline_time": "2020-01-05T04:00:00+00:00"}}


def test_a_missed_deadline_is_reported_once(mailbox, hook):
    for _ in range(2):
        asyncio.run(callbacks.notify_missed_deadline("toy", missed()))
    assert mailbox.subjects == ["[airworthy] toy 2020-01-05: score missed its deadline"]
    assert "is running. It should have ended by 2020-01-05T04:00:00+00:00, 4:00:00 after" in hook.received[0]["text"]


@pytest.mark.parametrize(
    "run",
    [
        missed(state="failed"),
        missed(state="success", end_date="2020-01-05T03:59:59+00:00"),
    ],
    ids=["failed: reported already", "done in time"],
)
def test_a_deadline_that_no_one_waits_for_is_not_reported(hook, run):
    asyncio.run(callbacks.notify_missed_deadline("toy", run))
    assert hook.received == []


def test_the_deadline_is_counted_from_the_queue_and_called_by_the_triggerer():
    declared = callbacks.deadline_alert(DECLARED)
    assert declared.interval == DECLARED.alerts.deadline
    assert isinstance(declared.reference, ScheduledRunQueuedAt)
    assert declared.callback.path == "include.orchestration.callbacks.notify_missed_deadline"


def test_a_letter_says_when_it_was_written(hook):
    before = datetime.now(UTC).replace(microsecond=0)
    callbacks.notify_failed(context("score", "score"))
    box = NotificationQueue.open(open_project(toy.USE_CASE))
    (name,) = (name for name in box.folder.names() if name.endswith(".json"))
    assert datetime.fromisoformat(box.read(name.removesuffix(".json")).written_at) >= before


def cost(day: int, seconds: float, step: StepName = "score") -> StepCost:
    """A recorded cost of a step; a day of 1.0 CPU-seconds is usual."""
    figures = (CostFigure(CPU_SECONDS, seconds), CostFigure("step_bytes_read", 9e9))
    began = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    made = StepCost(step, DAY + day, began, False, 100, "1", 0, figures)
    return step_cost.record_cost(open_project(DECLARED), made)


def test_a_step_that_costs_more_than_usual_is_one_alert_until_it_is_usual_again(hook):
    project = open_project(DECLARED)
    for day, seconds in enumerate((1.0, 1.1, 0.9, 1.0, 3.2, 3.3, 1.0, 3.4)):
        found = cost(day, seconds)
        callbacks.notify_cost(project, found)
        callbacks.notify_cost(project, found)  # a task that is tried again
    assert [body["period"] for body in hook.received] == ["2020-01-09", "2020-01-12"]
    first = hook.received[0]
    assert first["event"] == "breach" and "The step score took 3.2 s of processor time" in first["text"]
    (row,) = first["details"]["breaches"]
    assert (row["metric"], row["subject"], row["value"]) == ("step_cpu_seconds", "score", 3.2)
    assert "cost of each step over time" in first["text"]


def test_the_steps_of_a_task_announce_what_they_cost(hook, run_as_task, monkeypatch):
    step_cost._done.clear()  # a task is a process of its own
    for day in range(-4, 0):
        cost(day, 0.001, "ingest")
    run_as_task(context("data", "ingest"))
    run = dag_factory.data_run("toy")
    with run.measured("ingest") as work:
        until = time.process_time() + 1.3
        while time.process_time() < until:
            pass
        work.done(changed=True, amount=100)
    assert [(body["event"], body["period"]) for body in hook.received] == [("breach", DAY.key)]
    assert "The step ingest took 1.3" in hook.received[0]["text"]


def test_a_step_that_costs_what_is_usual_asks_for_no_connection(known, configure, monkeypatch):
    monkeypatch.setattr(callbacks, "_notify", lambda *_: pytest.fail("an alert was made"))
    for day in range(4):
        callbacks.notify_cost(open_project(DECLARED), cost(day, 1.0))
