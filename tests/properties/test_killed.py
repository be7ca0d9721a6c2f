"""A step that is killed at its commit leaves the old partition intact, and the next run completes it."""

import os
import signal
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.features import build
from include.ingestion import ingest, validate
from include.lake.lake import Lake
from include.project import open_project
from tests.toys import TOYS, Toy, every_toy, short

pytestmark = pytest.mark.both_places(long=True)

STAGES = {"ingest": ingest.ingest_period, "validate": validate.validate_period, "build_features": build.build_features}
FEWER = 50


def table_of(stage: str, toy: Toy) -> str:
    return {"ingest": f"raw/{toy.main_feed}", "validate": f"checked/{toy.main_feed}"}.get(stage, "features")


def correct_the_source(toy: Toy, patch: pytest.MonkeyPatch) -> int:
    """Let the toy's main feed deliver fewer rows than before; how many it delivers now."""
    deliver = getattr(toy.source, toy.main_feed)

    def fewer(period: Period) -> pa.Table:
        return deliver(period).slice(FEWER)

    patch.setattr(toy.source, toy.main_feed, fewer)
    return fewer(toy.periods[0]).num_rows


def _die_at_commit(name: str, stage: str, moment: str, home: str) -> None:
    """In a process of its own: run the stage on corrected rows, and be killed before or within its commit."""
    os.environ["AIRWORTHY_HOME"] = home
    from include.lake import table_writer

    (toy,) = (each for each in TOYS if each.name == name)
    use_case, period = short(toy), toy.periods[0]
    correct_the_source(toy, pytest.MonkeyPatch())
    if stage != "ingest":
        ingest.ingest_period(open_project(use_case), period)
    if stage == "build_features":
        validate.validate_period(open_project(use_case), period)
    write = table_writer.write_partition_file

    def dying(path, schema, batches, *options):
        if moment == "while writing":
            write(path, schema, _killing(batches), *options)
        os.kill(os.getpid(), signal.SIGKILL)

    if moment == "before the commit":
        table_writer.TableWriter._commit = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    else:
        table_writer.write_partition_file = dying
    STAGES[stage](open_project(use_case), period)


def _killing(batches):
    for batch in batches:
        yield batch.slice(0, 10)
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
@every_toy
@pytest.mark.parametrize("moment", ["before writing", "while writing", "before the commit"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_killed_at_its_commit_leaves_the_old_day_whole(lake_home: Path, monkeypatch, stage, moment, toy):
    use_case, period = short(toy), toy.periods[0]

    def rows() -> int:
        return Lake.open(use_case).as_of(period).read(table_of(stage, toy), since=period).num_rows

    for each in STAGES.values():
        each(open_project(use_case), period)
    before = rows()
    # Spawned: the Delta library must not be used in a process that was forked after using it.
    process = get_context("spawn").Process(target=_die_at_commit, args=(toy.name, stage, moment, str(lake_home)))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert rows() == before
    after = correct_the_source(toy, monkeypatch)
    for each in STAGES.values():
        each(open_project(use_case), period)
    assert rows() == after == before - FEWER
