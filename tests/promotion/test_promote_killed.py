"""A promotion, rollback or rejection that is killed before a write is completed once by the next run."""

import contextlib
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

import pytest
from mlflow import MlflowClient

from include.declaration.period import Period
from include.lake.object_store import StoragePath
from include.project import open_project
from include.promotion import approve, rollback
from include.registry import sync
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry
from tests.toy_use_case import USE_CASE
from tests.versions import LATER, WRITES, alias, life, promoted, register, state


class Killed(BaseException):
    """As a kill: nothing catches it."""


def die_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the process be killed just before its write of that number, to the ledger or to MLflow."""
    done = [0]

    def counted(write: Callable) -> Callable:
        def perhaps(*args, **kwargs):
            done[0] += 1
            if done[0] == number:
                raise Killed
            return write(*args, **kwargs)

        return perhaps

    monkeypatch.setattr(StoragePath, "create", counted(StoragePath.create))
    for name in WRITES:
        monkeypatch.setattr(MlflowClient, name, counted(getattr(MlflowClient, name)))


@pytest.fixture
def reset(lake_home: Path) -> Iterator[Callable[[dict], None]]:
    """Brings registry and ledger back to where they stood at its first call, which is told how that looks."""
    kept, store, ledger = sqlite3.connect(":memory:"), lake_home / "mlflow.db", {}

    def copy(database: sqlite3.Connection, to: sqlite3.Connection) -> None:
        database.backup(to)  # a transaction of its own, which MLflow's open connections notice

    def back(before: dict) -> None:
        folder = Ledger.of(USE_CASE).folder
        with contextlib.closing(sqlite3.connect(store)) as database:
            if not ledger:
                copy(database, kept)
                ledger.update(dict.fromkeys(folder.names()))
            copy(kept, database)
        for name in set(folder.names()) - set(ledger):
            (folder / name).remove()
        assert state() == before

    yield back
    kept.close()


def promote_second() -> object:
    return promoted("2", actor="a run")


def roll_back_to_first() -> object:
    return rollback.roll_back(open_project(USE_CASE), "1", LATER, actor="a person", reason="worse")


def reject_third() -> object:
    return approve.record_approval(open_project(USE_CASE), "3", approved=False, actor="Ann", reason="no")


def prepare(run_id: str, action: Callable[[], object]) -> dict:
    """A champion, a version that waited for an approval it has by now, and one that nobody has promoted."""
    register(run_id), register(run_id, LATER), register(run_id, Period("2020-03-06"))
    promoted("1", actor="a run")
    promoted("2", actor="a run", approval_required=True)
    approve.record_approval(open_project(USE_CASE), "2", approved=True, actor="Ann", reason="yes")
    if action is roll_back_to_first:
        promote_second()
    return state()


@pytest.mark.parametrize(
    ("action", "repaired_by"),
    [
        (promote_second, "the same again"),
        (reject_third, "another's"),
        pytest.param(promote_second, "another's", marks=pytest.mark.slow),
        pytest.param(roll_back_to_first, "the same again", marks=pytest.mark.slow),
        pytest.param(roll_back_to_first, "another's", marks=pytest.mark.slow),
        pytest.param(reject_third, "the same again", marks=pytest.mark.slow),
    ],
)
def test_killed_before_any_of_its_writes_the_next_run_ends_in_the_same_state(
    trained_toy, monkeypatch, reset, action, repaired_by
):
    before = prepare(trained_toy, action)
    reset(before)
    action()
    undisturbed = state()
    decided = {"entries": before["entries"], "tags": before["versions"]["3"][0].get("approval")}
    assert undisturbed != before
    killed = 0
    while True:
        reset(before)
        with monkeypatch.context() as patch:
            die_at(patch, killed + 1)
            try:
                action()
            except Killed:
                killed += 1
            else:
                break
        now = {"entries": state()["entries"], "tags": state()["versions"]["3"][0].get("approval")}
        if repaired_by == "another's" and now != decided:  # what was decided stands; the registry has yet to follow
            sync.sync_registry(Registry(USE_CASE), Ledger.of(USE_CASE))
        else:
            action()
        assert state() == undisturbed, f"killed before write {killed}"
    assert killed >= (4 if action is reject_third else 5)


def _die_between_ledger_and_alias(version: str) -> None:
    """In a process of its own, whose environment names the store: a kill that nothing can catch."""
    Registry.set_ledger_head = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    promoted(version, actor="a test")


@pytest.mark.slow
def test_a_process_killed_between_ledger_and_alias_leaves_one_entry_that_the_next_run_follows(
    trained_toy,
):
    version = register(trained_toy)
    process = get_context("spawn").Process(target=_die_between_ledger_and_alias, args=(version,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert (len(Ledger.of(USE_CASE).entries()), alias()) == (1, None)
    assert promoted(version, actor="a test").champion == version
    assert (len(Ledger.of(USE_CASE).entries()), alias(), life(version)) == (1, version, "champion")
