"""Shared fixtures: a separate lake and tracking store per test, and one real MLflow server for all."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from include import settings
from include.declaration.period import Period
from include.lake import s3, signing
from include.lake.object_store import StoragePath
from include.settings import REPOSITORY

pytest_plugins = ["tests.run_summary", "tests.contexts", "tests.faults", "tests.trainings", "tests.landing_bucket"]

if TYPE_CHECKING:
    from tests.contexts import Configure
    from tests.homes import Homes
    from tests.integration.backends import PostgreSQL
    from tests.seaweedfs import SeaweedFS
    from tests.toys import Toy

FIRST, LAST, AS_OF = Period("2020-01-01"), Period("2020-03-10"), Period("2020-03-01")
"""Days of the filled toy lake, and the as-of day of its model."""
SIGNING_KEY = "a key that only the tests know and keep"
"""Longer than the shortest that is allowed."""


LONG = (
    *("end_to_end/test_alerts", "end_to_end/test_isolation", "end_to_end/test_landing", "end_to_end/test_retrain"),
    *("end_to_end/test_life", "end_to_end/test_database", "local/test_services", "properties/test_future"),
    *("properties/test_conserved", "properties/test_order", "end_to_end/test_trust", "local/test_supervisor"),
    *("drills/test_poison", "drills/test_damaged_files", "drills/test_corrected_sources", "drills/test_s3_faults"),
    *("drills/test_killed_anywhere", "drills/test_races", "evaluation/checks/test_plants"),
    *("evaluation/checks/test_leakage_check", "evaluation/checks/test_isolation", "evaluation/test_planted"),
    *("training/test_tune", "evaluation/checks/test_serving_check", "maintenance/test_apply"),
    *("evaluation/checks/test_leakage_of_groups", "backtest/test_run", "retraining/test_decide"),
    *("retraining/test_decide_promotion", "properties/test_killed", "properties/test_future_of_customers"),
    *("properties/test_evolving", "use_cases/test_life", "properties/test_order_of_a_life"),
    *("properties/test_order_of_flights", "properties/test_memory", "properties/test_hostile"),
    *("properties/test_odd_names", "ingestion/test_redelivery", "ingestion/test_bucket"),
    *("orchestration/test_delivery_sensor", "monitoring/test_false_alarms", "model/test_bootstrap"),
    *("model/test_intervals", "security/test_fuzzed_forms", "security/test_fuzzed_files"),
    *("security/test_fuzzed_models", "security/test_fuzzed_corrections", "security/test_fuzzed_addresses"),
    *("tasks/test_past", "scaffold/test_new", "properties/test_no_pickle", "web/test_browser", "test_run_summary"),
    *("web/test_browser_details", "web/test_every_page"),
    *("calendars/test_life", "tasks/test_bad_input", "tasks/test_gates", "ingestion/sources/test_files"),
    *("cli/test_run", "features/test_feature_groups", "web/test_alert_rules"),
    *("end_to_end/test_feature_groups", "tasks/test_texts", "tasks/test_crossed_intervals", "sharing/test_life"),
    *("maintenance/test_feature_groups", "drills/test_report", "drills/test_disk_full", "backfill/test_killed"),
    *("end_to_end/test_removal", "end_to_end/test_tutorial", "end_to_end/test_priority"),
    *("end_to_end/test_memory", "end_to_end/test_history"),
    "scoring/test_shards_killed",
    *("features/spark/test_backend", "features/spark/test_compiler", "features/spark/test_session"),
    *("features/spark/test_tables", "evaluation/checks/test_isolation_on_spark"),
    "training/on_dask/test_rows",
)
"""Files whose slow tests are run by `make test-long` and not by `make test`, which must end in minutes."""
SLOW = (
    *("ingestion/test_data_stages", "ingestion/test_resubmit", "ingestion/test_row_spool"),
    *("ingestion/test_correction_reader", "ingestion/test_expectations", "ingestion/test_corrections"),
    *("ingestion/test_correction_rows", "ingestion/test_reconcile", "dags/test_quarantine"),
    *("properties/test_schema_life", "properties/test_conserved", "properties/test_order", "properties/test_hostile"),
    *("properties/test_empty_days", "ingestion/test_formula_marks", "model/test_intervals", "web/test_alert_rules"),
    *("use_cases/flight_delays/test_source", "use_cases/flight_delays/test_features"),
    *("use_cases/flight_delays/test_declaration", "use_cases/flight_delays/test_expectations"),
    *("use_cases/late_departures/test_source", "use_cases/late_departures/test_features"),
    *("use_cases/late_departures/test_expectations", "use_cases/flight_outcomes/test_expectations"),
    *("use_cases/flight_outcomes/test_source", "use_cases/flight_outcomes/test_features"),
    "datasets/test_new_york_flights",
    *("dags/test_broken_use_cases", "features/test_staleness", "features/test_rebuild_plan", "features/test_period"),
    *("monitoring/test_drift_metrics", "monitoring/test_monitor_states", "monitoring/test_labelled_predictions"),
    *("monitoring/test_false_alarms", "retraining/test_decide", "backtest/test_result"),
    *("model/test_plots", "evaluation/test_plots", "web/test_plugin", "web/test_charts", "web/test_request_limits"),
    *("cli/test_hostile_texts", "cli/test_quarantine", "security/test_forged_records"),
    *("test_kept_lakes", "test_task_memory", "untrusted/test_untrusted_process", "local/test_preimports"),
    *("registry/test_code_digest", "lake/test_sorting", "lake/test_paths", "dags/test_retrain"),
    *("scoring/test_choose_predictor", "scoring/test_tree_compiler"),
    *("orchestration/test_callbacks", "local/test_airflow_client"),
    *("ingestion/sources/test_files", "ingestion/sources/test_first_seen", "ingestion/sources/test_http"),
    *("web/test_heat_map", "web/test_feature_view", "web/test_version_records", "web/test_performance_view"),
    *("web/test_comparison", "web/test_stored_metrics", "web/test_ledger_rows", "web/test_detail_pages"),
    *("registry/test_tags", "web/test_html", "evaluation/test_check_tables", "model/test_data_parallel"),
)
"""Files whose tests are all slow: each makes days of data, starts a process, or draws."""
HEAVY = {
    *("homes", "tracking_template", "bucket", "landing", "s3_server", "seaweedfs", "mlflow_server", "engine"),
    *("postgres", "spark"),
}
"""Fixtures whose tests are slow: a trained model, a tracking store or a server takes seconds to make."""


def _environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.contexts import Configure

    # MLflow leaves its registry's address in the environment, also where a test has set it back. Without a commit each
    # test asks git, and a file saved meanwhile makes other code of the same checkout.
    configure = Configure(monkeypatch)
    packages = dict.fromkeys(("use_case_packages", "use_cases", "feature_group_packages", "feature_groups"))
    configure(home=home, lake=None, data_docs=None, **packages, mlflow_registry=None, commit="tests")


def pytest_configure(config: pytest.Config) -> None:
    """Let every process of the tests sign with one key; none may write one into the checkout.

    `--hypothesis-profile=security` is for the fuzzers of tests/security: ten times the examples, always the same ones.
    """
    from hypothesis import settings as hypothesis_settings

    os.environ[signing.VARIABLE] = SIGNING_KEY
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_HTTP_REQUEST_MAX_RETRIES="1")
    hypothesis_settings.register_profile("security", max_examples=1_000, deadline=None, derandomize=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, and of long files what is long, before tests are chosen by their marks."""
    long, slow = ({REPOSITORY / "tests" / f"{name}.py" for name in names} for names in (LONG, SLOW))
    for item in items:
        if item.path in long and item.get_closest_marker("slow"):
            item.add_marker("long")
        if item.path in slow or HEAVY & {*getattr(item, "fixturenames", ())}:
            item.add_marker("slow")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that is marked `both_places` runs with its lake on disk and with its lake on S3.

    Of a module that is marked, one marked `both_places(not_on_s3="why")` runs on disk alone.
    """
    mark = metafunc.definition.get_closest_marker("both_places")
    if mark and "kind_of_place" in metafunc.fixturenames and "not_on_s3" not in mark.kwargs:
        marks = [pytest.mark.slow, *([pytest.mark.long_on_s3] if mark.kwargs.get("long") else [])]
        metafunc.parametrize("kind_of_place", ["file", pytest.param("s3", marks=marks)])


@pytest.fixture
def kind_of_place() -> str:
    """Where the test's lake and Data Docs are: on disk, unless the mark `both_places` says that they are on S3."""
    return "file"


