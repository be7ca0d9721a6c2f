"""Import libraries and this project once in the process that forks tasks: the scheduler or the Celery worker.

Each task is a separate process, and these imports take 4 CPU-seconds; a task forked from a process that has done them
needs no time for it. Airflow imports this file by its name from PYTHONPATH, in each of its processes.

Only imports belong here, and one setting that Airflow lacks. Connections, threads and queries do not: a library used
before the fork may hang after it. Tasks run this project's code in its current state: if one of its files has changed,
a forked process forgets all of its modules, and imports them again. Use cases are not imported in advance.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import sys
from pathlib import Path

__all__: list[str] = []  # Airflow copies public names into its own settings

_LIBRARIES = (
    "pandas",
    "pyarrow",
    "pyarrow.compute",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "duckdb",
    "deltalake",
    "boto3",
    "ibis",
    "ibis.backends.duckdb",
    "sklearn.linear_model",
    "sklearn.metrics",
    "lightgbm",
    "matplotlib",
    "mlflow",
    "mlflow.lightgbm",
    "great_expectations",
    # Parts of Airflow that every task would otherwise import first.
    "airflow.sdk.definitions.decorators",
    "airflow.providers.common.io.assets.file",
    "airflow.providers.postgres.assets.postgres",
    "slugify",
    "jinja2.ext",
    "pyarrow.csv",
)
_PROJECT = "include"
_ENTRIES = ("dag_factory", "dag_files", *(f"tasks.{name}" for name in ("data", "monitor", "score", "train")))
_MODULES = (
    *(f"{_PROJECT}.orchestration.{name}" for name in _ENTRIES),
    *(f"{_PROJECT}.pipelines.{name}" for name in ("data", "monitor", "score", "train")),
)
"""Modules of this project that import what the tasks of each period need."""


def _import_in_advance() -> None:
    for name in (*_LIBRARIES, *_MODULES):
        try:
            importlib.import_module(name)
        except (
            Exception
        ):  # Airflow must start even with a broken library; a task that needs it fails with the same error
            logging.getLogger(__name__).warning("Could not import %s in advance", name, exc_info=True)


def _forks_tasks() -> bool:
    """Return whether tasks are forked from this process, or from its children."""
    if sys.argv[1:2] == ["scheduler"]:
        from airflow.configuration import conf

        return "LocalExecutor" in (conf.get("core", "executor") or "")
    return sys.argv[1:3] == ["celery", "worker"]


def _follow_changes() -> None:
    """Let forked processes forget this project's modules if one of their files has changed."""
    imported = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == _PROJECT}
    files = [Path(module.__file__) for module in imported.values() if module.__file__]
    before = list(map(_state, files))

    def forget_if_changed() -> None:
        if list(map(_state, files)) != before:
            for name in [name for name in sys.modules if name.partition(".")[0] == _PROJECT]:
                del sys.modules[name]

    os.register_at_fork(after_in_child=forget_if_changed)


def _state(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _keep_task_logs_out_of_ours() -> None:
    """Stop LocalExecutor from copying task logs to the scheduler's output, where secrets are not masked.

    Airflow 3.3 has no option for it. The task's own log is complete, and masked.
    """
    from airflow.sdk.execution_time import supervisor

    supervisor.WatchedSubprocess._get_target_loggers = lambda self: (self.process_log,)  # type: ignore[method-assign]  # noqa: SLF001  # see above


if _forks_tasks():
    _import_in_advance()
    _follow_changes()
    if sys.argv[1:2] == ["scheduler"]:
        _keep_task_logs_out_of_ours()
    # Exclude the imported objects from garbage collection in forked tasks: it would copy each memory page that it
    # touches.
    gc.collect()
    gc.freeze()
