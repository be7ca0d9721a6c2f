"""Every step is killed at random moments (SIGKILL) and run again: the result is as without the kill."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import moved_into
from tests.drills import around, life, processes
from tests.drills.report import Row
from tests.landing_bucket import connection_to

ATTEMPTS = 6
"""Draws of a moment for one kill, each from half as long a time: a process quicker than measured has ended before."""
GUARDS = {
    "ingest": "one commit per feed and day; what is stored is not committed again",
    "validate": "one commit per feed and day; pages are written whole",
    "build_features": "one commit per day; look-back days that are missing are landed again",
    "train": "a run that is not complete is never used; an equal one is trained again",
    "evaluate": "the gate results count only with the tag that is set last",
    "register": "versions are known by their fingerprint; the registry is made to follow",
    "promote": "ledger first, whole or not at all; the registry is made to follow it",
    "rollback": "ledger first, whole or not at all; the registry is made to follow it",
    "score": "one commit per day",
    "measure": "one commit per day",
    "decide": "one commit per day, and the first is kept",
    "claim": "a slot is a file that is made once, by the first process",
    "record_outcome": "one commit per day",
    "correct": "a correction is a file that is made once; the same again changes nothing",
    "collect": "one commit per feed and day, rows before the record of their files",
    "maintain": "what is needed is never planned; what is gone is not planned again",
    "approve": "one tag of the version",
    "reproduce": "the version is tagged with the outcome last",
}
STEPS = around.STEPS


def _step(name: str) -> None:
    STEPS[name].run()


def _found(name: str) -> dict[str, Any]:
    """All that is there after that step, as plain values."""
    return life.state() | {"left": STEPS[name].left()}


class Chain:
    """Homes before and after each step of an undisturbed life, made when they are asked for."""

    def __init__(self, first: Path, folder: Path) -> None:
        self._homes, self._folder = [first], folder
        self.seconds: dict[str, float] = {}
        self.after: dict[str, dict[str, Any]] = {}

    def before(self, name: str) -> Path:
        """The home in which that step is the next to be run."""
        place = list(STEPS).index(name)
        for each in list(STEPS)[len(self._homes) - 1 : place + 1]:
            home = self._folder / each
            with moved_into(self._homes[-1], home):
                self.seconds[each] = processes.run(_step, each)
                self.after[each] = _found(each)
            self._homes.append(home)
        return self._homes[place]


@pytest.fixture(scope="module")
def chain(tmp_path_factory, filled: Path, tracking_template: Path) -> Chain:
    first = tmp_path_factory.mktemp("filled with a store")
    (first / "home").mkdir()
    (first / "home" / "lake").symlink_to(filled / "lake")
    (first / "home" / "mlflow.db").write_bytes(tracking_template.read_bytes())
    return Chain(first / "home", tmp_path_factory.mktemp("chain"))


@pytest.fixture(scope="module")
def landing(s3_server: str) -> Iterator[None]:
    """A landing bucket with files, and Airflow's Connection to it."""
    around.put_files(s3_server)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection_to(s3_server))
        yield


def killed(chain: Chain, name: str, folder: Path, rng: random.Random) -> dict[str, Any]:
    """What is there after the step was killed at a random moment, in a copy of the home before it, and run again."""
    before = chain.before(name)
    for attempt in range(ATTEMPTS):
        with moved_into(before, folder / str(attempt)):
            if processes.Trial(_step, name).kill_after(rng.uniform(0, chain.seconds[name] / 2**attempt)):
                processes.run(_step, name)
                return _found(name)
        shutil.rmtree(folder / str(attempt))
    raise AssertionError(f"{name} was never killed at work")


def drill(chain: Chain, name: str, trials: int, folder: Path) -> Row:
    """That, this many times."""
    rng, lost, unlike = random.Random(name), 0, []
    for trial in range(trials):
        found, undisturbed = killed(chain, name, folder / str(trial), rng), chain.after[name]
        lost += life.rows_lost(undisturbed["tables"], found["tables"])
        unlike += [{part: (undisturbed[part], found[part]) for part in found if found[part] != undisturbed[part]}]
        shutil.rmtree(folder / str(trial))
    differences = [each for each in unlike if each]
    for each in differences:
        print(each)
    return Row(f"SIGKILL in {name}", GUARDS[name], trials, lost, not differences)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ingest", "validate", "build_features"])
def test_killed_twice_anywhere_a_stage_of_the_data_ends_as_if_it_had_not_been(chain, survived, tmp_path, name):
    survived(drill(chain, name, 2, tmp_path))


@pytest.mark.drill
@pytest.mark.usefixtures("landing")
@pytest.mark.parametrize("name", GUARDS)
def test_killed_anywhere_a_stage_run_again_ends_as_if_it_had_not_been(chain, survived, tmp_path, name):
    survived(drill(chain, name, STEPS[name].trials, tmp_path))


def test_the_kills_are_a_hundred():
    assert sum(step.trials for step in STEPS.values()) == 100
    assert set(GUARDS) == {name for name, step in STEPS.items() if step.trials}
