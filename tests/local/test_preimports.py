"""What the processes that fork tasks import before they fork."""

from __future__ import annotations

import importlib
import runpy
import sys

from airflow.configuration import conf

from include.settings import REPOSITORY

FILE = str(REPOSITORY / "config" / "airflow_local_settings.py")


def imported_by(monkeypatch, *argv: str, broken: str = "", executor: str = "LocalExecutor") -> list[str]:
    """Names that the file asks for when Airflow is started as `argv`; importing `broken` raises."""
    asked: list[str] = []
    conf.get("core", "executor")  # Airflow's settings import what they need when they are first asked

    def note(name: str) -> None:
        asked.append(name)
        if name == broken:
            raise OSError("libgomp.so.1: cannot open shared object file")

    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["airflow", *argv])
        patch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
        patch.setattr(importlib, "import_module", note)
        runpy.run_path(FILE)
    return asked


def test_the_scheduler_imports_the_heavy_libraries_in_advance(monkeypatch):
    wanted = {"pandas", "pyarrow", "lightgbm", "mlflow", "great_expectations", "duckdb", "ibis", "deltalake"}
    assert wanted <= set(imported_by(monkeypatch, "scheduler", "--skip-serve-logs"))


def test_a_celery_worker_imports_them_and_its_scheduler_which_forks_no_task_does_not(monkeypatch):
    assert "lightgbm" in imported_by(monkeypatch, "celery", "worker", executor="CeleryExecutor")
    assert imported_by(monkeypatch, "scheduler", executor="CeleryExecutor") == []
    assert "lightgbm" in imported_by(monkeypatch, "scheduler", executor="LocalExecutor,CeleryExecutor")


def test_no_other_component_imports_them(monkeypatch):
    for command in ("api-server", "dag-processor", "triggerer", "celery", "db", "version"):
        assert imported_by(monkeypatch, command) == []


def test_a_broken_library_does_not_stop_airflow(monkeypatch):
    assert "great_expectations" in imported_by(monkeypatch, "scheduler", broken="lightgbm")


def test_nothing_of_this_project_is_imported_in_advance(monkeypatch):
    assert not [name for name in imported_by(monkeypatch, "scheduler") if name.startswith("include")]
