"""Rules for every DAG of every use case, checked as Airflow reads the files."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.encoders import coerce_to_core_timetable
from airflow.timetables.base import TimeRestriction
from pendulum import WeekDay

from include.declaration.period import Period
from include.declaration.retention import Retention
from include.declaration.use_case_discovery import all_use_cases
from include.orchestration.dag_factory import maintenance_dag, period_dag, training_dag
from include.orchestration.priority import STRATEGY, BackfillsLast
from include.orchestration.retries import RETRIES, RetryTemporaryErrors
from include.orchestration.task_links import LINKS
from include.orchestration.timetable import PeriodTimetable
from include.orchestration.trigger_training import TrainingLink
from include.pipelines.pipelines import PIPELINES
from include.settings import REPOSITORY

HEAVY = {"pandas", "lightgbm", "mlflow", "great_expectations", "duckdb", "ibis", "sklearn", "matplotlib", "deltalake"}
TASKS = {
    "data": ["ingest", "validate", "build_features"],
    "train": ["prepare", "tune", "train", "evaluate", "register", "request_approval", "approve", "promote"],
    "score": ["wait_for_features", "score", "score_shadow"],
    "monitor": ["wait_for_predictions", "measure"],
    "retrain": ["wait_for_metrics", "decide", "reserve_slot", "train", "record_outcome"],
    "maintenance": ["maintain"],
    "backfill": [
        "plan",
        *(f"{prefix}{phase}" for phase in ("land", "build", "score", "measure") for prefix in ("plan_", "")),
        "reconcile",
    ],
    "go_live": ["plan", "plan_land", "land", "plan_build", "build", "walk", "announce_champions", "report"],
    "quarantine": ["resubmit"],
    "reproduce": ["reproduce"],
    "rollback": ["roll_back"],
    "trial": ["change_trial", "judge", "request_approval", "approve", "promote"],
}
OF_AIRFLOW = {"request_approval", "approve"}
"""Tasks of a training in which a person is asked: only Airflow can."""
DEFERRABLE = "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE"
BY_HAND = {"backfill", "go_live", "quarantine", "reproduce", "rollback", "trial"}
"""Kinds that only a person starts: no schedule, and no day."""
NAMES = [f"{use_case}__{kind}" for use_case in all_use_cases() for kind in TASKS]
SCHEDULED = [name for name in NAMES if name.partition("__")[2] not in BY_HAND | {"maintenance"}]
STARTED_BY_HAND = [name for name in NAMES if name.partition("__")[2] in BY_HAND]


@pytest.fixture(scope="module")
def dags():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DEFERRABLE, "True")  # as `make up` has it
        return read("")


def read(path):
    """The DAGs of the files there, as Airflow reads them."""
    bag = DagBag(str(REPOSITORY / "dags" / path), bundle_path=REPOSITORY / "dags", bundle_name="test")
    assert not bag.import_errors
    return bag.dags


def test_every_use_case_has_its_dags_and_there_are_no_others(dags):
    assert sorted(dags) == sorted(NAMES)


def test_a_new_dag_is_paused_so_that_no_use_case_runs_before_a_person_unpauses_it(dags):
    assert conf.getboolean("core", "dags_are_paused_at_creation")
    assert {name for name, dag in dags.items() if dag.is_paused_upon_creation is False} == set()


@pytest.mark.parametrize("name", NAMES)
def test_the_tasks_run_one_after_the_other_under_names_that_say_what_they_do(dags, name):
    tasks = dags[name].topological_sort()
    assert [task.task_id for task in tasks] == TASKS[name.partition("__")[2]]


@pytest.mark.parametrize("kind", PIPELINES)
def test_a_dag_runs_the_steps_of_its_pipeline_in_their_order(dags, kind):
    tasks = [task.task_id for task in dags[f"flight_delays__{kind}"].topological_sort()]
    steps = [task for task in tasks if task not in OF_AIRFLOW and not task.startswith("wait_for_")]
    assert steps == [step.__name__ for step in PIPELINES[kind]]


@pytest.mark.parametrize("name", NAMES)
def test_a_person_finds_owner_tags_and_text(dags, name):
    dag = dags[name]
    use_case, kind = name.split("__")
    declared = all_use_cases()[use_case]
    assert {use_case, kind} <= dag.tags
    assert dag.owner == declared.owner
    assert declared.objective in dag.doc_md
    assert declared.notice in dag.doc_md
    assert "{" not in dag.doc_md.replace('{"num_leaves": 15}', ""), "a placeholder was left in the text"


def test_lists_are_in_the_order_of_the_life_of_a_model(dags):
    shown = sorted(dag.dag_display_name for name, dag in dags.items() if name.startswith("flight_delays__"))
    assert shown == [
        *(f"Flight delays · {name}" for name in ("1 data", "2 train", "3 score", "4 monitor", "5 retrain")),
        *(f"Flight delays · {name}" for name in ("backfill", "go live", "maintenance", "quarantine")),
        *(f"Flight delays · {name}" for name in ("reproduce", "rollback", "trial")),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_tasks_link_to_what_they_make(dags, name):
    linked = {task.task_id: tuple(task.operator_extra_links) for task in dags[name].tasks if task.operator_extra_links}
    own = {"train": (TrainingLink(),)} if name.endswith("__retrain") else {}
    assert linked == {**LINKS.get(name.partition("__")[2], {}), **own}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_task_returns_is_not_in_its_log(dags, name):
    decorated = [task for task in dags[name].tasks if hasattr(task, "show_return_value_in_logs")]
    assert [task.task_id for task in decorated if task.show_return_value_in_logs] == []


@pytest.mark.parametrize("name", SCHEDULED)
def test_a_form_asks_for_the_day(dags, name):
    assert dags[name].params.get_param("period").schema["format"] == "date"


@pytest.mark.parametrize("name", STARTED_BY_HAND)
def test_what_only_a_person_starts_has_no_schedule_and_one_run_at_a_time(dags, name):
    assert dags[name].timetable.can_be_scheduled is False
    assert (dags[name].max_active_runs, list(dags[name].params).count("period")) == (1, 0)


def test_maintenance_is_a_dry_run_and_has_no_schedule_that_a_trigger_could_unpause(dags):
    dag = dags["flight_delays__maintenance"]
    assert {field: dag.params.get_param(field).value for field in dag.params} == {"apply_changes": False}
    assert dag.max_active_runs == 1
    assert dag.timetable.can_be_scheduled is False


def test_maintenance_that_is_declared_automatic_begins_on_the_next_sunday():
    use_case = replace(all_use_cases()["flight_delays"], retention=Retention(automatic=True))
    dag, now = maintenance_dag(use_case, "maintenance", params={}), datetime.now(UTC)
    first = coerce_to_core_timetable(dag.timetable).next_dagrun_info_v2(
        last_dagrun_info=None, restriction=TimeRestriction(dag.start_date, None, catchup=False)
    )
    local = first.run_after.in_timezone(use_case.time_zone)
    assert (local.day_of_week, local.hour) == (WeekDay.SUNDAY, 4)
    assert now - timedelta(hours=1) < first.run_after <= now + timedelta(days=8)


@pytest.mark.parametrize("kind", ["data", "score", "monitor", "retrain", "train"])
def test_no_run_is_scheduled_after_the_last_day_of_a_use_case_that_ends(kind):
    last_period = Period("2013-12-31")
    use_case = replace(all_use_cases()["flight_delays"], last_period=last_period)
    dag = (
        training_dag(use_case, kind, params={})
        if kind == "train"
        else period_dag(use_case, kind, from_now_on=kind == "retrain")
    )
    timetable = coerce_to_core_timetable(dag.timetable)
    restriction = TimeRestriction(dag.start_date, dag.end_date, catchup=False)
    assert timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction) is None
    restriction = TimeRestriction(timetable.resolve_partition_date("2013-12-23"), dag.end_date, catchup=True)
    info, found = None, []
    while info := timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction):
        found.append(info.partition_key)
    assert found[0] == "2013-12-23" and found[-1] == ("2013-12-30" if kind == "train" else "2013-12-31")


def test_a_rollback_cannot_be_sent_without_version_day_and_reason(dags):
    params = dags["flight_delays__rollback"].params
    assert list(params) == ["version", "effective_from", "reason"]
    for field in params:
        assert not params.get_param(field).has_value
    with pytest.raises(ParamValidationError):
        params.get_param("effective_from").resolve("yesterday")


@pytest.mark.parametrize("name", SCHEDULED)
def test_the_form_can_be_sent_as_it_opens_but_for_the_day(dags, name):
    """The UI asks for every field that has no value, unless null is among its types."""
    for field in dags[name].params:
        param = dags[name].params.get_param(field)
        assert param.value is not None or "null" in param.schema["type"], field
        assert param.value not in ("", {}), field


@pytest.mark.parametrize("name", SCHEDULED)
def test_runs_are_at_midnight_where_the_use_case_is_and_none_is_caught_up(dags, name):
    dag = dags[name]
    assert isinstance(dag.timetable, PeriodTimetable)
    assert not dag.catchup
    now = datetime.now(UTC)
    first = coerce_to_core_timetable(dag.timetable).next_dagrun_info_v2(
        last_dagrun_info=None, restriction=TimeRestriction(dag.start_date, None, catchup=False)
    )
    local = first.run_after.in_timezone(all_use_cases()[name.partition("__")[0]].time_zone)
    assert (local.hour, local.minute, first.partition_key) == (0, 0, local.date().isoformat())
    if name.endswith("__train"):
        assert local.day_of_week == WeekDay.MONDAY
    if name.endswith(("__train", "__retrain")):
        assert first.run_after > now - timedelta(hours=1), "unpausing must not train at once as of a past Monday"
    else:
        assert first.run_after <= now


@pytest.mark.parametrize("name", NAMES)
def test_every_task_has_a_limit_and_input_output_is_tried_again_with_backoff(dags, name):
    for task in dags[name].tasks:
        if task.task_id.startswith("wait_for_"):
            assert task.limit < task.execution_timeout
        if task.task_id == "approve":
            assert task.response_timeout == all_use_cases()[name.partition("__")[0]].approval.wait
        else:
            assert task.execution_timeout is not None
        assert task.retries == RETRIES
        assert isinstance(task.retry_policy, RetryTemporaryErrors)
        assert task.retry_exponential_backoff


def test_chunks_of_a_backfill_leave_slots_to_other_tasks(dags):
    pools = {task.task_id: task.pool for task in dags["flight_delays__backfill"].tasks}
    assert {name for name, pool in pools.items() if pool == "backfill"} == {"land", "build", "score", "measure"}


def test_tasks_of_backfills_wait_for_all_other_tasks(dags):
    def weight(dag_id: str, run_id: str) -> set[int]:
        assert {task.weight_rule for task in dags[dag_id].tasks} == {STRATEGY}
        return {BackfillsLast().get_weight(SimpleNamespace(dag_id=dag_id, run_id=run_id))}

    scheduled = weight("flight_delays__data", "scheduled__2013-01-05")
    by_hand = weight("flight_delays__train", "manual__2013-01-05T00:00:00+00:00")
    (history,) = {
        *weight("flight_delays__data", "backfill__2013-01-05"),
        *weight("flight_delays__backfill", "manual__2013-01-05T00:00:00+00:00"),
        *weight("flight_delays__go_live", "manual__2013-01-05T00:00:00+00:00"),
    }
    assert scheduled == by_hand and all(weight > history for weight in scheduled)


def test_trainings_wait_for_each_other(dags):
    pools = {task.task_id: task.pool for task in dags["flight_delays__train"].tasks}
    assert pools == {**dict.fromkeys(TASKS["train"], "default_pool"), "tune": "training", "train": "training"}


def test_the_asset_graph_shows_the_whole_chain(dags):
    reads, writes = set(), set()
    for kind in TASKS:
        for task in dags[f"flight_delays__{kind}"].tasks:
            reads |= {asset.name.partition("/")[2] for asset in task.inlets}
            writes |= {asset.name.partition("/")[2] for asset in task.outlets}
    by_use_case_alone = {"decisions", "retrainings", "maintenance"}
    assert writes == {"raw", "checked", "features", "labels", "model", "predictions", "metrics", *by_use_case_alone}
    assert reads == writes - by_use_case_alone


def test_one_day_is_decided_at_a_time_and_its_training_is_waited_for_without_a_slot(dags):
    dag = dags["flight_delays__retrain"]
    assert dag.max_active_runs == 1
    train = dag.get_task("train")
    assert (train.training_dag_id, train.deferrable) == ("flight_delays__train", True)
    assert train.execution_timeout > all_use_cases()["flight_delays"].approval.wait


def test_a_day_may_be_decided_for_longer_than_it_may_be_waited_for_with_measuring(dags):
    """Both begin at the same midnight: where the day is never scored, it is measured only when that wait is over."""
    for use_case in all_use_cases():
        measuring = dags[f"{use_case}__monitor"].get_task("wait_for_predictions").limit
        deciding = dags[f"{use_case}__retrain"].get_task("wait_for_metrics").limit
        assert deciding >= measuring + timedelta(hours=1)


@pytest.mark.parametrize("deferrable", ["True", "False"])
def test_one_option_of_airflow_says_whether_a_triggerer_waits(deferrable, configure):
    configure.airflow("operators", default_deferrable=deferrable)
    dags = [dag for path in ("score.py", "monitor.py", "retrain.py") for dag in read(path).values()]
    found = {task.task_id: task.deferrable for dag in dags for task in dag.tasks if hasattr(task, "deferrable")}
    tasks = ("wait_for_features", "wait_for_predictions", "wait_for_metrics", "train")
    assert found == dict.fromkeys(tasks, deferrable == "True")


@pytest.mark.slow
def test_reading_the_dag_files_imports_nothing_heavy():
    files = [str(path) for path in sorted((REPOSITORY / "dags").glob("*.py"))]
    code = (
        "import json, runpy, sys; import airflow.sdk\n"
        f"[runpy.run_path(path) for path in {files!r}]\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("path", sorted((REPOSITORY / "dags").glob("*.py")), ids=lambda path: path.name)
def test_a_dag_file_is_short(path: Path):
    assert len(path.read_text().splitlines()) <= 50
