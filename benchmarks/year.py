"""What a year of the flights takes as a backfill: data, then scores and metrics from the first model on.

`python -m benchmarks.year [--last PERIOD] [--single N]`: chunks of each phase run in two processes, as two workers of
Airflow would work them, without Airflow. Then the same steps for a few periods with a process for each step, as
Airflow's own backfill runs them; and the same year again, when nothing has changed. Writes a section of
docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.report import measured_on, table, target, write_section
from include.settings import REPOSITORY

USE_CASE, FIRST, LAST, MODEL, WORKERS = "flight_delays", "2013-01-01", "2013-12-31", "2013-04-01", 2
MOST_MINUTES, LEAST_FASTER, MOST_SETTLED = 10.0, 5.0, 0.1
KINDS = ("data", "score", "monitor")


def work(phase: str, keys: list[str]) -> None:
    """Work a chunk, in a process of a pool."""
    from include.backfill.states import BackfillStates
    from include.backfill.work import work_chunk
    from include.declaration.use_case_discovery import load_use_case
    from include.project import open_project

    project = open_project(load_use_case(USE_CASE))
    periods = [project.use_case.calendar.parse(key, USE_CASE) for key in keys]
    states = BackfillStates.open(project, f"bench-{time.time_ns()}")
    refused = work_chunk(project, phase, periods, states, actor="bench").refused  # type: ignore[arg-type]
    if refused:
        raise SystemExit(f"{refused[0].phase} of {refused[0].period}: {refused[0].message}")


def backfill(pool: ProcessPoolExecutor, kinds: tuple[str, ...], first: str, last: str) -> float:
    """Plan and work a backfill; return its wall-clock seconds."""
    from include.backfill.plan import plan_phase
    from include.backfill.request import CHUNK_PERIODS, BackfillRequest, chunked
    from include.declaration.use_case_discovery import load_use_case
    from include.project import open_project

    began = time.monotonic()
    project = open_project(load_use_case(USE_CASE))
    request = BackfillRequest.parse(project.use_case, {"first": first, "last": last, "kinds": kinds})
    for phase in request.phases:
        chunks = chunked(plan_phase(project, request, phase).periods, CHUNK_PERIODS)
        for done in [pool.submit(work, phase, [period.key for period in chunk]) for chunk in chunks]:
            done.result()
        print(f"  {phase}: {sum(map(len, chunks))} periods, {time.monotonic() - began:.0f} s", flush=True)
    return time.monotonic() - began


def train() -> None:
    """Train and promote the model with which the year is scored."""
    from include.declaration.period import Period
    from include.declaration.use_case_discovery import load_use_case
    from include.pipelines import train as training
    from include.pipelines.context import PipelineRun
    from include.project import open_project

    project = open_project(load_use_case(USE_CASE))
    run = PipelineRun(project, Period(MODEL), {"promotion": "automatic"}, actor="bench", reason="bench")
    for step in training.STEPS:
        step(run)


STEP = """
import sys
from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.pipelines import PIPELINE
from include.pipelines.context import PipelineRun
from include.project import open_project
run = PipelineRun(open_project(load_use_case(sys.argv[1])), Period(sys.argv[2]), {}, actor="bench", reason="bench")
STEP(run)
"""


def step_by_step(periods: list[str]) -> float:
    """Run each step of each period in a process of its own, two at once; return the seconds of a period."""
    steps = (
        ("data", "ingest"),
        ("data", "validate"),
        ("data", "build_features"),
        ("score", "score"),
        ("monitor", "measure"),
    )
    began = time.monotonic()
    for pipeline, step in steps:
        code = STEP.replace("import PIPELINE", f"import {pipeline}").replace("STEP(run)", f"{pipeline}.{step}(run)")
        for start in range(0, len(periods), WORKERS):
            running = [
                subprocess.Popen([sys.executable, "-c", code, USE_CASE, period], cwd=REPOSITORY)
                for period in periods[start : start + WORKERS]
            ]
            if any(process.wait() for process in running):
                raise SystemExit(f"{step} failed")
    return (time.monotonic() - began) / len(periods)


def main() -> None:
    """Measure, print and write the section."""
    from include.declaration.period import Period, period_range

    parser = argparse.ArgumentParser()
    parser.add_argument("--last", default=LAST)
    parser.add_argument("--single", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="airworthy-bench-") as folder:
        home = Path(folder) / "home"
        os.environ |= {"AIRWORTHY_HOME": str(home), "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
        os.environ["OMP_NUM_THREADS"] = "1"
        last, model = Period(given.last), Period(MODEL)
        alone = [period.key for period in period_range(last - (given.single - 1), last)]
        until = (last - given.single).key
        with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
            seconds = backfill(pool, ("data",), FIRST, until)
            train()
            seconds += backfill(pool, KINDS[1:], MODEL, until)
            settled = backfill(pool, KINDS[:1], FIRST, until) + backfill(pool, KINDS[1:], MODEL, until)
        each = step_by_step(alone)
    days, scored = len(period_range(Period(FIRST), Period(until))), len(period_range(model, Period(until)))
    # What is not scored before the first model is left out of both: seconds of a period with all of its steps.
    period = seconds / days
    rows = [
        [
            f"data of {days} days, scores and metrics of {scored}",
            f"{seconds / 60:.1f} minutes",
            target(seconds / 60, MOST_MINUTES),
        ],
        ["a period in a backfill", f"{period:.2f} s", "–"],
        [f"a period with a process for each step ({given.single} periods)", f"{each:.2f} s", "–"],
        ["times faster", f"{each / period:.1f}", target(each / period, LEAST_FASTER, at_least=True)],
        [
            "the same again, all settled",
            f"{settled:.1f} s, {settled / seconds:.3f}",
            target(settled / seconds, MOST_SETTLED),
        ],
    ]
    text = table(("a year of the flights", "measured", "target"), rows)
    print(text)
    write_section("A year as a backfill", f"{measured_on('once, two processes')}\n\n{text}")


if __name__ == "__main__":
    main()
