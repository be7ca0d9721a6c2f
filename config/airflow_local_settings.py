"""Imports what tasks need once, in the process that forks them: the scheduler (LocalExecutor) or the Celery worker.

Every task is a process of its own, and importing these libraries costs 4 CPU-seconds; forked from a process that has
imported them, it costs nothing. Airflow imports this file by its name, in each of its processes, from PYTHONPATH.

Only imports belong here, and one setting that Airflow lacks: no connection, no thread, no query (a library that works
before the fork may hang after it), and none of this project's own modules, which tasks must read as they are now.
"""

from __future__ import annotations

import gc
import importlib
import logging
import sys

__all__: list[str] = []  # Airflow copies public names into its own settings: there are none

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
    # Parts of Airflow itself that every task of ours would load for the first time.
    "airflow.sdk.definitions.decorators",
    "airflow.providers.common.io.assets.file",
    "airflow.providers.postgres.assets.postgres",
    "slugify",
)


def _import_libraries() -> None:
    for name in _LIBRARIES:
        try:
            importlib.import_module(name)
        except Exception:  # whatever is wrong with a library, Airflow must start; its task will say the same
            logging.getLogger(__name__).warning("Could not import %s in advance", name, exc_info=True)


def _forks_tasks() -> bool:
    """Whether tasks are forked from this process, or from children of it."""
    if sys.argv[1:2] == ["scheduler"]:
        from airflow.configuration import conf

        return "LocalExecutor" in (conf.get("core", "executor") or "")
    return sys.argv[1:3] == ["celery", "worker"]


def _keep_task_logs_out_of_ours() -> None:
    """LocalExecutor copies what tasks log to the scheduler's own output too, where nothing masks secrets (Airflow 3.3;
    no option turns it off). A task's log, which is masked, has it all."""
    from airflow.sdk.execution_time import supervisor

    supervisor.WatchedSubprocess._get_target_loggers = lambda self: (self.process_log,)  # type: ignore[method-assign]  # noqa: SLF001  # see above


if _forks_tasks():
    _import_libraries()
    if sys.argv[1:2] == ["scheduler"]:
        _keep_task_logs_out_of_ours()
    # What is loaded now lives as long as the process: a garbage collection in a forked task need not look through it,
    # which would copy every page that it touches.
    gc.collect()
    gc.freeze()
