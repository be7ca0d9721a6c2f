"""Thirty days of flights, scored in shards by two Celery workers; their data come from chunks of a backfill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from include.backfill.request import Phase
from include.backfill.states import BackfillStates
from include.backfill.work import work_chunk
from include.declaration.period import Period, period_range
from include.evaluation import evaluate
from include.lake import inventory
from include.lake.lake import Lake
from include.local.airflow_client import AirflowClient
from include.project import open_project
from include.promotion import promote, register
from include.scoring import score
from include.training import train
from include.use_case import Scoring, UseCase
from tests.conftest import draw_nothing, living_in
from tests.drills.life import tables
from tests.end_to_end.conftest import succeeded, until
from tests.integration.stack import WORKERS, Stack
from tests.integration.use_cases import sharded_flights
from tests.integration.walk import Walk

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600, method="signal")]

WALK = Walk(sharded_flights.USE_CASE, Period("2013-01-01"), Period("2013-02-11"), as_of=Period("2013-01-13"))
DAYS, SCORED = period_range(WALK.first, WALK.last), period_range(WALK.as_of, WALK.last)
WHOLE = replace(sharded_flights.USE_CASE, name="whole_flights", scoring=Scoring())
"""The same flights, scored by one task."""


@pytest.fixture(scope="module")
def scored(api: AirflowClient) -> AirflowClient:
    """The services' API, when they have built the data, trained, and scored the days in shards."""
    kinds = ("backfill", "train", "score")
    until(lambda: all(api.has_dag(WALK.dag(kind)) for kind in kinds), "the DAGs")
    for kind in kinds:
        api.unpause(WALK.dag(kind))
    asked = {"first": WALK.first.key, "last": WALK.last.key, "kinds": ["data"], "chunk_periods": 6}
    succeeded(api, WALK.dag("backfill"), api.trigger(WALK.dag("backfill"), conf=asked))
    training = api.trigger(WALK.dag("train"), conf={"period": WALK.as_of.key, "reason": "integration"})
    succeeded(api, WALK.dag("train"), training)
    WALK.backfill(api, "score", WALK.as_of)
    return api


@pytest.fixture
def as_operator(stack: Stack, scored: AirflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process finds lake and MLflow where the services have them."""
    for name, value in stack.places().items():
        monkeypatch.setenv(name, value)


def task_instances(api: AirflowClient, kind: str, task: str) -> Iterator[dict[str, Any]]:
    path, offset = f"/dags/{WALK.dag(kind)}/dagRuns/~/taskInstances", 0
    while page := api.call("GET", path, params={"limit": 100, "offset": offset, "task_id": task})["task_instances"]:
        yield from page
        offset += len(page)


def hosts(api: AirflowClient, kind: str, task: str) -> Counter[str]:
    found = list(task_instances(api, kind, task))
    assert {each["state"] for each in found} == {"success"}
    return Counter(each["hostname"] for each in found)


def in_one_process(use_case: UseCase, home: Path) -> dict[Period, tuple[str, int]]:
    """Digest and rows of the predictions of the same days, where one process does all, and without shards."""
    home.mkdir(parents=True)
    with living_in(home) as patch:
        draw_nothing(patch)
        project = open_project(use_case)
        states = BackfillStates.open(project, "whole")

        def work(phase: Phase, periods: list[Period]) -> None:
            assert {state.outcome for state in work_chunk(project, phase, periods, states).states} == {"done"}

        work("land", DAYS)
        work("build", DAYS)
        run_id = train.train_model(project, WALK.as_of, reason="to compare with").run_id
        evaluate.evaluate_run(project, run_id)
        version = register.register_run(project, run_id).version
        assert promote.promote_version(project, version, actor="a test").promoted
        work("score", SCORED)
        return tables(use_case)["predictions"]


@pytest.mark.usefixtures("as_operator")
def test_no_day_of_the_use_case_can_be_scored_by_one_task():
    with pytest.raises(sharded_flights.ScoredByOneTaskError):
        score.score_period(open_project(WALK.use_case), WALK.last)


@pytest.mark.usefixtures("as_operator")
def test_the_predictions_are_those_that_one_process_makes_without_shards(tmp_path):
    expected = in_one_process(WHOLE, tmp_path / "home")
    assert list(expected) == SCORED
    assert tables(WALK.use_case)["predictions"] == expected


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
    assert ran.total() == len(DAYS) // 6 and set(ran) == set(WORKERS)


@pytest.mark.usefixtures("as_operator")
def test_no_file_of_a_shard_is_left():
    project = open_project(WALK.use_case)
    assert inventory.list_files(project.root / "shards") == []
    assert Lake.open(WALK.use_case).as_of(WALK.last).partitions("predictions", WALK.as_of, WALK.last).keys() == {
        *SCORED
    }
