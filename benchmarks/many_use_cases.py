"""What 50 use cases cost: parsing, the index page, and an idle Airflow with all of their DAGs.

`python -m benchmarks.many_use_cases [--count N] [--without-airflow]`. Each is the toy use case under another name, with
12 days of data, a model, scores and metrics. Writes a section of docs/performance.md.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import measured_on, table, write_section
from include.settings import REPOSITORY

COUNT, IDLE_SECONDS = 50, 120
MODULE = """
from dataclasses import replace

from tests.integration.use_cases.quick_toy import USE_CASE as TOY

USE_CASE = replace(TOY, name="{name}", package="tests.toy_use_case")
"""
LIVE = """
from benchmarks.many_use_cases import live
live()
"""
PARSE = """
import runpy, sys, time
import airflow.sdk
start = time.process_time()
made = runpy.run_path(sys.argv[1])
print(time.process_time() - start, sum(type(value).__name__ == "DAG" for value in made.values()))
"""
INDEX = """
import time
from include.declaration.use_case_discovery import all_use_cases
from include.project import open_project
from include.web import html, overview
spent = []
for _ in range(3):
    start = time.process_time()
    cases = all_use_cases().values()
    given = {"span": 1, "with_quarantine": False}
    found = [overview.build_overview(open_project(each), each.newest_period(), **given) for each in cases]
    text = html.index_page(found, "/airworthy")
    spent.append(time.process_time() - start)
print(spent[0], min(spent[1:]), len(text))
"""


def live() -> None:
    """Let every use case live 12 days: data, a training, scores and metrics of the last days."""
    from include.declaration.period import Period, period_range
    from include.declaration.use_case_discovery import all_use_cases
    from include.pipelines import data, monitor, score, train
    from include.pipelines.context import PipelineRun
    from include.project import open_project

    first, due, last = Period("2020-01-01"), Period("2020-01-10"), Period("2020-01-12")
    for use_case in all_use_cases().values():
        project = open_project(use_case)
        for period in period_range(first, last):
            for step in data.STEPS:
                step(PipelineRun(project, period, {}))
        run = PipelineRun(project, due, {"promotion": "automatic"}, actor="bench", reason="bench")
        for step in train.STEPS:
            step(run)
        for period in period_range(due, last):
            for steps in (score.STEPS, monitor.STEPS):
                for step in steps:
                    step(PipelineRun(project, period, {}))


def run_python(code: str, *arguments: str) -> list[float]:
    """Run code in a process of its own; return the numbers that it prints last."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return [float(word) for word in (done.stdout.splitlines() or [""])[-1].split()]


def parsing() -> list[list[str]]:
    """Measure every DAG file."""
    lines = []
    for path in sorted((REPOSITORY / "dags").glob("*.py")):
        runs = [run_python(PARSE, str(path)) for _ in range(3)]
        lines.append(
            [
                f"parse dags/{path.name}",
                f"{statistics.median(run[0] for run in runs):.2f} CPU-s",
                f"{runs[0][1]:.0f} DAGs",
            ]
        )
    return lines


def spent_by(home: Path) -> tuple[float, float]:
    """Return the CPU-seconds of all services so far, with those of their ended children, and their memory in MB."""
    import psutil

    from include.local import processes

    found = processes.marked_processes(home)
    times, memory = 0.0, 0.0
    for each in found:
        with contextlib.suppress(psutil.Error):
            times, memory = times + sum(each.cpu_times()[:4]), memory + each.memory_info().rss / 1e6
    return times, memory


def idle(expected: int) -> list[list[str]]:
    """Start Airflow with all use cases; measure until every DAG is there, and then a while in which nothing runs."""
    from include.local import credentials, instance, services
    from include.local.airflow_client import AirflowClient

    here, began = instance.current(), time.monotonic()
    services.start_instance(here, say=lambda line: print(f"  {line}", flush=True))
    try:
        api = AirflowClient(here.airflow_url, credentials.USER, credentials.load_or_make(here).password)
        started = time.monotonic() - began
        while (known := api.call("GET", "/dags", params={"limit": 1})["total_entries"]) < expected:
            if time.monotonic() - began > 3600:
                raise SystemExit(f"only {known} DAGs after an hour")
            time.sleep(1)
        registered = time.monotonic() - began
        before = spent_by(here.home)[0]
        time.sleep(IDLE_SECONDS)
        after, memory = spent_by(here.home)
    finally:
        services.stop_instance(here)
    return [
        ["services healthy", f"{started:.0f} s", ""],
        [f"all of {known:,} DAGs known", f"{registered:.0f} s", "from the start"],
        ["idle, nothing unpaused", f"{(after - before) / IDLE_SECONDS:.2f} cores", f"{memory:,.0f} MB of all services"],
    ]


def main() -> None:
    """Measure, print and write the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--without-airflow", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="airworthy-bench-") as folder:
        package = Path(folder) / "many_cases"
        package.mkdir()
        (package / "__init__.py").touch()
        for number in range(given.count):
            name = f"case_{number:02}"
            (package / f"{name}.py").write_text(MODULE.format(name=name))
        os.environ |= {
            "AIRWORTHY_HOME": f"{folder}/home",
            "AIRWORTHY_USE_CASE_PACKAGES": package.name,
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), folder]),
            "AIRWORTHY_AIRFLOW_PORT": "8091",
            "AIRWORTHY_MLFLOW_PORT": "5091",
        }
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        run_python(LIVE)
        del os.environ["MLFLOW_TRACKING_URI"]
        lines = parsing()
        expected = sum(int(line[2].split()[0]) for line in lines)
        first, again, _ = run_python(INDEX)
        lines.append(["the index page, first and again", f"{first:.2f} and {again:.2f} CPU-s", ""])
        lines += [] if given.without_airflow else idle(expected)
    text = table((f"{given.count} use cases", "measured", ""), lines)
    print(text)
    write_section("Many use cases", f"{measured_on('medians of 3, once for Airflow')}\n\n{text}")


if __name__ == "__main__":
    main()
