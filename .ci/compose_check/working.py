"""Checks with work: days, a training and scores through Celery workers and S3, while worker and S3 are killed."""

from __future__ import annotations

import time
from typing import Any

from compose_check.context import USE_CASE, Context
from compose_check.errors import CheckFailedError, require
from compose_check.shell import wait_until

DATA, TRAIN, SCORE, MONITOR = (f"{USE_CASE}__{kind}" for kind in ("data", "train", "score", "monitor"))
AS_OF = "2013-04-01"
"""As of this day a model of the flights passes its gates; as of two weeks before, one slice fails."""
FIRST_DAYS = ("2013-01-02", "2013-01-03")
KILLED_DAYS = ("2013-02-11", "2013-02-12")
"""Days whose features need four weeks that are not there yet: each has a task that takes long enough to be killed."""
KILLED_TASK = "build_features"
BEFORE_KILL_S = 15
TIMED_OUT = "AirflowTaskTimeout"
"""In the log of a try that a busy machine did not end in time; the next one goes on from there."""
REMOTE = "s3://airworthy-logs/tasks"
LOST = ("Could not read", "not found", "No logs found", "Failed to fetch")
"""What Airflow shows in place of a log that it cannot have."""


def run_days(context: Context) -> str:
    """Backfill days of data, and read the log of a task while it runs and after it has ended."""
    airflow = context.airflow
    airflow.backfill(DATA, *FIRST_DAYS)
    seen = _read_a_running_log(context)
    airflow.wait_for_days(DATA, *FIRST_DAYS, days=2)
    log = airflow.log(DATA, seen["dag_run_id"], seen["task_id"], 1)
    require(REMOTE in log, f"The log of {seen['task_id']} does not come from S3 after its end: {log[:1000]}")
    require(seen["line"] in log, "The log that was read while the task ran is not in the one that was kept.")
    hosts = {task["hostname"] for task in airflow.tasks(DATA, state="success")}
    return (
        f"2 days by the worker {', '.join(sorted(filter(None, hosts)))}; log of {seen['task_id']} read live and from S3"
    )


def _read_a_running_log(context: Context) -> dict[str, Any]:
    """Return a task instance whose log was read while it ran, with a line of that log as `line`."""
    airflow = context.airflow
    found: dict[str, Any] = {}

    def read() -> bool:
        for task in airflow.tasks(DATA, state="running"):
            log = airflow.log(DATA, task["dag_run_id"], task["task_id"], task["try_number"])
            still = [other["id"] for other in airflow.tasks(DATA, state="running")]
            lines = [line for line in log.splitlines() if '"event"' in line and "::group::" not in line]
            if lines and task["id"] in still and REMOTE not in log and not any(word in log for word in LOST):
                found.update(task, line=lines[-1])
                return True
        ended = sum(airflow.states(DATA, *FIRST_DAYS)[state] for state in ("success", "failed"))
        require(ended < 2, "No log of a task could be read while it ran.")
        return False

    wait_until(read, "the log of a running task")
    return found


def kill_worker(context: Context) -> str:
    """Kill the worker's main process while tasks run; the restart policy brings it back."""
    airflow, stack = context.airflow, context.stack
    airflow.backfill(DATA, *KILLED_DAYS)

    def running() -> list[dict[str, Any]]:
        first, last = KILLED_DAYS
        days = [run for run, each in airflow.runs(DATA).items() if first <= (each["partition_key"] or "") <= last]
        return [task for task in airflow.tasks(DATA, state="running") if task["dag_run_id"] in days]

    def logged() -> bool:
        return any(
            '"event"' in airflow.log(DATA, task["dag_run_id"], task["task_id"], task["try_number"])
            for task in running()
            if task["task_id"] == KILLED_TASK
        )

    wait_until(logged, f"a task {KILLED_TASK} that runs")
    started = stack.inspect("worker", "{{.State.StartedAt}}")
    tasks = running()
    stack.kill("worker")
    context.killed = [{"run": task["dag_run_id"], "task": task["task_id"]} for task in tasks]
    require(tasks, "No task ran when the worker was killed.")
    wait_until(lambda: stack.inspect("worker", "{{.State.StartedAt}}") != started, "the worker's next start")
    context.training = airflow.trigger(TRAIN, period=AS_OF, reason="compose-check")
    names = ", ".join(f"{task['task_id']} of {task['dag_run_id'][:30]}" for task in tasks)
    return f"killed with {len(tasks)} tasks ({names}); it came back by itself"


