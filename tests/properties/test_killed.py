"""A stage that is killed at its commit leaves the old partition whole, and the next run mends what is missing."""

import os
import signal
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pytest

from include.stages import build_features, ingest, validate
from include.storage.lake import Lake
from tests.toy_use_case import USE_CASE, source

pytestmark = pytest.mark.both_places(long=True)

DAY = date(2020, 1, 10)
STAGES = {"ingest": ingest, "validate": validate, "build_features": build_features}
TABLES = {"ingest": "raw/events", "validate": "checked/events", "build_features": "features"}


def other_events(day: date) -> pa.Table:
    """The day's events as a corrected source delivers them: 150 rows instead of 200."""
    return source.everything(day, rows=150).drop_columns(["failed"])


def _die_at_commit(stage: str, moment: str, home: str) -> None:
    """In a process of its own: run the stage on corrected events, and be killed before or within its commit."""
    os.environ["AIRWORTHY_HOME"] = home
    from include.storage import lake as lake_module

    source.events = other_events
    if stage != "ingest":
        ingest.run(USE_CASE, DAY)
    if stage == "build_features":
        validate.run(USE_CASE, DAY)
    write = lake_module.write_partition_file

    def dying(path, schema, batches, *options):
        if moment == "while writing":
            write(path, schema, _killing(batches), *options)
        os.kill(os.getpid(), signal.SIGKILL)

    if moment == "before the commit":
        lake_module.Lake._commit = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    else:
        lake_module.write_partition_file = dying
    STAGES[stage].run(USE_CASE, DAY)


def _killing(batches):
    for batch in batches:
        yield batch.slice(0, 10)
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before writing", "while writing", "before the commit"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_killed_at_its_commit_leaves_the_old_day_whole(lake_home: Path, monkeypatch, stage, moment):
    def rows() -> int:
        return Lake.of(USE_CASE).as_of(DAY).read(TABLES[stage], since=DAY).num_rows

    for each in STAGES.values():
        each.run(USE_CASE, DAY)
    # Spawned: the Delta library must not be used in a process that was forked after using it.
    process = get_context("spawn").Process(target=_die_at_commit, args=(stage, moment, str(lake_home)))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert rows() == 200
    monkeypatch.setattr(source, "events", other_events)
    for each in STAGES.values():
        each.run(USE_CASE, DAY)
    assert rows() == 150
