"""The score tasks: a day is measured again where needed; a large day is scored in shards first."""

import importlib.util
import json
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest
from airflow.sdk import get_current_context
from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.sdk.exceptions import AirflowFailException

from include.lake.lake import Lake
from include.monitoring import durations, monitor
from include.monitoring.durations import CPU_SECONDS
from include.orchestration import callbacks
from include.orchestration.tasks import score as tasks
from include.project import open_project
from include.scoring import score as stage
from include.settings import REPOSITORY
from include.use_case import Scoring, ToFiles
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


# -- shards

SHARDED = replace(USE_CASE, scoring=Scoring(shard_rows=90))


@pytest.fixture(scope="module")
def dag_file() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score_dag", REPOSITORY / "dags" / "score.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_a_use_case_that_declares_the_rows_of_a_shard_has_tasks_for_shards(dag_file):
    dag = dag_file.make(replace(SHARDED, exports=(ToFiles("/out/{period}.csv"),)))
    tasks_in_order = [task.task_id for task in dag.topological_sort()]
    assert tasks_in_order == ["wait_for_features", "plan_shards", "score_shard", "score", "score_shadow", "export"]
    assert isinstance(dag.get_task("score_shard"), MappedOperator)
    assert dag.get_task("score").upstream_task_ids == {"plan_shards", "score_shard"}
    assert [task.task_id for task in dag_file.make(USE_CASE).topological_sort()] == [
        *("wait_for_features", "score", "score_shadow")
    ]


def test_no_task_waits_for_the_version_that_is_tried(dag_file):
    dag = dag_file.make(replace(SHARDED, exports=(ToFiles("/out/{period}.csv"),)))
    shadow = dag.get_task("score_shadow")
    assert (shadow.upstream_task_ids, shadow.downstream_task_ids) == ({"score"}, set())
    assert dag.get_task("export").upstream_task_ids == {"score"} and not shadow.outlets


def test_a_skipped_task_of_shards_does_not_skip_the_task_that_scores(dag_file):
    assert dag_file.make(SHARDED).get_task("score").trigger_rule == "none_failed_min_one_success"
    assert dag_file.make(USE_CASE).get_task("score").trigger_rule == "all_success"


@pytest.fixture
def in_a_task(champion, declare, run_as_task) -> SimpleNamespace:
    """The context of the tasks of one run, of the use case with shards."""
    context = {"dag_run": SimpleNamespace(partition_key=str(AS_OF)), "params": {"period": None}}
    events = run_as_task(context)
    declare(SHARDED)
    return SimpleNamespace(events=events, context=get_current_context)


def test_the_tasks_hand_on_a_plan_as_plain_values_and_name_the_rows_of_each_shard(in_a_task):
    planned = json.loads(json.dumps(tasks.plan_shards.function("toy")))
    names = []
    for shard in planned:
        assert tasks.score_shard.function("toy", shard)["made"]
        names.append(in_a_task.context()["shard_name"])
    assert names == ["rows 1 to 90", "rows 91 to 180", "rows 181 to 200"]
    result = tasks.score.function("toy", planned)
    assert (result["rows"], result["shards"], result["changed"]) == (200, 3, True)
    assert in_a_task.events.extra("toy/predictions")["rows"] == 200
    (cost,) = [each for each in durations.newest_costs(open_project(SHARDED), AS_OF) if each.step == "score"]
    assert cost.figure_of(CPU_SECONDS).value > result["shard_cpu_seconds"] > 0


def test_the_cost_of_shards_is_in_the_notes_of_the_commit(in_a_task):
    planned = tasks.plan_shards.function("toy")
    for shard in planned:
        tasks.score_shard.function("toy", shard)
    result = tasks.score.function("toy", planned)
    note = open_project(SHARDED).lake.as_of(AS_OF).note("predictions", AS_OF)
    assert note.cpu_seconds > result["shard_cpu_seconds"] > 0


def test_a_day_with_few_rows_has_no_shards_and_is_scored_by_the_last_task(in_a_task, declare):
    declare(replace(SHARDED, scoring=Scoring(shard_rows=200)))
    assert tasks.plan_shards.function("toy") == []
    result = tasks.score.function("toy", [])
    assert (result["rows"], result["shards"]) == (200, 0)


def test_a_missing_shard_fails_the_last_task_for_good(in_a_task):
    planned = tasks.plan_shards.function("toy")
    tasks.score_shard.function("toy", planned[0])
    with pytest.raises(AirflowFailException, match="shard 1 of"):
        tasks.score.function("toy", planned)
