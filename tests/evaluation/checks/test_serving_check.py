"""A fresh process loads the model from MLflow and scores a sample: results and failures."""

import errno
import re
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow.exceptions import MlflowException

from include import settings
from include.evaluation.checks import serving_check
from include.evaluation.checks.serving_check import ServingCheckError
from include.project import open_project
from include.registry.mlflow_registry import Registry
from include.registry.mlflow_runs import MlflowUnreachableError
from include.registry.registry_errors import RunUnknownError
from include.training import run_logging, train
from include.training.run_logging import PREDICTION
from tests.conftest import AS_OF
from tests.faults import files_may_not_grow
from tests.refusals import raises
from tests.toy import USE_CASE
from tests.versions import record_sample


def files(home: Path, name: str) -> Path:
    [path] = (home / "mlruns").rglob(name)
    return path


def stand_in(tmp_path: Path, set_python, script: str) -> None:
    """Start this instead of Python: what a process does that is in a bad way."""
    path = tmp_path / "stand in"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    set_python(path)


def order(home: Path, run_id: str, tmp_path: Path) -> serving_check.ServingRequest:
    """What the fresh process would be given; asked here within the test's own, which is quicker."""
    candidate = Registry(USE_CASE).candidate(run_id)
    folder = tmp_path / "an empty folder"
    folder.mkdir()
    sample = str(files(home, "sample.parquet"))
    return serving_check.ServingRequest(
        settings.current_settings().mlflow, candidate.model_id, dict(candidate.files), sample, str(folder), ""
    )


def test_training_keeps_a_sample_of_the_test_rows_with_what_it_predicted(trained_toy, lake_home):
    sample = pq.read_table(files(lake_home, "sample.parquet"))
    assert sample.column_names == [*USE_CASE.features, PREDICTION]
    assert sample.schema.field("kind").type == pa.string(), "as stored, not encoded"
    model = Registry(USE_CASE).load(Registry(USE_CASE).candidate(trained_toy))
    assert sample[PREDICTION].to_pylist() == model.predict(sample).tolist()


def test_of_many_rows_the_sample_is_2000_from_first_to_last():
    features = pa.table({"size": np.arange(7000.0)})
    sample = run_logging.serving_sample(features, np.arange(7000.0) / 7000)
    assert sample.num_rows == 2000
    assert (sample["size"][0].as_py(), sample["size"][1999].as_py()) == (0, 6999)
    assert set(np.diff(sample["size"].to_numpy())) == {3, 4}
    assert sample[PREDICTION].to_pylist() == (sample["size"].to_numpy() / 7000).tolist()


@pytest.mark.slow
def test_a_fresh_process_scores_bit_for_bit_as_training_did_and_says_how_fast_and_how_large(trained_toy, lake_home):
    nowhere = replace(USE_CASE, package="no.such.package")
    local_copy = Registry(USE_CASE).candidate(trained_toy).model_id
    shutil.rmtree(lake_home / "models", ignore_errors=True)
    (lake_home / "models" / local_copy).mkdir(parents=True)
    found = serving_check.check_serving(open_project(nowhere), trained_toy)
    assert found.error == ""
    assert (found.rows, found.differing) == (pq.read_metadata(files(lake_home, "sample.parquet")).num_rows, 0)
    assert 0.1 < found.microseconds_per_row < 1000
    model = files(lake_home, "model.lgb").stat().st_size / 1e6
    assert model < found.megabytes < model + 0.1
    assert list((lake_home / "models" / local_copy).iterdir()) == [], "the local copy is neither read nor written"


@pytest.mark.slow
def test_scores_that_differ_in_one_bit_are_counted(trained_toy, lake_home):
    path = files(lake_home, "sample.parquet")
    sample = pq.read_table(path)
    scores = sample[PREDICTION].to_numpy().copy()
    scores[3] = np.nextafter(scores[3], 1)
    scores[5] += 0.1
    pq.write_table(sample.set_column(4, PREDICTION, pa.array(scores)), path)
    record_sample(trained_toy, path)
    found = serving_check.check_serving(open_project(USE_CASE), trained_toy)
    assert (found.error, found.differing) == ("", 2)


def test_a_zero_with_another_sign_differs_and_nan_equals_itself():
    assert serving_check._bits(np.array([0.0])) != serving_check._bits(np.array([-0.0]))
    assert serving_check._bits(np.array([np.nan])) == serving_check._bits(np.array([np.nan]))


@pytest.mark.parametrize(
    ("name", "damage", "says"),
    [
        ("model.lgb", Path.unlink, "model.lgb: it is missing"),
        (
            "model.lgb",
            lambda path: path.write_text(path.read_text().replace("leaf_value=", "leaf_value=1", 1)),
            "model.lgb: its content is not",
        ),
        ("encoding.json", lambda path: path.write_text(path.read_text().replace("bolt", "nail")), "its content is not"),
        ("encoding.json", lambda path: path.write_text("{"), "encoding.json: its content is not"),
    ],
    ids=["missing", "other trees", "other categories", "cut short"],
)
def test_files_that_are_missing_or_damaged_are_named_though_the_local_copy_is_whole(
    trained_toy, lake_home, tmp_path, name, damage, says
):
    Registry(USE_CASE).load(Registry(USE_CASE).candidate(trained_toy))
    damage(next(path for path in (lake_home / "mlruns").rglob(name) if "models" in str(path)))
    answer = serving_check.answer_request(order(lake_home, trained_toy, tmp_path))
    assert re.search(says, answer.error), answer.error
    assert answer.error.endswith("Restore MLflow's artifacts from a backup, or train again")


