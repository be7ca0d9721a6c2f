"""A backfill at the same time as manual runs of its days: many processes make the same tables as one."""

from __future__ import annotations

import random

import pytest

from include.declaration.period import Period
from include.features import build
from include.ingestion import ingest, validate
from include.project import open_project
from include.promotion import promote
from include.scoring import score
from tests.conftest import AS_OF, moved_into
from tests.drills import life, processes
from tests.drills.report import Row
from tests.toy_use_case import USE_CASE

DAYS = [Period("2020-01-02") + n for n in range(5)]
SCORED = [AS_OF + n for n in range(3)]


def run_days(periods: list[Period]) -> None:
    for period in periods:
        ingest.ingest_period(open_project(USE_CASE), period)
        validate.validate_period(open_project(USE_CASE), period)
        build.build_features(open_project(USE_CASE), period)


def promote_and_score(periods: list[Period], actor: str) -> None:
    promote.promote_version(open_project(USE_CASE), "1", actor=actor)
    for period in periods:
        score.score_period(open_project(USE_CASE), period)


def race(works: list[tuple]) -> None:
    """Processes that begin at the same time, each with its own work."""
    trials = [processes.Trial(*work) for work in works]
    for trial in trials:
        trial.finish()


def shuffled(periods: list[Period], writers: int) -> list[list[Period]]:
    """The first in order, as a backfill; the others in orders of their own, some days twice."""
    rng = random.Random(5)
    return [periods, *(rng.sample(periods, len(periods)) + rng.choices(periods, k=2) for _ in range(writers - 1))]


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_HOME", str(tmp_path_factory.mktemp("alone")))
        run_days(DAYS)
        return life.tables()


@pytest.mark.slow
def test_a_backfill_next_to_manual_runs_of_the_same_days_ends_in_the_same_tables(alone, survived, lake_home):
    lake_home.mkdir()
    race([(run_days, periods) for periods in shuffled(DAYS, 4)])
    found = life.tables()
    lost = life.rows_lost(alone, found)
    guard = "a commit that meets another looks again, and commits nothing where its content is there"
    survived(Row("a backfill with 3 manual runs of its days", guard, 4, lost, found == alone))


@pytest.mark.drill
def test_promotions_and_scores_that_race_end_as_those_of_one(survived, tmp_path, trained):
    """Six processes promote one version and score the same days; one entry, and one partition a day."""
    from include.promotion import register

    with moved_into(trained[0], tmp_path / "alone"):
        register.register_run(open_project(USE_CASE), trained[1])
        promote_and_score(SCORED, "a race")
        reference = life.state()
    with moved_into(trained[0], tmp_path / "raced"):
        register.register_run(open_project(USE_CASE), trained[1])
        race([(promote_and_score, periods, "a race") for periods in shuffled(SCORED, 6)])
        found = life.state()
    lost = life.rows_lost(reference["tables"], found["tables"])
    guard = "an entry is a file made once; a day is one commit"
    survived(Row("6 processes promote and score at once", guard, 6, lost, found == reference))
