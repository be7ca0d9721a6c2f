"""kill -9 of a shard or of the task that commits publishes nothing, and the next try ends as if there was none."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import pytest

from include.lake import inventory
from include.lake.lake import Lake
from include.lake.partitions import Partition
from include.project import open_project
from include.scoring import score, shards
from include.scoring.shard_plan import ShardPlan
from include.use_case import Scoring
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("champion")]
SHARDED = replace(USE_CASE, scoring=Scoring(shard_rows=70))
MOMENTS: dict[str, tuple[str, str, str]] = {
    "shard: while predicting": ("shard", "include.model.model.Model", "predict_encoded"),
    "shard: before its file is there": ("shard", "include.scoring.shard_files.ShardFiles", "store"),
    "commit: while reading shards": ("commit", "include.validation.tallies.PredictionTally", "merge"),
    "commit: before the commit": ("commit", "include.lake.table_writer.TableWriter", "_commit"),
    "commit: after the commit": ("commit", "include.scoring.shard_files.ShardFiles", "remove"),
    "commit: while files are removed": ("commit", "include.lake.object_store.StoragePath", "remove"),
}
"""When: the task, and the method in whose second call, or only call, it is killed."""
SECOND = {"shard: while predicting", "commit: while reading shards", "commit: while files are removed"}
PUBLISHED = {"commit: after the commit", "commit: while files are removed"}


def _die(moment: str, plan: ShardPlan) -> None:
    """In a process of its own: do the task, and be killed in the middle of it."""
    task, owner, name = MOMENTS[moment]
    module, _, attribute = owner.rpartition(".")
    target: Any = getattr(__import__(module, fromlist=[attribute]), attribute)
    real: Callable[..., Any] = getattr(target, name)
    calls = iter(range(1 if moment in SECOND else 0))

    def dying(*args: Any, **options: Any) -> Any:
        if next(calls, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **options)

    setattr(target, name, dying)
    score.BATCH_ROWS = 10
    project = open_project(SHARDED)
    if task == "shard":
        shards.score_shard(project, plan, 1)
    else:
        shards.commit_shards(project, plan)


def published() -> Partition | None:
    """The day's partition of predictions."""
    return Lake.open(USE_CASE).as_of(AS_OF).partitions("predictions", AS_OF, AS_OF).get(AS_OF)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_task_publishes_all_or_nothing_and_its_next_try_ends_the_same(moment):
    project = open_project(SHARDED)
    plan = shards.plan_shards(project, AS_OF)
    assert plan is not None
    killed_shard = moment.startswith("shard")
    for number in range(plan.count):
        if not (killed_shard and number == 1):
            shards.score_shard(project, plan, number)
    process = get_context("spawn").Process(target=_die, args=(moment, plan))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert bool(published()) is (moment in PUBLISHED)
    project = open_project(SHARDED)
    if killed_shard:
        assert shards.score_shard(project, plan, 1).made
    result = shards.commit_shards(project, plan)
    assert result.changed is (moment not in PUBLISHED)
    left = [file.name for file in inventory.list_files(project.root / "shards")]
    assert all("/.writing-" in f"/{name}" for name in left), left
    before = published()
    assert not score.score_period(open_project(USE_CASE), AS_OF).changed
    assert published() == before