@pytest.fixture
def lake_home(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    configure: Configure,
    kind_of_place: str,
    request: pytest.FixtureRequest,
) -> Path:
    """An empty home, in which the lake is, or which has a bucket for it; nothing is shared with another test."""
    home = tmp_path / "home"
    _environment(home, monkeypatch)
    if kind_of_place == "s3":
        bucket = request.getfixturevalue("bucket")
        configure(lake=f"{bucket}/lake", data_docs=f"{bucket}/data_docs")
    return home


@pytest.fixture
def place(tmp_path: Path, kind_of_place: str, request: pytest.FixtureRequest) -> StoragePath:
    """An empty place of the test's own."""
    return StoragePath.parse(request.getfixturevalue("bucket") if kind_of_place == "s3" else tmp_path) / "place"


@pytest.fixture
def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty bucket of the test's own, on a server that the environment names.

    A test of `make test-s3` gets SeaweedFS, which checks keys; every other one moto's server, which starts and answers
    more quickly and has the fixture `refuse`.
    """
    if request.node.get_closest_marker("long_on_s3"):
        server: SeaweedFS = request.getfixturevalue("seaweedfs")
        use_s3(server.url, monkeypatch, *server.keys)
    else:
        use_s3(request.getfixturevalue("s3_server"), monkeypatch)
    name, client = f"test-{uuid.uuid4().hex}", s3.client()
    client.create_bucket(Bucket=name)
    yield f"s3://{name}"
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
        if found := [{"Key": each["Key"]} for each in page.get("Contents", [])]:
            client.delete_objects(Bucket=name, Delete={"Objects": found, "Quiet": True})
    client.delete_bucket(Bucket=name)


@pytest.fixture
def refuse(bucket: str, set_limits: Callable[..., None]) -> Iterator[Callable[..., None]]:
    """Has the server refuse its next requests: see tests.s3_server."""
    address = os.environ["AWS_ENDPOINT_URL"]
    set_limits(s3_first_pause="100ms")

    def refused(status: int, code: str, times: int, *methods: str) -> None:
        what = {"status": status, "code": code, "times": times} | ({"methods": methods} if methods else {})
        with urllib.request.urlopen(f"{address}/-/fail", json.dumps(what).encode(), timeout=1200):
            pass

    yield refused
    refused(200, "", 0)


def use_s3(address: str, patch: pytest.MonkeyPatch, key: str = "tests", secret: str = "tests") -> None:
    """Let the environment name that server, and keys for it; moto's takes any."""
    patch.setenv("AWS_ENDPOINT_URL", address)
    patch.setenv("AWS_ACCESS_KEY_ID", key)
    patch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    patch.setenv("AWS_REGION", "us-east-1")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Address of moto's server of S3 on loopback, for the whole session; a second to start."""
    command = [sys.executable, "-m", "tests.s3_server"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None and server.stdin is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.stdin.close()  # it ends with its input, even where this process is killed


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """A real server of S3 on loopback, for the whole session; five seconds to start."""
    from tests import seaweedfs

    with seaweedfs.running(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """A real server of PostgreSQL on loopback, for the whole session; two seconds to start."""
    from tests import postgres

    with postgres.running() as server:
        yield server


@pytest.fixture
def tracking(lake_home: Path, tracking_template: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty MLflow store of the test's own, used without a server: the same client, in milliseconds."""
    lake_home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(tracking_template, lake_home / "mlflow.db")
    return _use_tracking(lake_home, monkeypatch)


def _use_tracking(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    from tests.contexts import Configure

    address = f"sqlite:///{home / 'mlflow.db'}"
    Configure(monkeypatch)(mlflow=address)
    monkeypatch.chdir(home)  # a store without a server keeps its artifacts where the process runs
    return address


@pytest.fixture(scope="session")
def tracking_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty tracking database: migrating takes seconds, copying none."""
    from mlflow import MlflowClient

    _hasten_stores()
    path = tmp_path_factory.mktemp("tracking") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


def _hasten_stores() -> None:
    """Stores of this process ask once which migration is the newest, and leave it to the system when to write to disk.

    A store that is opened reads every migration of MLflow for that, 70 ms; and no test cuts the power.
    """
    from mlflow.store.db import utils
    from sqlalchemy import Engine, event

    utils._get_latest_schema_revision = functools.cache(utils._get_latest_schema_revision)

    @event.listens_for(Engine, "connect")
    def at_ease(connection: object, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("pragma synchronous = off")


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of `include` whose files may be changed, and whose code digests are computed."""
    from include.registry import code_digest, code_modules

    copy = tmp_path / "engine" / "include"
    shutil.copytree(REPOSITORY / "include", copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_modules, "REPOSITORY", copy.parent)
    code_digest.forget_files()
    yield copy
    code_digest.forget_files()


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory, tracking_template: Path) -> Homes:
    """What is made once of each toy, and copied by tests."""
    from tests.homes import Homes

    return Homes(tmp_path_factory, tracking_template)


@pytest.fixture
def toy() -> Toy:
    """The use case that the test is about: the events, unless `tests.toys.every_toy` gives each."""
    from tests.toys import EVENTS

    return EVENTS


@pytest.fixture(scope="session")
def filled(homes: Homes) -> Path:
    """The toy lake with features and labels of every day from FIRST to LAST; copied, never written to."""
    from tests.toys import EVENTS

    return homes.filled(EVENTS)


@pytest.fixture
def toy_lake(lake_home: Path, homes: Homes, toy: Toy) -> Path:
    """A copy of the filled toy lake, as the test's own."""
    copy_lake(homes.filled(toy) / "lake", StoragePath.parse(settings.current_settings().lake))
    return lake_home


@pytest.fixture(scope="session")
def trained(homes: Homes) -> tuple[Path, str]:
    """A home with the filled lake and one complete, evaluated run as of AS_OF, and the run's id; not written to."""
    from tests.toys import EVENTS

    return homes.trained(EVENTS)


@pytest.fixture(scope="session")
def champion_home(homes: Homes) -> Path:
    """That home after the run was registered and, as version 1, promoted as its gates allow; not written to."""
    from tests.toys import EVENTS

    return homes.champion(EVENTS)


@pytest.fixture(scope="module")
def challenger_home(tmp_path_factory: pytest.TempPathFactory, champion_home: Path) -> Path:
    """A home with a champion and a challenger: see `tried.made_home`."""
    from tests import tried

    return tried.made_home(tmp_path_factory, champion_home)


@pytest.fixture
def challenger(lake_home: Path, challenger_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Move `challenger_home` into place."""
    move(challenger_home, lake_home, monkeypatch)


@pytest.fixture
def trained_toy(lake_home: Path, homes: Homes, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> str:
    """A copy of that home as the test's own; the id of the run, which is not registered yet."""
    home, run_id = homes.trained(toy)
    move(home, lake_home, monkeypatch)
    return run_id


@pytest.fixture
def champion(lake_home: Path, homes: Homes, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> str:
    """A copy of the home whose version 1 is champion, as the test's own; the number of that version."""
    move(homes.champion(toy), lake_home, monkeypatch)
    return "1"


@pytest.fixture
def without_plots(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings and evaluations draw nothing: of a small one, drawing is the greater part."""
    # Homes are shared by all tests, so they are made with their plots, whichever test asks for one first.
    if {"trained_toy", "champion"} & set(request.fixturenames):
        request.getfixturevalue("homes").trained(request.getfixturevalue("toy"))
    draw_nothing(monkeypatch)


def draw_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("include.training.run_logging._plots", lambda *_: {})
    for name in ("plot_gate_results", "plot_slices", "plot_champion"):
        patch.setattr(f"include.evaluation.plots.{name}", lambda *_, **__: b"")


@contextlib.contextmanager
def living_in(home: Path) -> Iterator[pytest.MonkeyPatch]:
    """For what many tests will copy: within this block, `home` and the tracking store in it are used."""
    with pytest.MonkeyPatch.context() as patch:
        _environment(home, patch)
        _use_tracking(home, patch)
        yield patch


@contextlib.contextmanager
def moved_into(old: Path, home: Path) -> Iterator[pytest.MonkeyPatch]:
    """As `living_in`, in a copy of an older home."""
    with pytest.MonkeyPatch.context() as patch:
        _environment(home, patch)
        move(old, home, patch)
        yield patch


def move(old: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy a home whole and use the tracking store in the copy."""
    from mlflow.tracking._tracking_service import utils as tracking_utils

    lake = StoragePath.parse(settings.current_settings().lake)
    shutil.copytree(old, home, ignore=_but_for(old / "lake"), copy_function=shutil.copyfile)
    if (old / "lake").is_dir():
        copy_lake(old / "lake", lake)
    _move_artifacts(home / "mlflow.db", old, home)
    tracking_utils._artifact_repos_cache.clear()  # MLflow remembers, by the run's id alone, where its artifacts were
    _use_tracking(home, monkeypatch)


def copy_folder(old: Path, new: Path) -> None:
    """Copy a folder's files, but neither their times nor their rights, which takes half the time."""
    shutil.copytree(old, new, copy_function=shutil.copyfile)


def copy_lake(old: Path, new: StoragePath) -> None:
    """Copy a lake from disk to where the test has its own; all that is in it tells paths relative to its tables."""
    if new.is_local:
        copy_folder(old, new.path)
        return

    def upload(path: Path) -> None:
        (new / path.relative_to(old).as_posix()).write(path.read_bytes())

    s3.map_concurrently(upload, (path for path in old.rglob("*") if path.is_file()))


def _but_for(left_out: Path) -> Callable[[str, list[str]], list[str]]:
    return lambda folder, names: [name for name in names if Path(folder) / name == left_out]


def _move_artifacts(database: Path, old: Path, new: Path) -> None:
    """Let a copied store look for its artifacts next to it."""
    places = [("runs", "artifact_uri"), ("experiments", "artifact_location"), ("logged_models", "artifact_location")]
    places += [("model_versions", "source"), ("model_versions", "storage_location")]
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        for table, column in places:
            connection.execute(f"update {table} set {column} = replace({column}, ?, ?)", (str(old), str(new)))


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real MLflow server on loopback, for the whole session; 10 to 16 seconds to start."""
    home = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{home}/mlflow.db",
        "--artifacts-destination",
        str(home / "artifacts"),
    ]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_for(f"{address}/health", server, home / "log")
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(1200)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path, seconds: float = 1200) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    raise RuntimeError(f"MLflow did not start; its log:\n{log.read_text()[-3000:]}")
