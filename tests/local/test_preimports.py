"""What the processes that fork tasks import before they fork."""

from __future__ import annotations

import importlib
import importlib.util
import os
import runpy
import subprocess
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


def test_this_project_is_imported_in_advance_without_its_use_cases(monkeypatch):
    own = [name for name in imported_by(monkeypatch, "scheduler") if name.startswith("include")]
    assert {"include.pipelines.data", "include.orchestration.tasks.score"} <= set(own)
    assert all(importlib.util.find_spec(name) for name in own)
    command = [sys.executable, "-c", IMPORTED.format(own=own)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "include.features.materialize" in loaded
    assert not [name for name in loaded if name.startswith(("include.use_cases.", "include.feature_groups."))]


IMPORTED = """
import importlib, sys
for name in {own}:
    importlib.import_module(name)
print(*sys.modules)
"""
FORKS = """
import os, runpy, sys
sys.argv = ["airflow", "version"]
import include.part, include.use_cases
runpy.run_path(sys.orig_argv[3])["_follow_changes"]()

def value_in_a_fork():
    read, write = os.pipe()
    if os.fork() == 0:
        import include.part
        os.write(write, str(include.part.VALUE).encode())
        os._exit(0)
    os.wait()
    return os.read(read, 100).decode()

print(value_in_a_fork(), "include.part" in sys.modules)
with open(include.part.__file__, "a") as file:
    file.write("\\nVALUE = 12\\n")
print(value_in_a_fork(), include.part.VALUE)
os.remove(include.part.__file__)
with open(include.__file__.replace("__init__", "part"), "w") as file:
    file.write("VALUE = 345\\n")
print(value_in_a_fork())
"""


def test_a_forked_task_runs_the_code_that_is_there_now(tmp_path):
    package = tmp_path / "include"
    (package / "use_cases").mkdir(parents=True)
    for name, text in {"__init__": "", "part": "VALUE = 1", "use_cases/__init__": ""}.items():
        (package / f"{name}.py").write_text(text)
    command = [sys.executable, "-c", FORKS, FILE]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["1 True", "12 1", "345"]
