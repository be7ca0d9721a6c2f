"""Shards of every task's predictions are what one task makes: classes, numbers, intervals, and what was repaired."""

from __future__ import annotations

from dataclasses import asdict, replace

from include.lake.lake import Lake
from include.project import open_project
from include.scoring import score, shards
from include.use_case import Scoring
from tests.toys import every_toy


@every_toy
def test_shards_of_predictions_make_the_same_period(toy, champion):
    use_case, period = toy.use_case, toy.as_of
    rows = Lake.open(use_case).as_of(period).partitions("features", period, period)[period].rows
    project = open_project(replace(use_case, scoring=Scoring(shard_rows=max(1, rows // 3))))
    plan = shards.plan_shards(project, period)
    assert plan is not None and plan.count >= 3
    for number in range(plan.count):
        shards.score_shard(project, plan, number)
    made = shards.commit_shards(project, plan)
    assert made.changed
    again = score.score_period(open_project(use_case), period)
    assert not again.changed
    of_one_task = {"shards": 0, "shard_cpu_seconds": 0.0, "changed": False, "kept": True}
    assert asdict(again) == asdict(made) | of_one_task
