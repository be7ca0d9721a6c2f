"""Thirty days of flights, scored in shards by two Celery workers; their data come from chunks of a backfill."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from include.declaration.period import Period, period_range
from include.lake import inventory
from include.lake.lake import Lake
from include.local.airflow_client import AirflowClient
from include.project import open_project
from include.scoring import score
from include.settings import BACKFILL_POOL
from include.use_case import Scoring
from tests.drills.life import tables
from tests.end_to_end.conftest import succeeded, until
from tests.integration.stack import WORKERS, Stack
from tests.integration.use_cases import sharded_flights
from tests.integration.walk import Walk

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600, method="signal")]

WALK = Walk(sharded_flights.USE_CASE, Period("2013-01-01"), Period("2013-02-11"), as_of=Period("2013-01-13"))
DAYS, SCORED = period_range(WALK.first, WALK.last), period_range(WALK.as_of, WALK.last)
CHUNK = 6


@contextlib.contextmanager
def slots(api: AirflowClient, pool: str, number: int) -> Iterator[None]:
    """Give a pool that many slots for the block."""
    found = api.call("GET", f"/pools/{pool}")
    before = {name: found[name] for name in ("slots", "description", "include_deferred")} | {"pool": found["name"]}

    def change(values: dict[str, Any]) -> None:
        api.call("PATCH", f"/pools/{pool}", params={"update_mask": "slots"}, json=values)

    change(before | {"slots": number})
    try:
        yield
    finally:
        change(before)


@pytest.fixture(scope="module")
def scored(api: AirflowClient) -> AirflowClient:
    """The services' API, when they have built the data, trained, and scored the days in shards."""
    kinds = ("backfill", "train", "score")
    until(lambda: all(api.has_dag(WALK.dag(kind)) for kind in kinds), "the DAGs")
    for kind in kinds:
        api.unpause(WALK.dag(kind))
    asked = {"first": WALK.first.key, "last": WALK.last.key, "kinds": ["data"], "chunk_periods": CHUNK}
    with slots(api, BACKFILL_POOL, len(WORKERS) * 2):  # as many as all workers have, so that neither is without a chunk
        succeeded(api, WALK.dag("backfill"), api.trigger(WALK.dag("backfill"), conf=asked))
    training = api.trigger(WALK.dag("train"), conf={"period": WALK.as_of.key, "reason": "integration"})
    succeeded(api, WALK.dag("train"), training)
    WALK.backfill(api, "score", WALK.as_of)
    return api


@pytest.fixture(scope="module")
def as_operator(stack: Stack, scored: AirflowClient) -> Iterator[None]:
    """This process finds lake and MLflow where the services have them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.places().items():
            patch.setenv(name, value)
        yield


def task_instances(api: AirflowClient, kind: str, task: str) -> Iterator[dict[str, Any]]:
    path, offset = f"/dags/{WALK.dag(kind)}/dagRuns/~/taskInstances", 0
    while page := api.call("GET", path, params={"limit": 100, "offset": offset, "task_id": task})["task_instances"]:
        yield from page
        offset += len(page)


def hosts(api: AirflowClient, kind: str, task: str) -> Counter[str]:
    found = list(task_instances(api, kind, task))
    assert {each["state"] for each in found} == {"success"}
    return Counter(each["hostname"] for each in found)


@pytest.mark.usefixtures("as_operator")
def test_no_day_of_the_use_case_can_be_scored_by_one_task():
    with pytest.raises(sharded_flights.ScoredByOneTaskError):
        score.score_period(open_project(WALK.use_case), WALK.last)


@pytest.mark.usefixtures("as_operator")
def test_the_predictions_are_those_that_one_process_makes_of_each_day_without_shards():
    """The same features and the same model: a day whose predictions differed in a bit would be committed again."""
    before = tables(WALK.use_case)["predictions"]
    assert list(before) == SCORED
    project = open_project(replace(WALK.use_case, scoring=Scoring()))
    version = project.lake.as_of(WALK.last).version("predictions")
    for period in SCORED:
        result = score.score_period(project, period, rescore=True)
        assert (result.changed, result.shards, result.rows) == (False, 0, before[period][1])
    assert tables(WALK.use_case)["predictions"] == before
    assert project.lake.as_of(WALK.last).version("predictions") == version


def test_both_workers_score_shards(scored):
    ran = hosts(scored, "score", "score_shard")
    assert set(ran) == set(WORKERS)
    assert ran.total() > 2 * len(SCORED) and min(ran.values()) > len(SCORED) // 3, ran


def test_the_grid_names_the_rows_of_each_shard(scored):
    names = {each["rendered_map_index"] for each in task_instances(scored, "score", "score_shard")}
    assert {"rows 1 to 300", "rows 301 to 600"} <= names


@pytest.mark.parametrize("phase", ["land", "build"])
def test_both_workers_work_chunks_of_a_backfill(scored, phase):
    ran = hosts(scored, "backfill", phase)
    assert ran.total() == len(DAYS) // CHUNK and set(ran) == set(WORKERS)


@pytest.mark.usefixtures("as_operator")
def test_no_file_of_a_shard_is_left():
    project = open_project(WALK.use_case)
    assert inventory.list_files(project.root / "shards") == []
    assert Lake.open(WALK.use_case).as_of(WALK.last).partitions("predictions", WALK.as_of, WALK.last).keys() == {
        *SCORED
    }
