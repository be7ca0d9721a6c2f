"""Import heavy libraries once in the process that forks tasks: the scheduler or the Celery worker.

Each task is a separate process, and importing these libraries takes 4 CPU-seconds; a task forked from a process that
has imported them needs no time for it. Airflow imports this file by its name from PYTHONPATH, in each of its processes.

Only imports belong here, and one setting that Airflow lacks. Connections, threads and queries do not: a library used
before the fork may hang after it. Nor do this project's modules, which tasks must read in their current state.
"""

from __future__ import annotations

import gc
import importlib
import logging
import sys

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
)


def _import_libraries() -> None:
    for name in _LIBRARIES:
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


def _keep_task_logs_out_of_ours() -> None:
    """Stop LocalExecutor from copying task logs to the scheduler's output, where secrets are not masked.

    Airflow 3.3 has no option for it. The task's own log is complete, and masked.
    """
    from airflow.sdk.execution_time import supervisor

    supervisor.WatchedSubprocess._get_target_loggers = lambda self: (self.process_log,)  # type: ignore[method-assign]  # noqa: SLF001  # see above


if _forks_tasks():
    _import_libraries()
    if sys.argv[1:2] == ["scheduler"]:
        _keep_task_logs_out_of_ours()
    # Exclude the imported objects from garbage collection in forked tasks: it would copy each memory page that it
    # touches.
    gc.collect()
    gc.freeze()
