"""Services are killed, stopped and restarted during backfills: the tables are as in an undisturbed run.

All drills share one stack of real services; each has ten days of its own. A service that ends is started again, as by
the restart policy in docker-compose.yaml; the drill's row of the table names further necessary actions.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from include.declaration.period import Period, period_range
from include.features import build
from include.ingestion import ingest, validate
from include.local.airflow_client import FINISHED, AirflowClient, AirflowRefusedError, AirflowUnreachableError, DagRun
from include.project import open_project
from include.registry.mlflow_registry import Registry
from tests.conftest import living_in
from tests.drills.life import rows_lost
from tests.drills.report import Row
from tests.end_to_end.conftest import succeeded, task_state, until, wait_for_task
from tests.integration import stack as stacks
from tests.integration.stack import Stack
from tests.integration.use_cases.quick_toy import USE_CASE
from tests.integration.walk import Tables, Walk

pytestmark = [pytest.mark.drill, pytest.mark.timeout(3600, method="signal")]

IMPATIENT = {
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
}
"""Airflow's own patience is 5 minutes for a silent task and 10 for a queued one: a drill would wait for nothing."""
DAYS = 10
FIRST = Period("2020-02-01")
TABLES = ("raw/events", "raw/outcomes", "checked/events", "checked/outcomes", "features", "labels")
DATA = f"{USE_CASE.name}__data"
JSON = {"Accept": "application/json"}


def kill(*names: str) -> Callable[[Stack, AirflowClient, Walk], None]:
    def fault(stack: Stack, api: AirflowClient, walk: Walk) -> None:
        for name in names:
            stack.kill(name)
            stack.begun_logs |= logs_with_text(stack, name)
            stack.start(name)

    return fault


def logs_with_text(stack: Stack, worker: str) -> set[str]:
    """The logs of tries on a worker's disk that have begun; a try that has not yet written has none to read."""
    folder = stack.home / worker / "logs"
    return {str(path.relative_to(folder)) for path in folder.rglob("attempt=*.log") if path.stat().st_size}


def restart_postgres(how: signal.Signals) -> Callable[[Stack, AirflowClient, Walk], None]:
    def fault(stack: Stack, api: AirflowClient, walk: Walk) -> None:
        stack.postgres.stop(how)
        stack.postgres.start()

    return fault


def kill_a_session_of_postgres(stack: Stack, api: AirflowClient, walk: Walk) -> None:
    """After it PostgreSQL ends all sessions, and recovers from its log."""
    [(victim,), *_] = stack.postgres.say("select pid from pg_stat_activity where datname = 'airflow'")
    stack.postgres.kill_session(victim)


def restart_redis(stack: Stack, api: AirflowClient, walk: Walk) -> None:
    stack.redis.stop(signal.SIGKILL)
    stack.redis.start()


def run_the_same_days_by_hand(stack: Stack, api: AirflowClient, walk: Walk) -> None:
    for period in reversed(period_range(walk.first, walk.last)):
        api.trigger(DATA, conf={"period": str(period)})


@dataclass(frozen=True)
class Fault:
    """What happens in the middle of a backfill, and what is expected to catch it."""

    name: str
    does: Callable[[Stack, AirflowClient, Walk], None]
    guard: str
    worker: str = ""
    """The worker that must be at a task of the backfill when it happens; any, if none is named."""


NO_ACTION = "No action was necessary."
ATOMIC = "one commit a day"
FAULTS = (
    Fault("scheduler: SIGKILL", kill("scheduler"), "the new scheduler adopts the tasks of the dead one"),
    Fault("Celery worker with its tasks: SIGKILL", kill("worker-1"), f"missed heartbeats, retry; {ATOMIC}", "worker-1"),
    Fault("both Celery workers: SIGKILL", kill("worker-1", "worker-2"), f"missed heartbeats, retry; {ATOMIC}"),
    Fault("API server: SIGKILL", kill("api-server"), f"tasks ask again, or are retried; {ATOMIC}"),
    Fault("PostgreSQL: stop and start", restart_postgres(signal.SIGINT), "services reconnect or start again; retries"),
    Fault("PostgreSQL: SIGQUIT, recovery", restart_postgres(signal.SIGQUIT), "its log; services reconnect; retries"),
    Fault("PostgreSQL: SIGKILL of a session", kill_a_session_of_postgres, "its log; services reconnect; retries"),
    Fault("Redis: SIGKILL", restart_redis, "its append-only file; tasks lost from the queue are queued again"),
    Fault(
        "backfill with manual runs of its days", run_the_same_days_by_hand, "conflicts are seen; equal content stays"
    ),
)


