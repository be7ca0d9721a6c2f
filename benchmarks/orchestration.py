"""What this project's own work costs beside Airflow's: tasks per minute of `flight_delays__data`, backfilled over
30 days, against a DAG of the same shape whose tasks do nothing; and what reading the DAG files costs.

Run it with `make bench`. Everything is measured in one run, in turn, on the same instance: trust the ratios.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from benchmarks.report import measured_on, table, target, write_section
from include.declaration.period import Period
from include.local import credentials, instance, services
from include.local.airflow_client import FINISHED, AirflowClient
from include.settings import REPOSITORY

DAYS, TASKS, ROUNDS = 30, 3, 3
LEAST_RATIO, MOST_PARSE_SECONDS = 0.75, 0.3
EMPTY = '''
"""The shape of <use case>__data, with nothing in it."""
from datetime import datetime
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, CronPartitionTimetable, chain, task

ZONE = "America/New_York"
SCHEDULE = CronPartitionTimetable("0 0 * * *", timezone=ZONE, run_offset=0, key_format="%Y-%m-%d")

with DAG("empty", schedule=SCHEDULE, start_date=datetime(2013, 1, 1, tzinfo=ZoneInfo(ZONE)), catchup=False,
         max_active_runs=8):

    @task
    def nothing() -> None:
        """Do nothing."""

    chain(nothing.override(task_id="one")(), nothing.override(task_id="two")(), nothing.override(task_id="three")())
'''
PARSE = """
import runpy, sys, time
import airflow.sdk
start = time.process_time()
runpy.run_path(sys.argv[1])
print(time.process_time() - start)
"""


def wait(over: Callable[[], object], what: str, seconds: float = 300) -> None:
    """Until it is over; a benchmark that hangs says of what."""
    deadline = time.monotonic() + seconds
    while not over():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not come in {seconds:.0f} s")
        time.sleep(0.2)


def tasks_per_minute(api: AirflowClient, dag_id: str, first: Period) -> float:
    """Backfill 30 days and count."""
    last = first + (DAYS - 1)
    wait(lambda: not api.has_lingering_backfill(dag_id), "the end of the backfill before")
    start = time.monotonic()
    api.backfill(dag_id, first, last)
    wait(lambda: sum(n for state, n in api.states(dag_id, first, last).items() if state in FINISHED) == DAYS, dag_id)
    if (states := api.states(dag_id, first, last))["success"] != DAYS:
        raise SystemExit(f"{dag_id}: {states}; nothing can be said about its speed")
    return DAYS * TASKS / (time.monotonic() - start) * 60


def settle(api: AirflowClient, dag_id: str) -> None:
    """Let the DAG run, and wait until the run that the schedule makes at once is over."""
    api.unpause(dag_id)
    wait(
        lambda: (runs := api.runs(dag_id)) and all(run.state in FINISHED for run in runs), f"the first run of {dag_id}"
    )


def orchestration(console: Console, dags: Path) -> tuple[float, list[list[str]]]:
    """Both DAGs in turn, on days that neither has seen: the median ratio, and a row for each round."""
    os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags)
    here = instance.current()
    services.start_instance(here, say=console.print)
    try:
        api = AirflowClient(here.airflow_url, credentials.USER, credentials.load_or_make(here).password)
        wait(lambda: api.has_dag("empty") and api.has_dag("flight_delays__data"), "the DAGs")
        for dag_id in ("empty", "flight_delays__data"):
            settle(api, dag_id)
        ratios, rows = [], []
        for number in range(ROUNDS):
            first = Period("2013-01-01") + DAYS * number
            empty, full = (tasks_per_minute(api, dag_id, first) for dag_id in ("empty", "flight_delays__data"))
            ratios.append(full / empty)
            rows.append([str(first), f"{full:.0f}", f"{empty:.0f}", f"{ratios[-1]:.2f}"])
            console.print(f"  from {first}: empty {empty:.0f}, data {full:.0f} tasks a minute: ratio {ratios[-1]:.2f}")
    finally:
        services.stop_instance(here)
    ratio = statistics.median(ratios)
    console.print(f"flight_delays__data against an empty DAG: {ratio:.2f} (at least {LEAST_RATIO})")
    return ratio, rows


def parsing(console: Console, empty: Path) -> dict[str, float]:
    """CPU-seconds to read each DAG file, over those of the empty one; the medians of five."""

    def seconds(path: Path) -> float:
        command = [sys.executable, "-c", PARSE, str(path)]
        runs = [subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True) for _ in range(5)]
        return statistics.median(float(run.stdout.splitlines()[-1]) for run in runs)

    base, costs = seconds(empty), dict[str, float]()
    for path in sorted((REPOSITORY / "dags").glob("*.py")):
        more = seconds(path) - base
        costs[path.name] = more
        console.print(f"dags/{path.name}: {more:.2f} CPU-s more than an empty DAG file (at most {MOST_PARSE_SECONDS})")
    return costs


def write(ratio: float, rows: list[list[str]], costs: dict[str, float]) -> None:
    """Write the section of docs/performance.md."""
    most = max(costs, key=lambda name: costs[name])
    how = f"{ROUNDS} rounds of {DAYS} days, backfilled by Airflow in turn with a DAG of three empty tasks"
    rates = table(["from", "`flight_delays__data`, tasks a minute", "empty tasks a minute", "ratio"], rows)
    parsed = (
        f"Parsing a DAG file takes at most {costs[most]:.2f} CPU-s more than an empty one (`dags/{most}`;"
        f" {target(costs[most], MOST_PARSE_SECONDS)})."
    )
    judged = f"The median ratio is {ratio:.2f} ({target(ratio, LEAST_RATIO, at_least=True)})."
    write_section("Tasks a minute", f"{measured_on(how)}\n\n{rates}\n{judged} {parsed}")


def main() -> None:
    """Print both; exit with 1 where a limit is not met."""
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="airworthy-benchmark-") as folder:
        os.environ |= {
            "AIRWORTHY_HOME": f"{folder}/home",
            "AIRWORTHY_AIRFLOW_PORT": "8091",
            "AIRWORTHY_MLFLOW_PORT": "5091",
        }
        for name in ("AIRWORTHY_LAKE", "AIRWORTHY_DATA_DOCS", "AIRWORTHY_USE_CASE_PACKAGES"):
            os.environ.pop(name, None)
        dags = Path(folder) / "dags"
        dags.mkdir()
        (dags / "empty.py").write_text(EMPTY)
        shutil.copy(REPOSITORY / "dags" / "data.py", dags)
        costs = parsing(console, dags / "empty.py")
        ratio, rows = orchestration(console, dags)
    write(ratio, rows, costs)
    sys.exit(0 if ratio >= LEAST_RATIO and max(costs.values()) <= MOST_PARSE_SECONDS else 1)


if __name__ == "__main__":
    main()
