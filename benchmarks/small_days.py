"""What a small day costs: a `data` run of the flights, and a table whose log is long.

`python -m benchmarks.small_days`: everything in one process, with the libraries imported. Writes two sections of
docs/performance.md.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import measured_on, table, target, write_section

BEFORE, DAYS, MOST_SECONDS = 12, 10, 0.6
"""Days of the flights before the measured ones, measured days, and the CPU-seconds that one may take."""
COMMITS, PERIODS, REPEATED, MOST_GROWTH = (30, 3_000), 30, 20, 1.5


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the processor time of a call."""
    before = time.process_time()
    work()
    return time.process_time() - before


def measure_flights() -> dict[str, float]:
    """Return the median CPU-seconds of each step of a day of the flights."""
    from include.declaration.period import Period
    from include.declaration.use_case_discovery import load_use_case
    from include.features import build
    from include.ingestion import ingest, validate
    from include.project import open_project

    project = open_project(load_use_case("flight_delays"))
    steps = {"ingest": ingest.ingest_period, "validate": validate.validate_period, "features": build.build_features}
    spent: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(BEFORE + DAYS):
        period = Period("2013-01-01") + number
        for name, step in steps.items():
            spent[name].append(cpu_seconds(lambda step=step, period=period: step(project, period)))  # type: ignore[misc]
    return {name: statistics.median(seconds[BEFORE:]) for name, seconds in spent.items()}


def measure_log() -> dict[int, tuple[float, float]]:
    """Return the CPU-seconds of a commit, and of opening and reading, after these numbers of commits."""
    from benchmarks.synthetic import FIRST, USE_CASE, source
    from include.lake.lake import Lake
    from include.project import open_project

    project, rows, found, done = open_project(USE_CASE), source.events(FIRST), {}, 0

    def commit() -> None:
        nonlocal done
        changed = rows.slice(0, rows.num_rows - done % 97)
        project.lake.replace("raw/events", FIRST + done % PERIODS, changed, inputs={}, stage="ingest")
        done += 1

    def read() -> None:
        Lake.open(USE_CASE).as_of(FIRST + PERIODS).read("raw/events", FIRST, FIRST)

    for commits in COMMITS:
        while done < commits:
            commit()
        writing = statistics.median(cpu_seconds(commit) for _ in range(REPEATED))
        found[commits] = (writing, statistics.median(cpu_seconds(read) for _ in range(REPEATED)))
    return found


def main() -> None:
    """Measure, print and write both sections."""
    with tempfile.TemporaryDirectory(prefix="airworthy-bench-") as folder:
        os.environ |= {"AIRWORTHY_HOME": str(Path(folder) / "home"), "BENCH_ROWS": "1000"}
        days, log = measure_flights(), measure_log()
    whole = sum(days.values())
    rows = [[name, f"{seconds:.2f}", "–"] for name, seconds in days.items()]
    rows.append(["together", f"{whole:.2f}", target(whole, MOST_SECONDS)])
    text = f"{measured_on(f'medians of {DAYS} days in one process, after {BEFORE} others')}\n\n"
    write_section("A day of the flights", text + table(["step", "CPU-s", "at most"], rows))
    first, last = (log[commits] for commits in COMMITS)
    rows = [
        [what, f"{1000 * first[place]:.1f}", f"{1000 * last[place]:.1f}", f"{ratio:.2f}", target(ratio, MOST_GROWTH)]
        for place, what in enumerate(("a commit", "opening and reading a period"))
        for ratio in [last[place] / first[place]]
    ]
    columns = ["work", *(f"after {commits:,} commits, CPU-ms" for commits in COMMITS), "ratio", "at most"]
    how = f"medians of {REPEATED}, a table of {PERIODS} periods that are replaced again and again"
    write_section("A long log", f"{measured_on(how)}\n\n{table(columns, rows)}")
    print(f"a day of the flights: {whole:.2f} CPU-s; a long log: {last[0] / first[0]:.2f} to commit,"
          f" {last[1] / first[1]:.2f} to read", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
