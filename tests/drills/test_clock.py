"""A wrong or jumping clock changes no table, and days on which clocks change lose no row."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.features import build
from include.ingestion import ingest, validate
from include.lake.lake import Lake
from include.project import open_project
from include.settings import REPOSITORY
from tests.conftest import moved_into
from tests.drills import life
from tests.drills.report import Row

DATA = ("ingest", "validate", "build_features")
WHOLE_LIFE = (*DATA, "train", "evaluate", "register", "promote", "score", "measure")
CLOCKS = {
    "is years back": ["2020-11-01 01:59:50"],  # but not before the days: those would not have begun
    "is years ahead": ["2039-11-06 01:59:50"],
    "jumps back and forth between the stages": ["2031-01-01 00:00:00", "2020-12-31 23:59:59", "2026-03-08 06:59:59"],
}


BEFORE = "2013-03-10 01:59:50"
"""A time before every day of the life."""


def _at(clock: str, steps: list[str]) -> None:
    """Run the steps in a process whose clock begins at that time."""
    done = _ended(clock, steps)
    assert done.returncode == 0, done.stderr[-3000:]


def _ended(clock: str, steps: list[str]) -> subprocess.CompletedProcess[str]:
    command = [
        str(shutil.which("faketime")),
        "-f",
        f"@{clock}",
        sys.executable,
        "-m",
        "tests.drills.test_clock",
        *steps,
    ]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "DONT_FAKE_MONOTONIC": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1200, check=False)


def drill(first: Path, folder: Path, name: str, steps: tuple[str, ...]) -> Row:
    with moved_into(first, folder / "undisturbed"):
        for step in steps:
            life.STEPS[step].run()
        reference = life.state()
    clocks, each = CLOCKS[name], -(-len(steps) // len(CLOCKS[name]))
    with moved_into(first, folder / "drilled"):
        for number, clock in enumerate(clocks):
            _at(clock, list(steps[number * each : (number + 1) * each]))
        found = life.state()
    lost = life.rows_lost(reference["tables"], found["tables"])
    for part in found:
        if found[part] != reference[part]:
            print(part, reference[part], found[part])
    guard = f"no content depends on the clock ({', '.join(steps)})"
    return Row(f"the clock {name}", guard, len(steps), lost, found == reference)


@pytest.fixture(scope="module")
def first(tmp_path_factory, filled: Path, tracking_template: Path) -> Path:
    """A home with the filled lake and an empty tracking store."""
    if shutil.which("faketime") is None:
        pytest.skip("there is no faketime (Debian: apt-get install faketime), so no clock can be shifted")
    home = tmp_path_factory.mktemp("first") / "home"
    shutil.copytree(filled / "lake", home / "lake")
    (home / "mlflow.db").write_bytes(tracking_template.read_bytes())
    return home


@pytest.mark.drill
def test_the_data_of_a_day_do_not_depend_on_a_clock_that_jumps(first, survived, tmp_path):
    survived(drill(first, tmp_path, "jumps back and forth between the stages", DATA))


@pytest.mark.drill
@pytest.mark.parametrize("name", CLOCKS)
def test_a_whole_life_does_not_depend_on_the_clock(first, survived, tmp_path, name):
    survived(drill(first, tmp_path, name, WHOLE_LIFE))


@pytest.mark.drill
def test_a_clock_that_is_before_the_day_refuses_it_and_changes_nothing(first, survived, tmp_path):
    with moved_into(first, tmp_path / "drilled"):
        before = life.state()
        ended = [_ended(BEFORE, [step]) for step in DATA]
        refused = sum("NotBegunError" in done.stderr for done in ended if done.returncode)
        same = life.state() == before
    guard = f"a day that has not begun is refused ({', '.join(DATA)})"
    survived(Row("the clock is before the day", guard, len(DATA), 0, same and refused == len(DATA)))


FLIGHTS = load_use_case("flight_delays")
CHANGES = {"March, a day of 23 hours": Period("2013-03-10"), "November, a day of 25 hours": Period("2013-11-03")}


@pytest.mark.drill
@pytest.mark.parametrize("name", CHANGES)
def test_around_the_day_that_clocks_change_no_row_is_lost_and_no_order_or_zone_matters(
    survived, tmp_path, configure, name
):
    """Forward in UTC, and backward on a machine whose own clock is New York's."""
    import time

    middle, found, lost, trials = CHANGES[name], [], 0, 0
    periods = [middle + n for n in (-1, 0, 1, 2)]
    for zone, order in (("UTC", periods), ("America/New_York", periods[::-1])):
        configure(home=tmp_path / zone, time_zone=zone)
        time.tzset()
        for period in order:
            for stage in (ingest.ingest_period, validate.validate_period, build.build_features):
                stage(open_project(FLIGHTS), period)
            trials += 1
        found.append(life.tables(FLIGHTS))
        view = Lake.open(FLIGHTS).as_of(periods[-1])
        for feed in FLIGHTS.feeds:
            for period in periods:
                delivered = FLIGHTS.function("source", feed.name)(period).num_rows
                lost += delivered - view.partitions(f"checked/{feed.name}", period, period)[period].rows
    configure(time_zone="UTC")
    time.tzset()
    guard = "a day is the use case's calendar day; no code adds 24 hours"
    survived(Row(f"the clocks change: {name}", guard, trials, lost, found[0] == found[1]))


if __name__ == "__main__":
    for step in sys.argv[1:]:
        life.STEPS[step].run()
