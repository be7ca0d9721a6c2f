"""Run MLflow alone for one command.

It has the runs and versions that the local services use.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from include.lake import signing
from include.local import environment, health, migrations, private_files
from include.local.errors import NotHealthyError, ServiceDiedError
from include.local.instance import Instance

START_TIMEOUT_S = 1200.0
STOP_TIMEOUT_S = 20.0


def start_server(instance: Instance) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own.

    Ctrl-C must not end it before the command has cleaned up.
    """
    private_files.make_private(instance.home)
    for folder in (instance.logs, instance.home / "mlflow"):
        folder.mkdir(parents=True, exist_ok=True)
    env = {name: value for name, value in environment.current(instance).items() if name != signing.VARIABLE}
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(instance.mlflow_port)]
    with instance.log("mlflow").open("ab") as output:
        return subprocess.Popen(
            [*command, "--workers", "1", "--allowed-hosts", "localhost:*,127.0.0.1:*"],
            cwd=instance.home,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@contextlib.contextmanager
def serve_mlflow(
    instance: Instance,
    say: Callable[[str], None],
    start: Callable[[Instance], subprocess.Popen[bytes]] = start_server,
) -> Iterator[None]:
    """Run MLflow until the block ends, if it is needed.

    It is not needed if it answers already or the environment names another server. `start` starts its process.

    Raises:
        ServiceDiedError: it ended while it started; its port may be taken.
        NotHealthyError: it did not answer in time.
    """
    if os.environ.get("MLFLOW_TRACKING_URI") or health.is_mlflow_healthy(instance):
        yield
        return
    say("Starting MLflow for this command …")
    server = start(instance)
    try:
        _wait_until_healthy(instance, server)
        yield
    finally:
        server.terminate()
        try:
            server.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_until_healthy(instance: Instance, server: subprocess.Popen[bytes]) -> None:
    started = time.monotonic()
    while not health.is_mlflow_healthy(instance):
        if server.poll() is not None:
            raise ServiceDiedError("MLflow", *migrations.log_tail(instance.log("mlflow")))
        if time.monotonic() - started > START_TIMEOUT_S:
            raise NotHealthyError(["mlflow"], START_TIMEOUT_S, instance.logs)
        time.sleep(0.3)
