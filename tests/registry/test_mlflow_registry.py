"""Runs and versions in MLflow: in a local store and, marked slow, on a real server."""

import os
import re
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import mlflow
import pytest

from include import settings
from include.evaluation import evaluate
from include.monitoring import monitor
from include.orchestration.dag_factory import fail_without_retry
from include.project import open_project
from include.promotion import promote, register
from include.registry.mlflow_registry import Registry
from include.registry.mlflow_runs import DeletedInMlflowError, MlflowUnreachableError
from include.registry.model_copies import ArtifactMissingError
from include.registry.model_io import ModelFilesCorruptedError, fetch_model
from include.registry.registry_errors import RunIncompleteError, RunUnknownError, VersionUnknownError
from include.scoring import score
from include.training import train
from tests.conftest import AS_OF
from tests.refusals import fails_task, raises
from tests.toy_use_case import USE_CASE, source


@pytest.fixture
def version(trained_toy):
    return Registry(USE_CASE).version(register.register_run(open_project(USE_CASE), trained_toy).version)


def artifacts(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file()]


def test_nothing_is_pickled(trained):
    found = {path.suffix for path in artifacts(trained[0] / "mlruns")}
    assert ".lgb" in found
    assert not found & {".pkl", ".pickle", ".joblib", ".skops", ".cloudpickle"}
    assert all(not path.read_bytes().startswith(b"\x80") for path in artifacts(trained[0] / "mlruns"))


def test_a_model_predicts_the_same_from_the_registry_as_mlflow_loads_it(version):
    rows = source.everything(AS_OF)
    ours = Registry(USE_CASE).load(version)
    address = settings.current_settings().mlflow
    path = mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{version.model_id}", tracking_uri=address)
    theirs = mlflow.lightgbm.load_model(path)
    assert ours.predict(rows).tolist() == theirs.predict(ours.encoding.encode(rows)).tolist()


def test_the_signature_and_the_example_name_every_feature(trained):
    [model] = (trained[0] / "mlruns").rglob("MLmodel")
    loaded = mlflow.models.Model.load(str(model))
    assert loaded.signature.inputs.input_names() == list(USE_CASE.features)
    assert list(loaded.load_input_example(str(model.parent)).columns) == list(USE_CASE.features)


def test_a_loaded_model_is_kept_and_needs_its_artifacts_no_more(version, lake_home):
    registry = Registry(USE_CASE)
    first = registry.load(version)
    shutil.rmtree(lake_home / "mlruns")
    assert registry.load(version).trees == first.trees == version.tags["trees"]


def test_an_unknown_version_is_refused_with_those_there_are(version):
    for wrong in ("7", "newest"):
        with raises(VersionUnknownError, version=wrong, versions=("1",)):
            Registry(USE_CASE).version(wrong)


def test_a_use_case_without_versions_says_so(tracking):
    with raises(VersionUnknownError, version="1", versions=()):
        Registry(USE_CASE).version("1")
    assert Registry(USE_CASE).champion() is None
    assert Registry(USE_CASE).versions() == []


def test_a_missing_artifact_is_named(version):
    with pytest.raises(ArtifactMissingError) as refused:
        Registry(USE_CASE).load(replace(version, model_id="m-0"))
    assert (refused.value.use_case, refused.value.version) == ("toy", "1")


@pytest.mark.parametrize("name", ["model.lgb", "airworthy/encoding.json"])
def test_a_damaged_copy_is_never_read_but_fetched_again(version, name):
    registry = Registry(USE_CASE)
    registry.load(version)
    path = settings.current_settings().home / "models" / version.model_id / name
    path.write_text(path.read_text()[:-200].replace("leaf_value=", "leaf_value=0"))
    assert registry.load(version).trees == version.tags["trees"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("airworthy/encoding.json", '"bolt"', '"boat"'),
        ("airworthy/baselines.json", '"prior": 0', '"prior": 1'),
        ("airworthy/encoding.json", "{", ""),
        ("model.lgb", "leaf_value=", "leaf_value=1"),
        ("model.lgb", "parameters:", "parameters:\n[boosting: a hostile tail]"),
        ("MLmodel", "flavors:", "flavors:\n  another: {}"),
    ],
)
def test_a_changed_file_is_refused_by_its_name(version, name, old, new):
    registry = Registry(USE_CASE)
    registry.load(version)
    for path in settings.current_settings().home.rglob(name):
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))
    for load in (registry.load, registry.reload):
        with pytest.raises(ArtifactMissingError) as refused:
            load(version)
        assert refused.value.version == "1" and refused.value.what.startswith(f"{name}: ")