def kill_s3(context: Context) -> str:
    """Kill S3's main process while a task reads and writes; its restart fails no task."""
    airflow, stack = context.airflow, context.stack

    def prepares() -> bool:
        states = {task["task_id"]: task["state"] for task in airflow.tasks(TRAIN, context.training)}
        require(states.get("prepare") not in ("success", "failed"), f"The training was too fast: {states}")
        return states.get("prepare") == "running"

    wait_until(prepares, "the task that makes the days of the training")
    time.sleep(BEFORE_KILL_S)  # no condition: the kill may come anywhere in the middle
    started = stack.inspect("s3", "{{.State.StartedAt}}")
    killed = time.monotonic()
    stack.kill("s3")

    def answers() -> bool:
        return (
            stack.inspect("s3", "{{.State.StartedAt}} {{.State.Health.Status}}")
            not in (
                f"{started} healthy",
                f"{started} unhealthy",
            )
            and stack.inspect("s3", "{{.State.Health.Status}}") == "healthy"
        )

    wait_until(answers, "S3 to be healthy again")
    return f"healthy again after {time.monotonic() - killed:.0f} s"


def finish_training(context: Context) -> str:
    """The training ends in a champion, although S3 was away in its middle: that failed no try."""
    airflow = context.airflow
    airflow.wait_for_run(TRAIN, context.training)
    tasks = airflow.tasks(TRAIN, context.training)
    ledger = context.command_line("ledger", USE_CASE)
    require("promotion" in ledger.lower(), f"No model was promoted:\n{ledger}")
    for task in tasks:
        for attempt in range(1, task["try_number"] or 1):
            log = airflow.log(TRAIN, context.training, task["task_id"], attempt)
            require(TIMED_OUT in log, f"S3's restart failed try {attempt} of {task['task_id']}: {log[-1500:]}")
    return f"{len(tasks)} tasks, none failed by S3's restart; the ledger has a champion as of {AS_OF}"


def read_both_tries(context: Context) -> str:
    """The days whose tasks were killed succeed, and the logs of the killed try and of the next can be read."""
    airflow = context.airflow
    airflow.wait_for_days(DATA, *KILLED_DAYS, days=2)
    tasks = {(task["dag_run_id"], task["task_id"]): task for task in airflow.tasks(DATA)}
    lost, again = [], 0
    for each in context.killed:
        task = tasks[each["run"], each["task"]]
        if task["try_number"] < 2:  # it had ended, and Airflow knew, in the moment of the kill
            continue
        again += 1
        for attempt in range(1, task["try_number"] + 1):
            log = airflow.log(DATA, each["run"], each["task"], attempt)
            if '"event"' not in log or any(word in log for word in LOST):
                lost.append(f"try {attempt} of {each['task']} of {each['run']}: {log[-600:]}")
    if lost:
        raise CheckFailedError("Logs that cannot be read:\n" + "\n".join(lost))
    require(again, "No task was run again: the kill came between tasks.")
    return f"{again} killed tasks succeeded at the next try; the logs of all their tries are there"


def score(context: Context) -> str:
    """Score and measure a day by the champion."""
    airflow = context.airflow
    for dag in (SCORE, MONITOR):
        airflow.backfill(dag, AS_OF, AS_OF)
        airflow.wait_for_days(dag, AS_OF, AS_OF, days=1)
    predictions = context.command_line("predictions", USE_CASE, AS_OF)  # fails where the day has none
    require(len(predictions.splitlines()) > 10, f"Too few predictions:\n{predictions}")
    return f"{AS_OF} scored and measured"
