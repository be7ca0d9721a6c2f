"""Spark is refused in words where it cannot start, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from include.features.spark import session
from include.settings import REPOSITORY
from tests.end_to_end.conftest import until


def java(folder: Path, version: str) -> dict[str, str]:
    """Put a Java of that version into the folder; return an environment that names it."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2021-01-19' >&2\n")
    program.chmod(0o755)
    return {"JAVA_HOME": str(folder)}


def test_spark_without_its_packages_is_refused():
    assert "pyspark" in session.what_is_missing(os.environ, is_installed=False)


def test_spark_without_java_is_refused(tmp_path):
    assert "Java" in session.what_is_missing({"PATH": str(tmp_path)}, is_installed=True)
    assert str(tmp_path) in session.what_is_missing({"JAVA_HOME": str(tmp_path)}, is_installed=True)


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_292", "unknown"])
def test_an_older_java_is_refused(tmp_path, version):
    missing = session.what_is_missing(java(tmp_path, version), is_installed=True)
    assert version.partition(".")[0] in missing


@pytest.mark.parametrize("version", ["17.0.15", "21"])
def test_java_17_and_later_ones_are_taken(tmp_path, version):
    assert session.what_is_missing(java(tmp_path, version), is_installed=True) == ""


def test_spark_runs_on_this_machine_unless_a_cluster_is_set(configure):
    for master, cluster in ((None, ""), ("local[3]", ""), ("spark://host:7077", "spark://host:7077")):
        configure(spark_master=master)
        assert session.cluster_master() == cluster


PROGRAM = """
import os, signal, sys
from include.features.spark.session import spark_backend
import pyarrow as pa
rows = spark_backend().table_of_rows(pa.table({"a": [3, 1, 2]}))
assert rows.order_by("a").to_pyarrow()["a"].to_pylist() == [1, 2, 3]
end = sys.argv[1]
print("ready", flush=True)
os._exit(0) if end == "exit at once" else os.kill(os.getpid(), signal.SIGKILL) if end == "killed" else None
"""


@pytest.mark.slow
@pytest.mark.parametrize("end", ["usual", "exit at once", "killed"])
def test_spark_ends_with_its_process_and_leaves_no_file(tmp_path, end):
    """A task of Airflow ends by `os._exit`, which runs none of Python's functions at the end."""
    pytest.importorskip("pyspark", reason="Spark is not installed: make engines")
    working, temporary = tmp_path / "working", tmp_path / "temporary"
    working.mkdir()
    temporary.mkdir()
    mark = f"airworthy-{tmp_path.name}"
    environment = os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "TMPDIR": str(temporary),
        "AIRWORTHY_SPARK_MASTER": "local[2]",
        "AIRWORTHY_TEST_MARK": mark,
    }
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, end], cwd=working, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == (-signal.SIGKILL if end == "killed" else 0), ran.stderr
    assert "ready" in ran.stdout
    until(lambda: not marked(mark), "the end of Java")
    assert [*working.iterdir()] == []
    assert [path.name for path in temporary.iterdir()] == []


def marked(mark: str) -> list[psutil.Process]:
    """The living processes with that mark in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("AIRWORTHY_TEST_MARK") == mark:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
