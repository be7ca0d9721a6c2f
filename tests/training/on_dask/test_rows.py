"""Training on Dask workers: what is registered and rebuilt, what is refused, and what is left running."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import billiard
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.lake.integrity import PartitionCorruptedError
from include.lake.lake import Lake
from include.project import open_project
from include.registry.tags import RECIPE
from include.reproduction import reproduce
from include.settings import REPOSITORY
from include.training import engine, train
from include.training.on_dask import worker
from include.training.on_dask.errors import (
    DaskClusterError,
    DaskCodeError,
    DaskTrainingError,
    DaskWorkerLostError,
)
from include.training.recipe import TrainingSpec
from include.training.training_errors import OneLabelError, SampleWeightError, TrainingFailedError
from include.use_case import Dask
from tests.conftest import AS_OF
from tests.refusals import raises
from tests.toy_use_case import USE_CASE
from tests.toys import each_task

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_plots")]
IN_WINDOW = AS_OF - 30


def registered(use_case, as_of=AS_OF) -> str:
    """The number of the version that a training becomes."""
    project = open_project(use_case)
    return project.registry.register(
        project.registry.candidate(train.train_model(project, as_of).run_id), "A model."
    ).number


def change(table: str, column: str, changed) -> None:
    """Write a day of the window again with other values in a column."""
    lake = Lake.open(USE_CASE)
    for period in lake.as_of(AS_OF).partitions(table):
        rows = lake.as_of(AS_OF).read(table, period, period).drop_columns(["period"])
        place = rows.schema.get_field_index(column)
        values = pa.array(changed(rows[column]), rows.schema.field(column).type)
        lake.replace(table, period, rows.set_column(place, rows.schema.field(column), values), inputs={}, stage="test")


# -- what it makes


@each_task
def test_a_model_of_each_task_is_registered_and_rebuilt_byte_for_byte(
    toy, toy_lake, tracking, cluster, on_dask, nothing_trained_here
):
    use_case = on_dask(toy.use_case)
    number = registered(use_case, toy.as_of)
    recipe = TrainingSpec.from_tag(open_project(use_case).registry.version(number).tags[RECIPE])
    assert recipe.engine == {"kind": "dask", "workers": 2, "partitions": 4, "threads": 1}
    found = reproduce.reproduce_version(open_project(use_case), number)
    assert (found.outcome, found.model, found.surroundings) == ("equal", (), {})


def test_it_is_rebuilt_on_the_workers_of_its_spec_whatever_is_declared_now(
    toy_lake, tracking, cluster, on_dask, nothing_trained_here
):
    number = registered(on_dask(USE_CASE))
    found = reproduce.reproduce_version(open_project(USE_CASE), number)
    assert (found.outcome, set(found.surroundings)) == ("equal", {"declaration"})


def test_another_engine_is_another_training(toy_lake, tracking, cluster, on_dask):
    runs = [
        train.train_model(open_project(declared), AS_OF)
        for declared in (USE_CASE, on_dask(USE_CASE), on_dask(USE_CASE, partitions=3))
    ]
    assert len({run.fingerprint for run in runs}) == 3
    assert train.train_model(open_project(on_dask(USE_CASE)), AS_OF).reused
    losses = [run.test["model"]["log_loss"] for run in runs]
    assert max(losses) - min(losses) < 0.01
    assert runs[0].rows == runs[1].rows
    assert runs[0].test["logistic"] == runs[1].test["logistic"], "few rows: the baselines are those of one process"


def test_the_rows_of_the_workers_are_those_of_one_process(toy_lake, cluster, on_dask):
    use_case = on_dask(USE_CASE, sample_weight="size", seed=3)
    change("features", "size", lambda sizes: pc.fill_null(pc.abs(sizes), 1.0))
    project = open_project(use_case)
    view, first, last = project.lake.as_of(AS_OF), AS_OF - 40, AS_OF - 2
    alone = engine.load_into_process(use_case, view, first, last)
    with engine.load_rows(project, view, first, last) as rows:
        assert (rows.cut, rows.rows) == (alone.cut, alone.rows)
        for split, part in alone.parts.items():
            found = rows.parts[split]
            assert (found.labels == part.labels).all() and (found.periods == part.periods).all()
            for name in use_case.features:
                assert found.features[name].combine_chunks().equals(part.features[name].combine_chunks()), name
        assert rows.parts["train"].features.slice(0, 5).equals(alone.parts["train"].features.slice(0, 5))
        assert rows.encoding == alone.fit(_quick(use_case)).model.encoding
        model = alone.fit(_quick(use_case)).model
        for split, subjects in alone.predict(model).items():
            for subject, values in subjects.items():
                assert (rows.predict(model)[split][subject] == values).all(), (split, subject)


def _quick(use_case):
    from include.model.lightgbm_params import merge_parameters

    return merge_parameters(use_case, {"num_boost_round": 3})


def test_a_commit_during_a_training_changes_no_row(toy_lake, cluster, on_dask):
    project = open_project(on_dask(USE_CASE))
    view, first, last = project.lake.as_of(AS_OF), AS_OF - 40, AS_OF - 2
    before = engine.load_into_process(USE_CASE, view, first, last).parts["train"]
    change("features", "size", lambda sizes: pc.multiply(sizes, 2.0))
    with engine.load_rows(project, view, first, last) as rows:
        assert rows.parts["train"].features["size"].combine_chunks().equals(before.features["size"].combine_chunks())


# -- what is refused


def test_labels_of_one_kind_are_refused(toy_lake, tracking, cluster, on_dask):
    change("labels", "failed", lambda labels: [1] * len(labels))
    with raises(OneLabelError, use_case="toy", as_of=AS_OF, others=0):
        train.train_model(open_project(on_dask(USE_CASE)), AS_OF)


def test_weights_that_are_all_0_are_refused(toy_lake, tracking, cluster, on_dask):
    change("features", "size", lambda sizes: [0.0] * len(sizes))
    with raises(SampleWeightError, use_case="toy", column="size", wrong=0):
        train.train_model(open_project(on_dask(USE_CASE, sample_weight="size")), AS_OF)


def test_an_error_of_a_worker_names_use_case_period_and_partition(toy_lake, tracking, cluster, on_dask):
    lake = Lake.open(USE_CASE)
    ((_, place),) = lake.as_of(AS_OF).storage_paths("features", IN_WINDOW, IN_WINDOW)
    path = Path(place.uri)
    content = bytearray(path.read_bytes())
    features = len(content) - 8 - int.from_bytes(content[-8:-4], "little") - 40
    content[features] ^= 1  # neither in the keys nor in the footer, which the task itself reads
    path.write_bytes(content)
    with raises(DaskTrainingError, IN_WINDOW, use_case="toy", as_of=AS_OF, kind="PartitionCorruptedError") as refused:
        train.train_model(open_project(on_dask(USE_CASE)), AS_OF)
    assert "partition" in refused.value.part
    assert not refused.value.retryable


def test_workers_with_other_code_are_refused(toy_lake, tracking, cluster, on_dask):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker.provenance.code_digest, "training_code_digest", lambda _: "another")
        with raises(DaskCodeError, use_case="toy", address=cluster.scheduler_address):
            train.train_model(open_project(on_dask(USE_CASE)), AS_OF)


def test_a_cluster_with_too_few_workers_is_refused(toy_lake, tracking, cluster, on_dask, set_limits):
    set_limits(dask_start_timeout="1s")
    with raises(DaskClusterError, use_case="toy", workers=3, address=cluster.scheduler_address, retryable=True):
        train.train_model(open_project(on_dask(USE_CASE, workers=3)), AS_OF)


def test_a_scheduler_that_does_not_answer_is_named(toy_lake, tracking, on_dask, configure, set_limits):
    (port,) = worker.free_ports("127.0.0.1", 1)
    configure(dask_scheduler=f"tcp://127.0.0.1:{port}")
    set_limits(dask_connect_timeout="1s")
    with raises(DaskClusterError, use_case="toy", address=f"tcp://127.0.0.1:{port}", retryable=True):
        train.train_model(open_project(on_dask(USE_CASE)), AS_OF)


def test_a_damaged_footer_is_found_before_any_worker_reads(toy_lake, tracking, on_dask):
    ((_, place),) = Lake.open(USE_CASE).as_of(AS_OF).storage_paths("features", IN_WINDOW, IN_WINDOW)
    Path(place.uri).write_bytes(Path(place.uri).read_bytes()[:-4] + b"xxxx")
    with raises(PartitionCorruptedError, IN_WINDOW):
        train.train_model(open_project(on_dask(USE_CASE)), AS_OF)


# -- what is left


def workers_of_this_process() -> list[psutil.Process]:
    """Children that are no tracker of Python's own."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "resource_tracker" not in " ".join(child.cmdline())]


