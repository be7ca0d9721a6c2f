"""What every DAG of every use case must be, as Airflow itself reads the files."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import CronPartitionTimetable
from airflow.serialization.encoders import coerce_to_core_timetable
from airflow.timetables.base import TimeRestriction
from pendulum import WeekDay

from include.settings import REPOSITORY
from include.use_cases import all_use_cases

HEAVY = {"pandas", "lightgbm", "mlflow", "great_expectations", "duckdb", "ibis", "sklearn", "matplotlib", "deltalake"}
TASKS = {
    "data": ["ingest", "validate", "build_features"],
    "train": ["prepare", "train", "evaluate", "register", "promote"],
    "score": ["wait_for_features", "score", "measure"],
}
NAMES = [f"{use_case}__{kind}" for use_case in all_use_cases() for kind in TASKS]


@pytest.fixture(scope="module")
def dags():
    bag = DagBag(str(REPOSITORY / "dags"), bundle_path=REPOSITORY / "dags", bundle_name="test")
    assert not bag.import_errors
    return bag.dags


def test_every_use_case_has_its_dags_and_there_are_no_others(dags):
    assert sorted(dags) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_tasks_run_one_after_the_other_under_names_that_say_what_they_do(dags, name):
    tasks = dags[name].topological_sort()
    assert [task.task_id for task in tasks] == TASKS[name.partition("__")[2]]


@pytest.mark.parametrize("name", NAMES)
def test_a_person_finds_owner_tags_text_and_a_form_with_the_day(dags, name):
    dag = dags[name]
    use_case, kind = name.split("__")
    declared = all_use_cases()[use_case]
    assert {use_case, kind} <= dag.tags
    assert dag.owner == declared.owner
    assert declared.objective in dag.doc_md
    assert declared.notice in dag.doc_md
    assert "{" not in dag.doc_md.replace('{"num_leaves": 15}', ""), "a placeholder was left in the text"
    assert dag.params.get_param("day").schema["format"] == "date"


@pytest.mark.parametrize("name", NAMES)
def test_the_form_can_be_sent_as_it_opens_but_for_the_day(dags, name):
    """The UI asks for every field that has no value, unless null is among its types."""
    for field, param in dags[name].params.items():
        kinds = dags[name].params.get_param(field).schema["type"]
        assert param is not None or "null" in kinds, field
        assert param not in ("", {}), field


@pytest.mark.parametrize("name", NAMES)
def test_runs_stand_at_midnight_where_the_use_case_is_and_none_is_caught_up(dags, name):
    dag = dags[name]
    assert isinstance(dag.timetable, CronPartitionTimetable)
    assert not dag.catchup
    now = datetime.now(UTC)
    first = coerce_to_core_timetable(dag.timetable).next_dagrun_info_v2(
        last_dagrun_info=None, restriction=TimeRestriction(dag.start_date, None, catchup=False)
    )
    local = first.run_after.in_timezone(all_use_cases()[name.partition("__")[0]].time_zone)
    assert (local.hour, local.minute, first.partition_key) == (0, 0, local.date().isoformat())
    if name.endswith("__train"):
        assert local.day_of_week == WeekDay.MONDAY
        assert first.run_after > now - timedelta(hours=1), "unpausing must not train at once as of a past Monday"
    else:
        assert first.run_after <= now


@pytest.mark.parametrize("name", NAMES)
def test_every_task_has_a_limit_and_input_output_is_tried_again_with_backoff(dags, name):
    for task in dags[name].tasks:
        if task.task_id == "wait_for_features":
            assert task.limit < task.execution_timeout
        assert task.execution_timeout is not None
        assert task.retries == 3
        assert task.retry_exponential_backoff


def test_trainings_wait_for_each_other(dags):
    pools = {task.task_id: task.pool for task in dags["flight_delays__train"].tasks}
    assert pools == {**dict.fromkeys(TASKS["train"], "default_pool"), "train": "training"}


def test_the_asset_graph_shows_the_whole_chain(dags):
    reads, writes = set(), set()
    for kind in TASKS:
        for task in dags[f"flight_delays__{kind}"].tasks:
            reads |= {asset.name.partition("/")[2] for asset in task.inlets}
            writes |= {asset.name.partition("/")[2] for asset in task.outlets}
    assert writes == {"raw", "checked", "features", "labels", "model", "predictions", "metrics"}
    assert reads == writes - {"metrics"}


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
