"""Typed fixtures for the context of a test: settings, clock, limits, functions of a use case, declarations, a task."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, TypedDict, Unpack

import pytest

from include import task_memory
from include.declaration import clock
from include.lake import content_digest, signing
from include.registry import code_digest
from include.use_case import UseCase


class SettingValues(TypedDict, total=False):
    """Settings of this project; None: the variable is not set."""

    home: Path | str | None
    lake: Path | str | None
    data_docs: Path | str | None
    write_data_docs: str | None
    use_case_packages: str | None
    use_cases: Path | str | None
    feature_group_packages: str | None
    feature_groups: Path | str | None
    commit: str | None
    dask_scheduler: str | None
    signing_keys: str | None
    task_memory_gb: str | None
    spark_master: str | None
    mlflow: str | None
    mlflow_registry: str | None
    mlflow_port: str | None
    mlflow_database: str | None
    mlflow_artifacts: str | None
    airflow_port: str | None
    database: str | None
    time_zone: str | None
    terminal_columns: str | None


VARIABLES = {
    "signing_keys": signing.VARIABLE,
    "task_memory_gb": task_memory.VARIABLE,
    "mlflow": "MLFLOW_TRACKING_URI",
    "mlflow_registry": "MLFLOW_REGISTRY_URI",
    "time_zone": "TZ",
    "terminal_columns": "COLUMNS",
}
"""Setting to its variable in the environment; any other is called AIRWORTHY_…."""


class Configure:
    """Sets the settings of this process until the test ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, **values: Unpack[SettingValues]) -> None:
        for setting, value in values.items():
            if setting not in SettingValues.__annotations__:
                raise TypeError(f"There is no setting {setting!r}.")
            self._set(VARIABLES.get(setting, f"AIRWORTHY_{setting.upper()}"), value)

    def airflow(self, section: str, **options: str | None) -> None:
        """Set options of Airflow's configuration."""
        for option, value in options.items():
            self._set(f"AIRFLOW__{section.upper()}__{option.upper()}", value)

    def connections(self, **addresses: str | None) -> None:
        """Set Airflow's Connections, by their ids."""
        for name, address in addresses.items():
            self._set(f"AIRFLOW_CONN_{name.upper()}", address)

    def aws(self, **values: Path | str | None) -> None:
        """Set what AWS's clients read from the environment."""
        for name, value in values.items():
            self._set(f"AWS_{name.upper()}", value)

    def _set(self, variable: str, value: object) -> None:
        if value is None:
            self._monkeypatch.delenv(variable, raising=False)
        else:
            self._monkeypatch.setenv(variable, str(value))


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Sets this project's settings, such as `configure(lake=tmp_path, commit=None)`."""
    return Configure(monkeypatch)


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Sets the clock of all use cases to an instant."""
    return lambda moment: monkeypatch.setattr(clock, "now", lambda: moment)


LIMITS = {
    "airflow_answer_s": "include.local.airflow_client.ANSWER_S",
    "airflow_connect_s": "include.local.airflow_client.CONNECT_S",
    "artifact_bytes": "include.registry.mlflow_runs.ARTIFACT_BYTES",
    "artifact_files": "include.registry.mlflow_runs.ARTIFACT_FILES",
    "card_bytes": "include.web.card.CARD_BYTES",
    "checkpoint_after": "include.maintenance.table_plan.CHECKPOINT_AFTER",
    "conditional_write_pause_s": "include.lake.s3_object._PAUSE",
    "dask_connect_timeout": "include.training.on_dask.cluster.CONNECT_TIMEOUT",
    "dask_start_timeout": "include.training.on_dask.cluster.START_TIMEOUT",
    "demo_limit_s": "include.local.demo.LIMIT_S",
    "demo_poll_s": "include.local.demo.POLL_S",
    "judged_rows": "include.monitoring.labelled_predictions.MOST_ROWS",
    "lock_lasts": "include.lake.lock.LOCK_DURATION",
    "memory_margin": "include.task_memory.MARGIN",
    "model_bytes": "include.registry.model_io.MOST_BYTES",
    "most_shards": "include.scoring.shards.MOST_SHARDS",
    "notifications_kept_for": "include.notifications.queue.KEPT_FOR",
    "parquet_column_chunks": "include.ingestion.parquet_reader.COLUMN_CHUNKS",
    "parquet_columns": "include.ingestion.parquet_reader.COLUMNS",
    "parquet_footer_bytes": "include.ingestion.parquet_reader.FOOTER_BYTES",
    "parquet_piece_bytes": "include.ingestion.parquet_reader.PIECE_BYTES",
    "parquet_row_group_bytes": "include.ingestion.parquet_reader.ROW_GROUP_BYTES",
    "parquet_row_groups": "include.ingestion.parquet_reader.ROW_GROUPS",
    "progress_interval_s": "include.local.progress.INTERVAL_S",
    "s3_first_pause": "include.lake.s3_retries.FIRST_PAUSE",
    "s3_retries": "include.lake.s3_retries.RETRIES",
    "scoring_batch_rows": "include.scoring.score.BATCH_ROWS",
    "search_reports": "include.training.search.REPORTS",
    "startup_trials": "include.training.search.STARTUP_TRIALS",
}
"""Limits and pauses that tests make small, with their constants: what exceeds them would be large or slow."""


@pytest.fixture
def set_limits(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets limits of the code, by their names in LIMITS, such as `set_limits(scoring_batch_rows=33)`."""

    def set_to(**limits: object) -> None:
        for name, value in limits.items():
            monkeypatch.setattr(LIMITS[name], value)

    return set_to