@pytest.mark.slow
def test_what_the_fresh_process_could_not_do_is_reported_by_the_one_that_started_it(trained_toy, lake_home):
    shutil.rmtree(files(lake_home, "model.lgb").parent)
    found = serving_check.check_serving(open_project(USE_CASE), trained_toy)
    assert "Restore MLflow's artifacts" in found.error
    assert found.rows == 0


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("kill -9 $$", "SIGKILL"),
        ("echo one >&2; echo no memory >&2; exit 3", r"\b3\b.*no memory"),
        ("exit 3", r"\b3\b"),
        ("exit 0", "FileNotFoundError"),
        ("exec sleep 60", r"\b0\.3\b"),
    ],
)
def test_a_process_that_comes_to_a_bad_end_gives_no_result_but_worth_another_try(
    trained_toy, tmp_path, set_python, script, says
):
    stand_in(tmp_path, set_python, script)
    with pytest.raises(ServingCheckError) as broken:
        serving_check.check_serving(open_project(USE_CASE), trained_toy, seconds=0.3 if "sleep" in script else 30)
    assert (broken.value.use_case, broken.value.run_id) == ("toy", trained_toy)
    assert re.search(says, broken.value.what)
    assert broken.value.retryable


def test_a_process_that_cannot_be_started_is_worth_another_try(trained_toy, tmp_path, set_python):
    set_python(tmp_path / "no such python")
    with raises(ServingCheckError, "no such python", retryable=True):
        serving_check.check_serving(open_project(USE_CASE), trained_toy)


@pytest.mark.parametrize(
    "trouble",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        PermissionError(errno.EACCES, "Permission denied"),
        MemoryError(),
        MlflowException("The following failures occurred: HTTPError: 503 Server Error: busy"),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
def test_what_ails_the_host_or_the_server_gives_no_result(trained_toy, trouble):
    answer = serving_check.failure_response(trouble)
    assert answer.broken and not answer.error
    with pytest.raises(ServingCheckError) as refused:
        serving_check.check_serving(open_project(USE_CASE), trained_toy, ask=lambda *_: answer)
    assert type(trouble).__name__ in refused.value.what


def test_a_sample_that_cannot_be_fetched_for_lack_of_room_gives_no_result(trained_toy):
    with files_may_not_grow(), raises(ServingCheckError, "rehearsal/sample.parquet", run_id=trained_toy):
        serving_check.check_serving(open_project(USE_CASE), trained_toy)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"PAR1")], ids=["missing", "damaged"])
def test_a_run_without_its_sample_says_how_to_mend_it(trained_toy, lake_home, damage):
    damage(files(lake_home, "sample.parquet"))
    assert re.search(
        r"its sample rehearsal/sample.parquet cannot be read .*delete the run in MLflow and train again$",
        error_of(trained_toy),
    )


def error_of(run_id: str) -> str:
    return serving_check.check_serving(open_project(USE_CASE), run_id).error


def test_fewer_scores_than_rows_are_an_error(trained_toy):
    answer = serving_check.ServingResponse(bits=(1, 2))
    found = serving_check.check_serving(open_project(USE_CASE), trained_toy, ask=lambda *_: answer)
    assert found.error.startswith("it gave 2 numbers for the sample's")


def test_a_server_that_does_not_answer_is_worth_another_try(trained_toy, lake_home, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        silent = replace(order(lake_home, trained_toy, tmp_path), address=f"http://127.0.0.1:{probe.getsockname()[1]}")
    answer = serving_check.answer_request(silent)
    assert answer.unreachable and not answer.error
    with pytest.raises(MlflowUnreachableError):
        serving_check.check_serving(open_project(USE_CASE), trained_toy, ask=lambda *_: answer)


def test_the_given_address_counts_whatever_the_environment_names(trained_toy, lake_home, tmp_path, configure):
    given = order(lake_home, trained_toy, tmp_path)
    configure(mlflow=f"sqlite:///{tmp_path / 'another.db'}")
    assert serving_check.answer_request(given).error == ""


@pytest.mark.slow
def test_it_works_over_a_real_server(toy_lake, mlflow_server, without_plots, configure):
    configure(mlflow=mlflow_server)
    run_id = train.train_model(open_project(USE_CASE), AS_OF).run_id
    found = serving_check.check_serving(open_project(USE_CASE), run_id)
    assert (found.error, found.differing) == ("", 0)
    assert found.rows > 1000


def test_an_unknown_run_is_refused(tracking):
    with raises(RunUnknownError, run_id="0" * 32):
        serving_check.check_serving(open_project(USE_CASE), "0" * 32)
