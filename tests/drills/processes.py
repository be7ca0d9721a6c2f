"""Start processes with all imports done, forked from a server that has imported everything and used nothing.

The Delta library must not be used in a process that was forked after using it; that server never uses it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import time
from collections.abc import Callable
from multiprocessing import forkserver, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from include.settings import REPOSITORY

_PRELOADED = ["tests.drills.around", "tests.drills.warm"]
_forkserver = get_context("forkserver")
_forkserver.set_forkserver_preload(_PRELOADED)
_KEPT = ("AIRWORTHY_", "MLFLOW_", "AWS_", "AIRFLOW_CONN_")


@functools.cache
def _serve() -> None:
    """Start the server where it finds what it must import: it knows the folder and the environment it begins in."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(REPOSITORY)
    with contextlib.chdir(REPOSITORY):
        forkserver.ensure_running()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}


def _work(pipe: Connection, environment: dict[str, str], folder: str, work: Callable[..., Any], args: tuple) -> None:
    """In the child: take over the environment, say that the work begins, do it, and say how long it took."""
    for name in [name for name in os.environ if name.startswith(_KEPT)]:
        del os.environ[name]
    os.environ.update(environment)
    os.chdir(folder)
    pipe.send("begun")
    began = time.monotonic()
    work(*args)
    pipe.send(time.monotonic() - began)


class Trial:
    """A process that does some work in the environment and folder of this one, and may be killed while it does."""

    def __init__(self, work: Callable[..., Any], *args: Any) -> None:
        _serve()
        self._pipe, theirs = _forkserver.Pipe()
        arguments = (theirs, _environment(), str(Path.cwd()), work, args)
        self._process = _forkserver.Process(target=_work, args=arguments)
        self._process.start()
        theirs.close()
        assert self._pipe.recv() == "begun"

    def finish(self) -> float:
        """Wait for the end of the work; the seconds that it took. AssertionError where it failed."""
        try:
            seconds: float = self._pipe.recv()
        except EOFError:
            seconds = -1.0
        self._process.join()
        assert self._process.exitcode == 0, f"the process ended with {self._process.exitcode}"
        return seconds

    def kill_after(self, seconds: float) -> bool:
        """Kill the process (SIGKILL) that many seconds after its work began; whether it was killed at work."""
        done = self._pipe.poll(seconds)
        if not done:
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.join()
        return self._process.exitcode == -signal.SIGKILL


def run(work: Callable[..., Any], *args: Any) -> float:
    """Do some work in a process of its own; the seconds that it took."""
    return Trial(work, *args).finish()
