"""Start and stop Airflow's components and MLflow on this machine."""

from __future__ import annotations

import contextlib
import fcntl
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO

import psutil

from include import settings
from include.errors import AirworthyError
from include.local import credentials, environment, health, migrations, private_files, processes, supervisor
from include.local.airflow_client import AirflowClient
from include.local.errors import (
    DemoRunningError,
    NotHealthyError,
    PortTakenError,
    ServiceDiedError,
    StartedElsewhereError,
)
from include.local.instance import SERVICES, Instance
from include.local.supervisor import SupervisorReport

Say = Callable[[str], None]
"""Prints one line of progress."""

START_TIMEOUT_S = 1200.0
_STOP_TIMEOUT_S = 45.0  # config/supervisord.conf gives all services 10 s; the sweep needs more
_RESTARTS_FORGIVEN = 1  # a service may start before one that it needs


def start_instance(instance: Instance, say: Say, timeout_s: float = START_TIMEOUT_S) -> bool:
    """Start the services and wait until all are healthy.

    Returns False if they ran already. After PortTakenError, ServiceDiedError and NotHealthyError, nothing of this
    instance runs.

    Raises:
        PortTakenError: another process listens on a port.
        ServiceDiedError: a service or a migration ended.
        NotHealthyError: a service is not ready in time.
        StartedElsewhereError: another process starts this instance.
        InvalidSettingError: other accounts may read the home, and it cannot be made private.
    """
    with private_files.private_file():
        return _up(instance, say, timeout_s)


def _up(instance: Instance, say: Say, timeout_s: float) -> bool:
    _make_folders(instance)
    with _alone(instance):
        if (report := supervisor.read_report(instance)) is not None:
            _wait_until_healthy(instance, say, timeout_s, report.supervisor)
            _ensure_pools(instance)
            return False
        if removed := processes.sweep(instance.home):
            say(f"Removed {removed} processes left over from a killed run.")
        _check_ports(instance)
        try:
            env = environment.current(instance)
            migrations.migrate_databases(instance, env, say)
            parent = _start(instance, env)
            _wait_until_healthy(instance, say, timeout_s, parent.pid)
            _ensure_pools(instance)
        except BaseException:  # Ctrl-C too: stop what has started
            stop_instance(instance)
            raise
        return True


def stop_instance(instance: Instance) -> int:
    """Stop every process of the instance; return their number when all have ended."""
    report = supervisor.read_report(instance)
    count = len(processes.marked_processes(instance.home))
    if report is not None:
        with contextlib.suppress(psutil.Error):
            psutil.Process(report.supervisor).terminate()
        processes.wait_until_gone([report.supervisor], instance.home, _STOP_TIMEOUT_S)
    processes.sweep(instance.home)
    instance.state_file.unlink(missing_ok=True)
    return count


def stay_in_foreground(instance: Instance, say: Say) -> None:
    """Wait until the services end, or stop them at Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while (report := supervisor.read_report(instance)) is not None:
            with contextlib.suppress(psutil.Error):
                psutil.Process(report.supervisor).wait()
    except KeyboardInterrupt:
        say("Stopping …")
    finally:
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, signal.SIG_IGN)
        stop_instance(instance)


def _make_folders(instance: Instance) -> None:
    private_files.make_private(instance.home)
    for folder in (instance.airflow_home, instance.logs, instance.state_file.parent, instance.home / "mlflow"):
        folder.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def reserve_demo(instance: Instance) -> Iterator[None]:
    """Let this process alone run the demo of an instance until the block ends.

    Raises:
        DemoRunningError: another process runs it.
    """
    with private_files.private_file():
        _make_folders(instance)
        lock = (instance.home / "run" / "demo.lock").open("w")
    with lock, _lock(lock, DemoRunningError(instance.home)):
        yield


@contextlib.contextmanager
def _alone(instance: Instance) -> Iterator[None]:
    with (instance.home / "run" / "up.lock").open("w") as file, _lock(file, StartedElsewhereError(instance.home)):
        yield


@contextlib.contextmanager
def _lock(file: IO[str], refusal: AirworthyError) -> Iterator[None]:
    """Hold the lock of a file; raise `refusal` if another process holds it.

    The lock ends with the process.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise refusal from None
    yield


def _check_ports(instance: Instance) -> None:
    for service, port, setting in (
        ("Airflow", instance.airflow_port, "AIRWORTHY_AIRFLOW_PORT"),
        ("MLflow", instance.mlflow_port, "AIRWORTHY_MLFLOW_PORT"),
    ):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that only lingers is free
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise PortTakenError(service, port, setting) from None


def _start(instance: Instance, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start the supervisor in a new session.

    It outlives this process, and Ctrl-C does not reach it.
    """
    with instance.log("supervisor-output").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "include.local.supervisor", str(supervisor.CONFIGURATION)],
            cwd=instance.home,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_until_healthy(instance: Instance, say: Say, timeout_s: float, parent: int) -> None:
    started = time.monotonic()
    reported: frozenset[str] = frozenset()
    while True:
        report = supervisor.read_report(instance)
        if report is None and not _is_running(parent):
            raise ServiceDiedError("The supervisor", *migrations.log_tail(instance.log("supervisor-output")))
        waited = time.monotonic() - started
        if report is not None:
            _raise_if_dead(instance, report)
            ready = health.is_healthy(instance, report)
            for name in sorted(ready - reported, key=SERVICES.index):
                if waited > 1:  # otherwise it ran already
                    say(f"{name} is ready after {waited:.0f} s")
            reported |= ready
            if ready >= set(SERVICES):
                return
        if waited > timeout_s:
            raise NotHealthyError([name for name in SERVICES if name not in reported], timeout_s, instance.logs)
        time.sleep(0.5)


def _ensure_pools(instance: Instance) -> None:
    """Create the pools that are missing; do not change an existing one."""
    api = AirflowClient(instance.airflow_url, credentials.USER, credentials.load_or_make(instance).password)
    variables = environment.current(instance)
    parallelism, memory_gb = int(variables["AIRFLOW__CORE__PARALLELISM"]), settings.machine_memory_gb(variables)
    existing = {pool["name"] for pool in api.call("GET", "/pools")["pools"]}
    for name, (slots, description) in settings.pools(parallelism, memory_gb).items():
        if name not in existing:
            pool = {"name": name, "slots": slots, "description": description, "include_deferred": False}
            api.call("POST", "/pools", json=pool)


def _is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _raise_if_dead(instance: Instance, report: SupervisorReport) -> None:
    for name, service in report.services.items():
        if service.state == "FATAL" or service.deaths > _RESTARTS_FORGIVEN:
            raise ServiceDiedError(name, *migrations.log_tail(instance.log(name)))