class UseCaseFunctions:
    """Replaces functions in the modules of one use case until the test ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, use_case: UseCase) -> None:
        self._monkeypatch, self._use_case = monkeypatch, use_case

    def source(self, **feeds: Callable[..., Any]) -> None:
        """Replace the functions that deliver these feeds."""
        self._replace("source", feeds, {feed.name for feed in self._use_case.feeds})

    def expectations(self, **feeds: Callable[..., Any]) -> None:
        """Replace the functions that return the suites of these feeds, or of `features` and `predictions`."""
        self._replace("expectations", feeds, {feed.name for feed in self._use_case.feeds} | {"features", "predictions"})

    def features(self, **functions: Callable[..., Any]) -> None:
        """Replace `build` or `labels`."""
        self._replace("features", functions, {"build", "labels"})

    def _replace(self, module: str, functions: dict[str, Callable[..., Any]], known: set[str]) -> None:
        assert set(functions) <= known, f"{module}.py of {self._use_case.name} has none of {set(functions) - known}"
        imported: ModuleType = importlib.import_module(f"{self._use_case.package}.{module}")
        for name, function in functions.items():
            self._monkeypatch.setattr(imported, name, function, raising=False)
        for name in ("table_code_digest", "judge_code_digest"):
            self._monkeypatch.setattr(code_digest, name, self._other_code(getattr(code_digest, name), functions))

    def _other_code(self, digest: Callable[..., str], functions: dict[str, Callable[..., Any]]) -> Callable[..., str]:
        """Return a digest that differs by these functions, as it would if they were in the use case's files."""
        replaced = [f"{name} {id(function)}" for name, function in functions.items()]

        def digest_with_functions(use_case: UseCase, *table: str, **options: Any) -> str:
            own = digest(use_case, *table, **options)
            return content_digest.digest_values([own, *replaced]) if use_case.name == self._use_case.name else own

        return digest_with_functions


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """Ibis' connection to Spark on two cores, one for all tests of a process; skipped without `make engines`."""
    pytest.importorskip("pyspark", reason="Spark is not installed: make engines")
    from include.features.spark.session import spark_backend

    with pytest.MonkeyPatch.context() as patch:
        Configure(patch)(spark_master="local[2]")
        backend = spark_backend()
    yield backend
    left = [name for name in ("spark-warehouse", "metastore_db", "derby.log") if Path(name).exists()]
    assert left == [], "Spark writes nothing into the working directory"


@pytest.fixture
def toy_functions(monkeypatch: pytest.MonkeyPatch) -> UseCaseFunctions:
    """Replaces functions of the toy use case, such as `toy_functions.source(events=…)`."""
    from tests.toy_use_case import USE_CASE

    return UseCaseFunctions(monkeypatch, USE_CASE)


@pytest.fixture
def customers_functions(monkeypatch: pytest.MonkeyPatch) -> UseCaseFunctions:
    """Replaces functions of the use case of customers."""
    from tests.customers_use_case import USE_CASE

    return UseCaseFunctions(monkeypatch, USE_CASE)


@pytest.fixture
def flights_functions(monkeypatch: pytest.MonkeyPatch) -> UseCaseFunctions:
    """Replaces functions of flight_delays."""
    from include.use_cases.flight_delays import USE_CASE

    return UseCaseFunctions(monkeypatch, USE_CASE)


@pytest.fixture
def declare(configure: Configure, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Declares use cases in a package that only this test has; no other use case is found then."""
    package = ModuleType(f"declared_in_{tmp_path.name}_{id(tmp_path)}")
    package.__path__ = [str(tmp_path / "declared")]

    def declared(*use_cases: UseCase) -> None:
        for use_case in use_cases:
            (tmp_path / "declared").mkdir(exist_ok=True)
            (tmp_path / "declared" / f"{use_case.name}.py").touch()
            module = ModuleType(f"{package.__name__}.{use_case.name}")
            # By its own package, which is where its functions are.
            module.USE_CASE = replace(use_case, package=use_case.package)  # type: ignore[attr-defined]
            sys.modules[module.__name__] = module
        sys.modules[package.__name__] = package
        configure(use_case_packages=package.__name__)

    yield declared
    for name in [each for each in sys.modules if each.split(".")[0] == package.__name__]:
        del sys.modules[name]


class AssetEvents(dict[str, SimpleNamespace]):
    """The events of assets that a task adds, by the assets' names; `extra` is what the asset's page shows."""

    def __getitem__(self, asset: Any) -> SimpleNamespace:
        return self.setdefault(asset.name, SimpleNamespace(extra={}))

    def extra(self, name: str) -> dict[str, Any]:
        """Return what is shown of the asset; nothing if no event was left."""
        return dict(self[SimpleNamespace(name=name)].extra) if name in self else {}


@pytest.fixture
def run_as_task() -> Iterator[Callable[[dict[str, Any]], AssetEvents]]:
    """Sets the context of a running task, as Airflow's task runner does; returns the events of assets."""
    from airflow.sdk.execution_time.context import set_current_context

    with contextlib.ExitStack() as tasks:

        def run(context: dict[str, Any]) -> AssetEvents:
            events = AssetEvents()
            tasks.enter_context(set_current_context({"outlet_events": events, **context}))  # type: ignore[typeddict-item]
            return events

        yield run
