"""Run functions on untrusted content in a process with limits.

It is a separate process with limits of time and memory. Malicious content may make a library's parser crash, loop or
allocate without bound. In a separate process, only this process ends, and the caller gets an error that explains it.
The process is a fresh interpreter (not a fork), starts at the first call and serves all calls of a task. It ends with
its parent, even if the parent is killed.

Arguments and results are plain JSON values; large content is passed as the path of a file. Nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

from include.errors import AirworthyError
from include.settings import REPOSITORY
from include.untrusted.errors import (
    ReaderCrashedError,
    ReaderMemoryError,
    ReaderTimeError,
    UntrustedContentError,
    UntrustedProcessError,
)
from include.untrusted.messages import receive_message, send_message

START_SECONDS = 120.0
"""Time limit for starting the interpreter, on a machine under load; it normally takes 0.1 s."""
POLL_SECONDS = 0.01
"""Time between two checks of the memory: at 2 GB/s, a process exceeds its limit by 20 MB before it is killed."""
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH")
"""Environment variables that the process gets; no Connections, keys or passwords."""
_SETTINGS = {"MALLOC_ARENA_MAX": "2"}
"""Makes freed memory return to the system, so that it does not count for the next call."""
REASON_LENGTH = 500
"""Most characters of a library's message in an error."""


class UntrustedProcess:
    """A process for untrusted content, used in a `with` block by one thread."""

    def __init__(self, *, memory_bytes: int, seconds: float) -> None:
        """Set the limits of resident memory and of the time per call.

        The process starts at the first call.
        """
        self.memory_bytes, self.seconds = memory_bytes, seconds
        self._child: _Child | None = None

    def __enter__(self) -> UntrustedProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The id of the process; None if it does not run."""
        return self._child.process.pid if self._child else None

    def close(self) -> None:
        """End the process; another call would start a new one."""
        if self._child:
            self._child.end()
            self._child = None

    def call(self, function: str, *arguments: Any, seconds: float | None = None) -> Any:
        """Call `module:name` with JSON values in the process.

        Returns the function's JSON result. After a crash or an exceeded limit, the next call starts a new process.

        Raises:
            UntrustedContentError: the function refused the content, raised, crashed, or exceeded a limit.
            UntrustedProcessError: the process could not start, was killed by another process, or the disk is full.
        """
        limit = self.seconds if seconds is None else seconds
        request = json.dumps({"function": function, "arguments": arguments}).encode()
        if self._child is None:
            self._child = _Child(self.memory_bytes)
        try:
            answer = self._child.ask(request, limit)
        except BaseException:
            self.close()
            raise
        return _result(answer)


def _result(answer: dict[str, Any]) -> Any:
    if "result" in answer:
        return answer["result"]
    reason = str(answer.get("reason", "it gave no reason"))
    if answer.get("kind") == "host":
        raise UntrustedProcessError("failed", reason[:REASON_LENGTH])
    raise UntrustedContentError(reason, answer.get("kind", "failed"))


class _Child:
    """A running process, seen from its parent."""

    def __init__(self, memory_bytes: int) -> None:
        self.memory_bytes, self._exceeded_memory, self._has_ended = memory_bytes, False, threading.Event()
        self._socket, other = socket.socketpair()
        code = "from include.untrusted.call_server import serve_calls; serve_calls()"
        with other:
            try:
                self.process = subprocess.Popen(
                    [sys.executable, "-c", code, str(other.fileno()), str(os.getpid())],
                    cwd=REPOSITORY,
                    env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ} | _SETTINGS,
                    pass_fds=[other.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,  # libraries may print foreign text
                    stderr=subprocess.DEVNULL,
                )
            except OSError as error:
                self._socket.close()
                raise UntrustedProcessError("not started", str(error)) from error
        self._watch = threading.Thread(target=self._limit_memory, name="memory-of-untrusted-process", daemon=True)
        self._watch.start()
        try:
            self._receive(START_SECONDS)
        except (UntrustedContentError, OSError) as error:
            self.end()
            raise UntrustedProcessError("no answer", str(error)) from error
        except BaseException:
            self.end()
            raise

    def ask(self, request: bytes, seconds: float) -> dict[str, Any]:
        """Send a request and return its answer."""
        self._socket.settimeout(seconds)
        try:
            send_message(self._socket, request)
        except TimeoutError:
            raise ReaderTimeError(seconds) from None
        except OSError:  # the process has ended since the last call; receiving finds out how
            pass
        return self._receive(seconds)

    def end(self) -> None:
        """Kill the process and wait for its end."""
        self._has_ended.set()
        self._socket.close()
        self._watch.join()
        self.process.kill()
        self.process.wait()

    def _receive(self, seconds: float) -> dict[str, Any]:
        try:
            message = receive_message(self._socket, time.monotonic() + seconds)
            answer = None if message is None else json.loads(message)
        except TimeoutError:
            raise ReaderTimeError(seconds) from None
        except (OSError, ValueError):
            answer = None
        if not isinstance(answer, dict):
            raise self._missing_answer_error()
        return answer

    def _missing_answer_error(self) -> AirworthyError:
        """Return the error that explains why there is no answer."""
        try:
            code = self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return UntrustedContentError("reading it ended with an answer that cannot be read", "crash")
        if self._exceeded_memory:
            return ReaderMemoryError(self.memory_bytes)
        if code in (-signal.SIGKILL, -signal.SIGTERM):
            return UntrustedProcessError("killed", signal.Signals(-code).name)
        return ReaderCrashedError(_signal_name(-code) if code < 0 else f"exit code {code}")

    def _limit_memory(self) -> None:
        """Kill the process as soon as it exceeds its memory limit."""
        import psutil

        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.process.pid)
            while not self._has_ended.wait(POLL_SECONDS):
                if process.memory_info().rss > self.memory_bytes:
                    self._exceeded_memory = True
                    self.process.kill()
                    return


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
