"""The score task: metrics of a day that was measured before it was scored are measured and reported again."""

from types import SimpleNamespace

import pytest

from include.lake.lake import Lake
from include.monitoring import monitor
from include.orchestration import callbacks
from include.orchestration.tasks import score as tasks
from include.project import open_project
from include.scoring import score as stage
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.slow


@pytest.fixture
def notified(champion, monkeypatch, declare, run_as_task) -> list[str]:
    """The days whose breaches are reported, while the task believes that it runs in Airflow."""
    context = {"dag_run": SimpleNamespace(partition_key=str(AS_OF)), "params": {"period": None}}
    found: list[str] = []
    run_as_task(context)
    declare(USE_CASE)
    monkeypatch.setattr(callbacks, "notify_breaches", lambda use_case, period: found.append(str(period)))
    return found


def states() -> list[str]:
    rows = Lake.open(USE_CASE).as_of(AS_OF).read("metrics", since=AS_OF).to_pylist()
    return [row["missing_reason"] for row in rows if row["metric"] == "missing_predictions"]


def test_a_day_that_was_given_up_on_is_measured_again_when_it_is_scored_after_all(notified):
    monitor.monitor_period(open_project(USE_CASE), AS_OF)
    assert "run toy__score" in states()[0]
    tasks.score.function("toy")
    assert (states(), notified) == ([], [str(AS_OF)])
    tasks.score.function("toy")
    assert notified == [str(AS_OF)], "nothing has changed"


def test_a_task_that_was_killed_after_scoring_measures_the_day_when_it_runs_again(notified):
    monitor.monitor_period(open_project(USE_CASE), AS_OF)
    stage.score_period(open_project(USE_CASE), AS_OF)
    tasks.score.function("toy")
    assert (states(), notified) == ([], [str(AS_OF)])


def test_a_day_that_was_not_measured_yet_is_left_to_the_monitor(notified):
    tasks.score.function("toy")
    assert not Lake.open(USE_CASE).as_of(AS_OF).partitions("metrics")
    assert notified == []
