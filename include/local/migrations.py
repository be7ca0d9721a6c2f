"""Migrate the metadata databases of Airflow and MLflow to the installed versions."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

from include.local.errors import ServiceDiedError
from include.local.instance import Instance

_TAIL_LINES = 15


def migrate_databases(instance: Instance, env: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Migrate both databases in parallel, unless these versions did so before.

    Raises:
        ServiceDiedError: a migration failed; the message has the end of its log.
    """
    stamp, want = instance.home / "run" / "migrated", _stamp(instance)
    if stamp.exists() and stamp.read_text() == want and _sqlite_files_exist(instance):
        return
    say("Preparing the databases of Airflow and MLflow …")
    commands = {
        "airflow-migration": [sys.executable, "-m", "airflow", "db", "migrate"],
        "mlflow-migration": [sys.executable, "-m", "mlflow", "db", "upgrade", env["MLFLOW_BACKEND_STORE_URI"]],
    }
    running = {name: _start(instance, name, command, env) for name, command in commands.items()}
    failed = [name for name, process in running.items() if process.wait() != 0]
    if failed:
        raise ServiceDiedError(failed[0], *log_tail(instance.log(failed[0])))
    for file in _sqlite_files(instance):
        with sqlite3.connect(file) as connection:
            # A persistent setting: with a write-ahead log, processes can read while one writes.
            connection.execute("PRAGMA journal_mode=WAL")
        connection.close()
    stamp.write_text(want)


def log_tail(log: Path) -> tuple[Path, list[str]]:
    """Return a log and its last lines, for a message."""
    if not log.exists():
        return log, []
    with log.open(errors="replace") as file:
        return log, [line.rstrip() for line in deque(file, _TAIL_LINES)]


def _start(instance: Instance, name: str, command: list[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with instance.log(name).open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=instance.home,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _stamp(instance: Instance) -> str:
    database = hashlib.sha256(instance.database.encode()).hexdigest()  # the address may hold a password
    return f"apache-airflow {version('apache-airflow')}\nmlflow {version('mlflow')}\ndatabase {database}\n"


def _sqlite_files(instance: Instance) -> list[Path]:
    mlflow = instance.home / "mlflow" / "mlflow.db"
    return [mlflow] if instance.sqlite is None else [mlflow, instance.sqlite]


def _sqlite_files_exist(instance: Instance) -> bool:
    """Return whether the SQLite files exist.

    False for a server, whose database may have been emptied.
    """
    return instance.sqlite is not None and all(file.exists() for file in _sqlite_files(instance))