def days_of(number: int) -> Walk:
    """The days of a drill."""
    first = FIRST + DAYS * number
    return Walk(USE_CASE, first, first + (DAYS - 1), as_of=first)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with stacks.running(**IMPATIENT) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.places().items():
            patch.setenv(name, value)
        yield running


@pytest.fixture(scope="module")
def api(stack: Stack) -> AirflowClient:
    found = stack.api()
    until(lambda: found.has_dag(DATA), DATA)
    found.unpause(DATA)
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The days of all drills, run one after the other in this process, in a lake on disk."""
    last = days_of(len(FAULTS) - 1).last
    with living_in(tmp_path_factory.mktemp("undisturbed")):
        for period in period_range(FIRST, last):
            ingest.ingest_period(open_project(USE_CASE), period)
            validate.validate_period(open_project(USE_CASE), period)
            build.build_features(open_project(USE_CASE), period)
        return Walk(USE_CASE, FIRST, last, FIRST).tables()


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=[fault.name for fault in FAULTS])
def test_after_a_fault_in_a_backfill_the_tables_are_as_if_nothing_had_happened(
    number, stack, api, undisturbed, survived
):
    fault, walk = FAULTS[number], days_of(number)
    stack.wait()
    api.backfill(DATA, walk.first, walk.last)
    in_the_middle(api, walk, fault.worker)
    stack.revived.clear()
    fault.does(stack, api, walk)
    by_hand = brought_to_an_end(stack, api, walk)
    if "worker" in fault.name:
        until(lambda: not tries_without_a_log(stack, api, walk), "the logs of killed tries")
    expected, found = of_periods(undisturbed, walk), of_periods(walk.tables(), walk)
    assert all(len(periods) == DAYS for periods in expected.values())
    guard = f"{fault.guard} ({seen(stack, api, walk)}). {by_hand or NO_ACTION}{differing(expected, found)}"
    survived(Row(fault.name, guard, 1, rows_lost(expected, found), found == expected))


def test_after_mlflow_was_killed_while_a_model_is_trained_and_registered_it_is_the_same_model(
    stack, api, survived, tmp_path
):
    first = FIRST - 25
    walk = Walk(USE_CASE, first, first + 9, as_of=first + 8)
    stack.wait()
    walk.backfill(api, "data", walk.first)
    train = walk.dag("train")
    api.unpause(train)
    run = api.trigger(train, conf={"period": str(walk.as_of), "reason": "a drill"})
    for task in ("train", "evaluate", "register", "promote"):
        wait_for_task(api, train, run, task, "running")
        stack.kill("mlflow")
        stack.start("mlflow")
        until(lambda task=task: task_state(api, train, run, task) not in ("running", None), f"the end of {task}")
    succeeded(api, train, run)
    for kind in ("score", "monitor"):
        walk.backfill(api, kind, walk.as_of)
    assert [version.number for version in Registry(USE_CASE).versions()] == ["1"]
    found, expected = walk.tables(), walk.in_process(tmp_path / "home")
    assert expected["predictions"] and expected["gate_results"]
    fault, guard = "MLflow: SIGKILL in tasks of a training", "its client asks again; what fails is retried"
    guard = f"{guard}. {NO_ACTION}{differing(expected, found)}"
    survived(Row(fault, guard, 4, rows_lost(expected, found), found == expected))


def differing(expected: Tables, found: Tables) -> str:
    """The tables that are not equal, in words; nothing where all are."""
    tables = [table for table in expected if expected[table] != found[table]]
    return f" These differ: {tables}" if tables else ""


def of_periods(tables: Tables, walk: Walk) -> Tables:
    """What the data DAG writes, of the drill's days."""
    return {
        table: {period: held for period, held in tables[table].items() if walk.first <= period <= walk.last}
        for table in TABLES
    }