@pytest.mark.parametrize("name", ["model.lgb", "airworthy/encoding.json", "airworthy/baselines.json"])
def test_a_missing_file_is_named(version, name):
    for path in list(settings.current_settings().home.rglob(name)):
        path.unlink()
    with pytest.raises(ArtifactMissingError) as refused:
        Registry(USE_CASE).load(version)
    assert refused.value.version == "1" and refused.value.what.startswith(f"{name}: ")


def test_a_file_that_was_added_is_refused(version):
    for path in list(settings.current_settings().home.rglob("MLmodel")):
        path.with_name("added.py").write_text("print('hello')")
    with pytest.raises(ArtifactMissingError) as refused:
        Registry(USE_CASE).load(version)
    assert refused.value.what.startswith("added.py: ")


def test_nothing_is_downloaded_of_files_that_are_not_on_record_or_too_large(version, tmp_path, set_limits):
    folder = tmp_path / "downloaded"
    folder.mkdir()
    [path] = (settings.current_settings().home / "mlruns").rglob("model.lgb")
    fetched = partial(fetch_model, version.model_id, version.files, folder, Registry(USE_CASE).address)
    (path.parent / "more" / "inside").mkdir(parents=True)
    with raises(ModelFilesCorruptedError, path="more"):
        fetched()
    shutil.rmtree(path.parent / "more")
    set_limits(model_bytes=1_000)
    with raises(ModelFilesCorruptedError, "1,000"):
        fetched()
    assert [*folder.iterdir()] == []
    set_limits(model_bytes=10**9)
    assert (fetched() / "model.lgb").is_file()


def test_an_artifact_that_is_too_large_is_not_downloaded(trained_toy, tmp_path, set_limits):
    registry = Registry(USE_CASE)
    names = [each.path for each in registry._client.list_artifacts(trained_toy) if not each.is_dir]
    assert registry.artifact(trained_toy, names[0], tmp_path).exists()
    set_limits(artifact_bytes=1)
    (tmp_path / "again").mkdir()
    with pytest.raises(FileNotFoundError, match=re.escape(repr(names[0]))):
        registry.artifact(trained_toy, names[0], tmp_path / "again")
    assert [*(tmp_path / "again").iterdir()] == []


@pytest.mark.parametrize(("limit", "value"), [("artifact_bytes", 3_000), ("artifact_files", 2)])
def test_nothing_of_a_folder_that_is_too_large_is_downloaded(trained_toy, tmp_path, set_limits, limit, value):
    registry = Registry(USE_CASE)
    for name in ("a.png", "deeper/b.png", "deeper/c.png"):
        registry.log_json(trained_toy, f"added/{name}", ["x" * 1_000])
    assert (registry.artifact(trained_toy, "added", tmp_path) / "deeper" / "c.png").exists()
    set_limits(**{limit: value})
    (tmp_path / "again").mkdir()
    with pytest.raises(FileNotFoundError, match="'added'"):
        registry.artifact(trained_toy, "added", tmp_path / "again")
    assert [*(tmp_path / "again").iterdir()] == []


def test_what_cannot_be_read_is_not_kept_so_that_a_mended_store_is_enough(version):
    registry, home = Registry(USE_CASE), settings.current_settings().home
    shutil.rmtree(home / "models", ignore_errors=True)
    [path] = (home / "mlruns").rglob("model.lgb")
    right = path.read_bytes()
    path.write_bytes(right + b"a hostile tail")
    with pytest.raises(ArtifactMissingError):
        registry.load(version)
    assert not (home / "models" / version.model_id).exists()
    path.write_bytes(right)
    assert registry.load(version).trees == version.trees


