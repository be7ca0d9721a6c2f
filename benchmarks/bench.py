"""`make bench`: what each step costs, and the same by hand, in turn; writes docs/performance.md.

`python -m benchmarks.bench [--rows N] [--rounds N] [--steps STEP ...] [--check]`: each measurement is in a process of
its own, after the same step of a small lake, so that libraries are imported. The rows are written before, and the work
by hand takes turns. Trust the ratios, not the seconds. `--check` fails if a ratio left its recorded band.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.plot import plot_sizes
from benchmarks.report import measured_on, table, target, write_section
from include.settings import REPOSITORY

BANDS = REPOSITORY / "benchmarks" / "bands.toml"
MEASURED = REPOSITORY / "benchmarks" / "measured.json"
"""The figures of docs/performance.md by number of rows, of which its plot is made."""
PLOT = REPOSITORY / "docs" / "performance.svg"
FITTING, MOST_FITTING = "of it LightGBM", 1.1
"""Most that LightGBM's part of a training may cost, as a multiple of the same call by hand."""
STEPS = ("ingest", "validate", "features", "score", "train", "measure")
ROWS, ROUNDS, WARM_UP_ROWS = 100_000, 3, 2_000


@dataclass(frozen=True)
class Figures:
    """What one side of a step took: medians of the rounds."""

    seconds: float
    """CPU-seconds."""
    megabytes: float
    """Peak resident memory of the process."""


@dataclass(frozen=True)
class Compared:
    """A step of ours, and the same by hand."""

    step: str
    ours: Figures
    by_hand: Figures
    limit: float | None
    by_hand_is: str

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Compared:
        """Return it from the values of `asdict`."""
        return cls(**values | {side: Figures(**values[side]) for side in ("ours", "by_hand")})

    @property
    def ratio(self) -> float:
        """Return the multiple of the processor time by hand."""
        return self.ours.seconds / self.by_hand.seconds

    @property
    def cells(self) -> list[str]:
        """Return the cells of its line of the table; memory is the peak of the process."""
        sides = (self.ours, self.by_hand)
        seconds, memory = ([f"{getattr(side, name):,.{places}f}" for side in sides] for name, places in FIGURES)
        return [self.step, *seconds, f"{self.ratio:.2f}", target(self.ratio, self.limit), *memory, self.by_hand_is]


FIGURES = (("seconds", 2), ("megabytes", 0))
"""Figures of a side, and their decimal places."""


def measure_once(step: str, side: str, folder: Path) -> None:
    """In a process of its own: print CPU-seconds and peak memory of one side of a step."""
    from benchmarks.steps import PAIRS, USE_CASE, open_project

    pair, fitting = PAIRS[step], measure_fitting()
    for size in ("warm_up", "measured"):
        set_home(folder / size)
        fitting.clear()
        before = cpu_seconds()
        rows = pair.ours(open_project(USE_CASE)) if side == "ours" else pair.by_hand(folder / size / "by_hand")
        spent = cpu_seconds() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "seconds": spent, "megabytes": peak, "fitting": sum(fitting)}))