def test_own_workers_leave_no_process_and_no_folder(toy_lake, tracking, on_dask, tmp_path):
    before = {child.pid for child in workers_of_this_process()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(multiprocessing.current_process()._config, "daemon", True)  # as in a worker of Celery
        patch.setattr(tempfile, "tempdir", str(tmp_path))
        patch.chdir(tmp_path)
        train.train_model(open_project(on_dask(USE_CASE)), AS_OF)
    assert {child.pid for child in workers_of_this_process()} <= before
    assert [path.name for path in tmp_path.iterdir() if "dask" in path.name] == []


def add_on_workers() -> None:
    from include.training.on_dask.cluster import dask_workers

    with dask_workers(USE_CASE, AS_OF, Dask(), "") as workers:
        assert workers.results([workers.submit(share, sum, [share, 2]) for share in (0, 1)]) == [2, 3]


def test_workers_start_from_a_process_of_celery(on_dask):
    process = billiard.get_context("fork").Process(target=add_on_workers, daemon=True)
    process.start()
    process.join(1200)
    assert process.exitcode == 0


NOT_AGAIN = """
if __name__ == "__mp_main__":
    raise RuntimeError("Airflow's own file cannot be imported in a task")
if __name__ == "__main__":
    from tests.training.on_dask.test_rows import add_on_workers

    add_on_workers()
"""


def test_workers_do_not_import_the_file_that_the_task_was_started_from(tmp_path):
    script = tmp_path / "started.py"
    script.write_text(NOT_AGAIN)
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr


def test_a_worker_that_ends_fails_the_training_which_may_be_tried_again(toy_lake, tracking, on_dask, own_cluster):
    endless = on_dask(USE_CASE, num_boost_round=100_000, early_stopping_rounds=100_000)
    killer = threading.Thread(target=kill_a_worker_that_trains, args=(own_cluster,))
    killer.start()
    with raises(TrainingFailedError, use_case="toy", as_of=AS_OF, retryable=True) as failed:
        train.train_model(open_project(endless), AS_OF)
    killer.join()
    assert isinstance(failed.value, DaskWorkerLostError | DaskTrainingError)  # or the other worker noticed it first


def kill_a_worker_that_trains(cluster) -> None:
    """Wait until both workers train, and kill one."""
    from distributed import Client

    with Client(cluster.scheduler_address, set_as_default=False) as client:
        deadline = time.monotonic() + 1200
        while sum("fit_share" in str(tasks) for tasks in client.processing().values()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    os.kill(cluster.workers[0].pid, signal.SIGKILL)