def test_a_run_that_broke_half_way_is_no_model(tracking):
    registry = Registry(USE_CASE)
    run_id = registry.start_run("broken", {"fingerprint": "x"})
    assert registry.complete_runs("x") == []
    with raises(RunIncompleteError, run_id=run_id, status="RUNNING"):
        registry.get_run(run_id)
    registry.end_run(run_id, failed=True)
    assert registry.complete_runs("x") == []


def test_an_unknown_run_is_refused(tracking):
    with raises(RunUnknownError, run_id="0123456789abcdef0123456789abcdef"):
        Registry(USE_CASE).get_run("0123456789abcdef0123456789abcdef")


def test_a_server_that_does_not_answer_is_named_with_what_to_do(lake_home, configure):
    configure(mlflow="http://127.0.0.1:9")
    with raises(MlflowUnreachableError, "http://127.0.0.1:9", "`make up`"):
        Registry(USE_CASE).versions()


def test_airflow_retries_what_found_no_server(lake_home, configure):
    configure(mlflow="http://127.0.0.1:9")
    with pytest.raises(MlflowUnreachableError), fail_without_retry():
        Registry(USE_CASE).versions()


def test_the_process_wide_address_of_mlflow_is_left_alone(trained_toy):
    before = (mlflow.get_tracking_uri(), os.environ.get("MLFLOW_TRACKING_URI"))
    register.register_run(open_project(USE_CASE), trained_toy)
    Registry(USE_CASE, "http://127.0.0.1:9")
    assert (mlflow.get_tracking_uri(), os.environ.get("MLFLOW_TRACKING_URI")) == before


@pytest.mark.slow
@pytest.mark.long
def test_the_whole_chain_works_over_a_real_server(toy_lake, mlflow_server, configure):
    configure(mlflow=mlflow_server)
    trained = train.train_model(open_project(USE_CASE), AS_OF)
    assert evaluate.evaluate_run(open_project(USE_CASE), trained.run_id).gates == "passed"
    number = register.register_run(open_project(USE_CASE), trained.run_id).version
    assert promote.promote_version(open_project(USE_CASE), number, actor="a test").champion == number
    scored = score.score_period(open_project(USE_CASE), AS_OF)
    assert (scored.rows, scored.version) == (200, number)
    assert monitor.monitor_period(open_project(USE_CASE), AS_OF).changed
    assert train.train_model(open_project(USE_CASE), AS_OF).reused
    shutil.rmtree(settings.current_settings().home / "models")  # loaded again, over HTTP
    assert not score.score_period(open_project(USE_CASE), AS_OF).changed
    with raises(VersionUnknownError, version="99"):
        score.score_period(open_project(USE_CASE), AS_OF, version="99")
    with raises(RunUnknownError, run_id="0123456789abcdef0123456789abcdef"):
        evaluate.evaluate_run(open_project(USE_CASE), "0123456789abcdef0123456789abcdef")
    with pytest.raises(ArtifactMissingError):
        Registry(USE_CASE).load(replace(Registry(USE_CASE).version(number), model_id="m-0"))


def test_a_deleted_experiment_is_named_with_the_command_that_restores_it(trained_toy):
    client = mlflow.MlflowClient(Registry(USE_CASE).address)
    number = client.get_experiment_by_name(USE_CASE.name).experiment_id
    client.delete_experiment(number)
    what = f"mlflow experiments restore --experiment-id {number} "
    with raises(DeletedInMlflowError, what, kind="experiment", identifier=number, retryable=False):
        train.train_model(open_project(USE_CASE), AS_OF, parameters={"num_boost_round": 3})
    client.restore_experiment(number)
    assert train.train_model(open_project(USE_CASE), AS_OF).run_id == trained_toy


def test_a_deleted_run_is_named_with_the_command_that_restores_it(trained_toy):
    registry = Registry(USE_CASE)
    mlflow.MlflowClient(registry.address).delete_run(trained_toy)
    what = f"mlflow runs restore --run-id {trained_toy} "
    with raises(DeletedInMlflowError, what, kind="run", identifier=trained_toy):
        registry.log(trained_toy, tags={"notice": "a tag"})
    with fails_task(DeletedInMlflowError, "mlflow runs restore", kind="run"), fail_without_retry():
        registry.log(trained_toy, metrics={"a": 1.0})