def tasks(api: AirflowClient, walk: Walk) -> list[dict[str, Any]]:
    """The tasks of those days' newest runs."""
    path, query = f"/dags/{DATA}/dagRuns/~/taskInstances", {"limit": 100, "order_by": "-id"}
    runs = {run.run_id for run in runs_of(api, walk)}
    newest: list[dict[str, Any]] = api.call("GET", path, params=query)["task_instances"]
    return [task for task in newest if task["dag_run_id"] in runs]


def seen(stack: Stack, api: AirflowClient, walk: Walk) -> str:
    """What was tried or started again, in words."""
    again = sum(task["try_number"] > 1 for task in tasks(api, walk))
    names = sorted(set(stack.revived))
    return f"tasks tried again: {again}; services that ended and started again: {', '.join(names) or 'none'}"


def tries_without_a_log(stack: Stack, api: AirflowClient, walk: Walk) -> list[str]:
    """Return the tries whose log cannot be read, of tasks with several; a killed one's is sent by the next worker.

    A try that was killed before its log began has none.
    """
    missing = []
    for task in tasks(api, walk):
        if task["try_number"] == 1:
            continue
        path = f"/dags/{DATA}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
        for one in api.call("GET", f"{path}/tries")["task_instances"]:
            if one["start_date"] is None:
                continue
            log = f"{path}/logs/{one['try_number']}"
            said = api.call("GET", log, params={"full_content": True}, headers=JSON)["content"]
            events = [str(line.get("event", "")) if isinstance(line, dict) else str(line) for line in said]
            name = (
                f"dag_id={DATA}/run_id={task['dag_run_id']}/task_id={task['task_id']}/attempt={one['try_number']}.log"
            )
            is_owed = one["try_number"] == task["try_number"] or name in stack.begun_logs
            if is_owed and not any("DAG bundle" in event or "Task " in event for event in events):
                missing.append(f"{task['task_id']} try {one['try_number']}: {events[:3]}")
    return missing


def runs_of(api: AirflowClient, walk: Walk) -> list[DagRun]:
    """The runs of those days, those by hand too."""
    dagged = api.runs(DATA)
    return [run for run in dagged if str(walk.first) <= (run.partition_key or "") <= str(walk.last)]


def in_the_middle(api: AirflowClient, walk: Walk, worker: str) -> None:
    """Return when some tasks of the backfill have ended, and that worker, or any, is at one."""

    def reached() -> bool:
        found = tasks(api, walk)
        ended = sum(task["state"] == "success" for task in found)
        assert ended < 2 * DAYS, "the backfill was all but over before the fault"
        return ended >= 4 and any(task["state"] == "running" and worker in task["hostname"] for task in found)

    until(reached, "the middle of the backfill")


def brought_to_an_end(stack: Stack, api: AirflowClient, walk: Walk) -> str:
    """Wait until each day is a success; failed runs are cleared, as a person would. What a person had to do."""
    cleared: list[str] = []

    def ended() -> bool:
        stack.revive()
        try:
            return all(run.state in FINISHED for run in api.runs(DATA))
        except (AirflowRefusedError, AirflowUnreachableError):
            return False  # it is just being started again

    for _ in range(3):
        until(ended, f"the runs of {walk.first} to {walk.last}")
        failed = [run for run in api.runs(DATA) if run.state == "failed"]
        if not failed:
            break
        for run in failed:
            cleared += api.failures(DATA, run.run_id)
            body = {"dry_run": False, "dag_run_id": run.run_id, "only_failed": True}
            api.call("POST", f"/dags/{DATA}/clearTaskInstances", json=body)
    assert api.states(DATA, walk.first, walk.last) == {"success": DAYS}
    return f"A person cleared {len(cleared)} tasks: {cleared}" if cleared else ""