def cpu_seconds() -> float:
    """Return the processor time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure_fitting() -> list[float]:
    """From now on, record the processor time of each call of `lightgbm.train` in the returned list."""
    import lightgbm

    spent: list[float] = []
    real = lightgbm.train

    def train(*given: Any, **named: Any) -> Any:
        before = cpu_seconds()
        booster = real(*given, **named)
        spent.append(cpu_seconds() - before)
        return booster

    lightgbm.train = train
    return spent


def set_home(home: Path) -> None:
    """Let the settings name a prepared home and its rows a day."""
    os.environ |= {
        "AIRWORTHY_HOME": str(home),
        "BENCH_ROWS": (home / "rows").read_text(),
        "MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db",
    }


def _measured(step: str, side: str, folder: Path, number: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bench", "--only", step, side, str(folder)]
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=os.environ | {"BENCH_ROUND": str(number)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{step} ({side}) failed:\n{done.stderr[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(folder: Path, rounds: int, steps: Sequence[str]) -> list[Compared]:
    """Measure these steps, ours and by hand in turn."""
    from benchmarks.steps import PAIRS

    compared = []
    for step in steps:
        pair = PAIRS[step]
        found: dict[str, list[dict[str, float]]] = {"ours": [], "by_hand": []}
        for number in range(rounds):
            for side, measurements in found.items():
                measurements.append(_measured(step, side, folder, number))
        sides = {
            side: Figures(*(statistics.median(one[name] for one in measured) for name in ("seconds", "megabytes")))
            for side, measured in found.items()
        }
        compared.append(Compared(step, sides["ours"], sides["by_hand"], pair.limit, pair.by_hand_is))
        if step == "train":
            compared.append(_fitting(found))
        for one in compared[-2:] if step == "train" else compared[-1:]:
            print(f"{one.step:>14}: {one.ours.seconds:7.2f} CPU-s, by hand {one.by_hand.seconds:7.2f},"
                  f" ratio {one.ratio:.2f}", flush=True)  # fmt: skip
    return compared


def _fitting(found: dict[str, list[dict[str, float]]]) -> Compared:
    """Compare the calls of LightGBM alone."""
    sides = {
        side: Figures(
            statistics.median(one["fitting"] for one in measured),
            statistics.median(one["megabytes"] for one in measured),
        )
        for side, measured in found.items()
    }
    return Compared(FITTING, sides["ours"], sides["by_hand"], MOST_FITTING, "`lightgbm.train` alone")


COLUMNS = ("step", "ours, CPU-s", "by hand, CPU-s", "ratio", "at most", "ours, MB", "by hand, MB", "by hand is")


def write_page(compared: list[Compared], rows: int, rounds: int) -> None:
    """Write the table of a size to the page, and the plot of all sizes; other steps and sizes keep theirs."""
    known = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}
    of_size = known.setdefault(str(rows), {}) | {each.step: asdict(each) for each in compared}
    known[str(rows)] = {step: of_size[step] for step in (*STEPS[:5], FITTING, *STEPS[5:]) if step in of_size}
    MEASURED.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    lines = [Compared.from_values(each).cells for each in known[str(rows)].values()]
    write_section(f"{rows:,} rows a day", f"{measured_on(f'medians of {rounds} rounds')}\n\n{table(COLUMNS, lines)}")
    plot_sizes({size: known[size] for size in sorted(known, key=int)}, PLOT)


def outside(compared: list[Compared], rows: int) -> list[str]:
    """Return the steps whose ratio left the band that is recorded for this size."""
    bands = tomllib.loads(BANDS.read_text(encoding="utf-8")).get(str(rows), {})
    return [
        f"{each.step}: {each.ratio:.2f} is not within {low} to {high}"
        for each in compared
        for low, high in [bands.get(each.step, (0.0, float("inf")))]
        if not low <= each.ratio <= high
    ]


def main() -> None:
    """Measure, print, and write the page; with `--check`, compare with the recorded bands instead."""
    if sys.argv[1:2] == ["--only"]:
        measure_once(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="airworthy-bench-") as folder:
        for name, rows in (("warm_up", WARM_UP_ROWS), ("measured", given.rows)):
            home = Path(folder) / name
            home.mkdir()
            (home / "rows").write_text(str(rows))
            set_home(home)
            subprocess.run(
                [sys.executable, "-m", "benchmarks.prepare", str(home), *given.steps], cwd=REPOSITORY, check=True
            )
        compared = compare(Path(folder), given.rounds, given.steps)
    if given.check:
        if wrong := outside(compared, given.rows):
            raise SystemExit("Outside of the recorded band:\n  " + "\n  ".join(wrong))
    else:
        write_page(compared, given.rows, given.rounds)


if __name__ == "__main__":
    main()
