"""One day in the real scheduler: data, training, promotion, scores, metrics. See also test_life.py."""

from __future__ import annotations

import pytest

from include.declaration.period import Period
from include.lake.lake import Lake
from include.local.airflow_client import AirflowClient, DagRun
from include.registry.ledger import Ledger
from tests.end_to_end.conftest import succeeded
from tests.end_to_end.judged.judged_toy import USE_CASE
from tests.integration.walk import Walk

pytestmark = pytest.mark.slow

DAY = Period("2020-01-16")
WALK = Walk(USE_CASE, DAY, DAY, as_of=DAY)


@pytest.fixture(scope="module")
def use_case_packages() -> str:
    return "tests.end_to_end.judged"


@pytest.fixture(scope="module")
def training(airflow: AirflowClient) -> DagRun:
    return WALK.by_services(airflow)


def test_a_day_holds_what_the_same_steps_make_in_one_process(training, tmp_path):
    found, expected = WALK.tables(), WALK.in_process(tmp_path / "home")
    assert expected["predictions"] and expected["metrics"]
    assert found == expected


def test_the_model_that_passed_its_gates_is_the_champion_of_the_day(training):
    entry = Ledger.open(USE_CASE).champion_of(DAY)
    assert entry is not None and (entry.version, entry.effective_from) == ("1", DAY)


def test_the_day_run_again_by_hand_commits_nothing(airflow, training):
    before = Lake.open(USE_CASE).as_of(DAY).partitions("features", since=DAY)
    for kind in ("data", "score"):
        succeeded(airflow, WALK.dag(kind), airflow.trigger(WALK.dag(kind), conf={"period": str(DAY)}))
    assert Lake.open(USE_CASE).as_of(DAY).partitions("features", since=DAY) == before
