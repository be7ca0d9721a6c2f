"""The supervisor, with services that start quickly and stop slowly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.local import environment, health, migrations, processes, services
from include.local import supervisor as local_supervisor
from include.local.errors import PortTakenError, ServiceDiedError, StartedElsewhereError
from include.local.instance import SERVICES
from tests.local.conftest import Shell, make_shell
from tests.refusals import raises

pytestmark = pytest.mark.slow

STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("here I am", flush=True)
time.sleep(600)
"""
DYING = "import sys; sys.exit('no such table: dag')"


def wait_until(condition: Callable[[], bool], seconds: float = 1200) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


@pytest.fixture
def configure(tmp_path: Path, monkeypatch) -> Callable[..., None]:
    """Replaces the real services by scripts: `configure(scheduler=DYING)`; the others are stubborn."""

    def write(**scripts: str) -> None:
        lines = ["[supervisord]", "nodaemon = true", "silent = true", "logfile = logs/supervisor.log"]
        lines += [
            "pidfile = run/supervisord.pid",
            "minfds = 64",
            "[group:airworthy]",
            f"programs = {','.join(SERVICES)}",
        ]
        for name in SERVICES:
            script = tmp_path / f"{name}.py"
            script.write_text(scripts.get(name, STUBBORN))
            lines += [f"[program:{name}]", f"command = python {script}", "startsecs = 1", "stopwaitsecs = 1"]
            lines += [f"stdout_logfile = logs/{name}.log", "redirect_stderr = true", "killasgroup = true"]
        configuration = tmp_path / "supervisord.conf"
        configuration.write_text("\n".join(lines))
        monkeypatch.setattr(local_supervisor, "CONFIGURATION", configuration)

    monkeypatch.setattr(migrations, "migrate_databases", lambda *_: None)
    monkeypatch.setattr(services, "_ensure_training_pool", lambda _: None)
    monkeypatch.setattr(
        health, "is_healthy", lambda _, report: frozenset(n for n, s in report.services.items() if s.pid)
    )
    write()
    return write


@pytest.fixture
def running(shell: Shell, configure) -> Iterator[Shell]:
    services.start_instance(shell.instance, say=print)
    wait_until(lambda: len(shell.living()) == 1 + 2 * len(SERVICES))
    yield shell
    processes.sweep(shell.instance.home)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_supervisor_leaves_no_process(running: Shell, signum: signal.Signals):
    os.kill(running.report().supervisor, signum)
    wait_until(lambda: not running.living())


def test_down_leaves_no_process(running: Shell):
    assert services.stop_instance(running.instance) == 1 + 2 * len(SERVICES)
    assert running.living() == []


def test_down_after_the_supervisor_was_killed_removes_what_was_left(running: Shell):
    os.kill(running.report().supervisor, signal.SIGKILL)
    wait_until(lambda: local_supervisor.read_report(running.instance) is None)
    assert len(running.living()) == 2 * len(SERVICES)
    services.stop_instance(running.instance)
    assert running.living() == []


def test_up_after_the_supervisor_was_killed_starts_again(running: Shell):
    supervisor = running.report().supervisor
    os.kill(supervisor, signal.SIGKILL)
    wait_until(lambda: not processes.is_alive(supervisor, running.instance.home))  # on a busy machine, not at once
    before = set(running.living())
    said: list[str] = []
    assert services.start_instance(running.instance, say=said.append)
    assert "killed run" in said[0]
    assert not before & set(running.living())


def test_down_never_touches_another_instance(running: Shell, tmp_path: Path):
    other = make_shell(tmp_path / "home2")  # its name begins like ours
    services.start_instance(other.instance, say=print)
    services.stop_instance(running.instance)
    assert other.report().services.keys() == set(SERVICES)
    services.stop_instance(other.instance)
    assert other.living() == []


def test_up_when_up_changes_nothing(running: Shell):
    before = running.report()
    assert not services.start_instance(running.instance, say=print)
    assert running.report() == before


def test_a_service_that_dies_when_started_is_named_with_the_end_of_its_log(shell: Shell, configure):
    configure(scheduler=DYING)
    with raises(ServiceDiedError, "scheduler", "no such table: dag") as died:
        services.start_instance(shell.instance, say=print)
    assert str(shell.instance.log("scheduler")) in str(died.value)
    assert shell.living() == []


def test_a_service_that_dies_later_is_started_again(running: Shell):
    first = running.report().services["triggerer"].pid
    wait_until(lambda: running.report().services["triggerer"].state == "RUNNING")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: running.report().services["triggerer"].pid not in (0, first))


def test_a_port_that_is_taken_is_named_with_its_setting_and_nothing_is_started(shell: Shell, configure):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", shell.instance.mlflow_port))
        taken.listen()
        with raises(PortTakenError, shell.instance.mlflow_port, "AIRWORTHY_MLFLOW_PORT="):
            services.start_instance(shell.instance, say=print)
    assert shell.living() == []


def test_two_starts_at_once_are_one_start(shell: Shell, configure):
    services._make_folders(shell.instance)
    with services._alone(shell.instance), pytest.raises(StartedElsewhereError):
        services.start_instance(shell.instance, say=print)


def test_the_shell_that_carries_the_mark_itself_survives_the_sweep(tmp_path: Path):
    """Somebody may run `down` from within the instance's environment."""
    script = "from include.local import processes, environment; from pathlib import Path; import os;"
    script += f"processes.sweep(Path(os.environ['{environment.MARK}'])); print('alive')"
    env = os.environ | {environment.MARK: str(tmp_path), "SCRIPT": script}
    shell = ["sh", "-c", f'"{sys.executable}" -c "$SCRIPT"; echo shell alive']
    done = subprocess.run(shell, env=env, capture_output=True, text=True)
    assert done.stdout == "alive\nshell alive\n"
