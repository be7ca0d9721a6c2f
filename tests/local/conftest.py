"""Instances of the local services on free ports and in temporary folders."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from include.local import instance, processes, supervisor
from include.local.instance import Instance
from include.local.supervisor import SupervisorReport
from include.settings import REPOSITORY


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@dataclass(frozen=True)
class Shell:
    """A person at a shell, with the variables of one instance."""

    instance: Instance
    env: dict[str, str]

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        cli = [sys.executable, "-m", "include.cli.main", *command]
        return subprocess.run(cli, cwd=REPOSITORY, env=self.env | more, capture_output=True, text=True, timeout=1200)

    def report(self) -> SupervisorReport:
        found = supervisor.read_report(self.instance)
        assert found is not None, "the supervisor does not run"
        return found

    def living(self) -> list[int]:
        return [process.pid for process in processes.marked_processes(self.instance.home)]


def make_shell(home: Path, **more: str) -> Shell:
    airflow, mlflow = free_ports(2)
    mine = {
        "AIRWORTHY_HOME": str(home),
        "AIRWORTHY_AIRFLOW_PORT": str(airflow),
        "AIRWORTHY_MLFLOW_PORT": str(mlflow),
        **more,
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AIRWORTHY_", "AIRFLOW_", "MLFLOW_"))}
    env = inherited | mine
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name not in env:
                patch.delenv(name)
        for name, value in mine.items():
            patch.setenv(name, value)
        return Shell(instance.current(), env)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Another instance than everybody else's; nothing runs yet."""
    return make_shell(tmp_path / "home")
