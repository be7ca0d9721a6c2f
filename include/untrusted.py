"""Run functions on untrusted content in a separate process with limits of time and memory.

A parser of a library may crash, loop or allocate without bound on content that was made for it. In a process of its
own that ends only this process, and the caller gets a refusal in words. The process is a fresh interpreter (nothing is
inherited by a fork), starts at the first call and serves all calls of a task. It ends with its parent, also when that
is killed.

Arguments and results are plain JSON values; large content is passed as the path of a file. Nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import importlib
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from typing import Any, Literal

from include.errors import AirworthyError
from include.settings import REPOSITORY

START_SECONDS = 120.0
"""How long the interpreter may take to start, on a machine under load; it needs a tenth of a second."""
POLL_SECONDS = 0.01
"""Between two looks at the memory: at 2 GB/s, a process passes its limit by 20 MB before it is ended."""
MESSAGE_BYTES = 64 << 20
"""Of one message, in either direction."""
REASON_LENGTH, LONGEST_REASON = 500, 4_000
"""Characters of a library's own words in a refusal, and of any reason."""
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH")
"""Variables that the process gets; not Connections, keys or passwords."""
_SETTINGS = {"MALLOC_ARENA_MAX": "2"}
"""Memory that is freed goes back to the system, and is not counted for the next call."""
_OF_THE_HOST = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS, errno.EACCES),
    *(errno.ENOENT, errno.EPERM),
}
"""Errors of the operating system that say nothing about the content."""
_SIZE = struct.Struct(">Q")
_PR_SET_PDEATHSIG = 1
Kind = Literal["refused", "failed", "crash", "time", "memory"]


class UntrustedContentError(AirworthyError):
    """Untrusted content that is refused, or that a parser cannot survive; the same call would end the same way.

    Functions that run in the process raise it to refuse; callers raise their own error from it, which names the
    content, says which limit applies and what to change.
    """

    def __init__(self, reason: str, kind: Kind = "refused") -> None:
        self.reason, self.kind = reason[:LONGEST_REASON], kind
        super().__init__(self.reason)


class UntrustedProcessError(AirworthyError):
    """The separate process could not do its work, for reasons that do not lie with the content."""

    retryable = True

    def __init__(self, reason: str) -> None:
        super().__init__(f"The process that reads untrusted content {reason}. Nothing was written. Try again.")


class UntrustedProcess:
    """A process for untrusted content, to be used in a `with` block by one thread."""

    def __init__(self, *, memory_bytes: int, seconds: float) -> None:
        """Limit its resident memory at any time, and the time of each call; it starts at the first call."""
        self.memory_bytes, self.seconds = memory_bytes, seconds
        self._child: _Child | None = None

    def __enter__(self) -> UntrustedProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The process's id, None while none runs."""
        return self._child.process.pid if self._child else None

    def close(self) -> None:
        """End the process; the next call would start another."""
        if self._child:
            self._child.end()
            self._child = None

    def call(self, function: str, *arguments: Any, seconds: float | None = None) -> Any:
        """Run the function named `module:name` on plain values in the process, and return its plain result.

        After a crash or a limit the process is gone, and the next call starts a fresh one.

        Raises:
            UntrustedContentError: the function refused the content, raised, crashed, or passed a limit.
            UntrustedProcessError: the process could not start, was killed by another, or found no room on disk.
        """
        limit = self.seconds if seconds is None else seconds
        order = json.dumps({"function": function, "arguments": arguments}).encode()
        if self._child is None:
            self._child = _Child(self.memory_bytes)
        try:
            answer = self._child.ask(order, limit)
        except BaseException:
            self.close()
            raise
        return _result(answer)


def _result(answer: dict[str, Any]) -> Any:
    if "result" in answer:
        return answer["result"]
    reason = str(answer.get("reason", "it gave no reason"))
    if answer.get("kind") == "host":
        raise UntrustedProcessError(f"failed: {reason[:REASON_LENGTH]}")
    raise UntrustedContentError(reason, answer.get("kind", "failed"))


class _Child:
    """A running process, as its parent sees it."""

    def __init__(self, memory_bytes: int) -> None:
        self.memory_bytes, self._is_over, self._has_ended = memory_bytes, False, threading.Event()
        self._socket, other = socket.socketpair()
        code = "from include.untrusted import serve_calls; serve_calls()"
        with other:
            try:
                self.process = subprocess.Popen(
                    [sys.executable, "-c", code, str(other.fileno()), str(os.getpid())],
                    cwd=REPOSITORY,
                    env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ} | _SETTINGS,
                    pass_fds=[other.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,  # what libraries print is foreign text
                    stderr=subprocess.DEVNULL,
                )
            except OSError as error:
                self._socket.close()
                raise UntrustedProcessError(f"could not be started: {error}") from error
        self._watch = threading.Thread(target=self._limit_memory, name="memory-of-untrusted-process", daemon=True)
        self._watch.start()
        try:
            self._receive(START_SECONDS)
        except (UntrustedContentError, OSError) as error:
            self.end()
            raise UntrustedProcessError(f"did not start: {error}") from error
        except BaseException:
            self.end()
            raise

    def ask(self, order: bytes, seconds: float) -> dict[str, Any]:
        """Send an order and wait for its answer."""
        self._socket.settimeout(seconds)
        try:
            _send(self._socket, order)
        except TimeoutError:
            raise self._too_slow(seconds) from None
        except OSError:  # it has ended since the last call; receiving says how
            pass
        return self._receive(seconds)

    def end(self) -> None:
        """Kill it and wait until it is gone."""
        self._has_ended.set()
        self._socket.close()
        self._watch.join()
        self.process.kill()
        self.process.wait()

    def _receive(self, seconds: float) -> dict[str, Any]:
        try:
            message = _receive(self._socket, time.monotonic() + seconds)
            answer = None if message is None else json.loads(message)
        except TimeoutError:
            raise self._too_slow(seconds) from None
        except (OSError, ValueError):
            answer = None
        if not isinstance(answer, dict):
            raise self._why_it_ended()
        return answer

    def _too_slow(self, seconds: float) -> UntrustedContentError:
        return UntrustedContentError(f"reading it had not ended after {seconds:,g} seconds and was stopped", "time")

    def _why_it_ended(self) -> AirworthyError:
        """Say why there is no answer."""
        try:
            code = self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return UntrustedContentError("reading it ended with an answer that cannot be read", "crash")
        if self._is_over:
            return UntrustedContentError(
                f"reading it took more than {self.memory_bytes:,} bytes of memory and was stopped", "memory"
            )
        if code in (-signal.SIGKILL, -signal.SIGTERM):
            return UntrustedProcessError(
                f"was killed by {signal.Signals(-code).name}, which another process or the system's lack of memory does"
            )
        how = f"by {_signal_name(-code)}" if code < 0 else f"with code {code}"
        return UntrustedContentError(f"reading it crashed the process that reads it ({how})", "crash")

    def _limit_memory(self) -> None:
        """Kill the process as soon as it holds more memory than it may."""
        import psutil

        with contextlib.suppress(psutil.Error):
            watched = psutil.Process(self.process.pid)
            while not self._has_ended.wait(POLL_SECONDS):
                if watched.memory_info().rss > self.memory_bytes:
                    self._is_over = True
                    self.process.kill()
                    return


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _send(connection: socket.socket, message: bytes) -> None:
    connection.sendall(_SIZE.pack(len(message)) + message)


def _receive(connection: socket.socket, deadline: float | None = None) -> bytes | None:
    """Return the next message, None where the other side has closed. TimeoutError at the deadline (monotonic)."""
    start = _receive_exactly(connection, _SIZE.size, deadline)
    if start is None:
        return None
    (size,) = _SIZE.unpack(start)
    if size > MESSAGE_BYTES:
        raise ValueError(f"a message of {size:,} bytes")
    return _receive_exactly(connection, size, deadline)


def _receive_exactly(connection: socket.socket, size: int, deadline: float | None) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        if deadline is not None:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
        part = connection.recv(min(size - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)


def serve_calls() -> None:
    """Answer the orders that come through the socket named on the command line, until it is closed."""
    _end_with_parent(int(sys.argv[2]))
    _give_way()
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        _send(connection, b"{}")
        while (order := _receive(connection)) is not None:
            _send(connection, _answer(json.loads(order)))


def _end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; elsewhere than on Linux, it ends when it is idle."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("its parent has ended")


def _give_way() -> None:
    """Write no core dump; where the system runs out of memory, let it end this process before all others."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
        file.write("1000")


def _answer(order: dict[str, Any]) -> bytes:
    """Run what is ordered; what it raises is an answer too."""
    module, _, name = order["function"].partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
        answer = json.dumps({"result": function(*order["arguments"])}).encode()
        if len(answer) > MESSAGE_BYTES:
            answer = _refusal("failed", f"reading it gave an answer of {len(answer):,} bytes")
    except UntrustedContentError as error:
        answer = _refusal(error.kind, error.reason)
    except AirworthyError as error:
        answer = _refusal("refused", str(error))
    except MemoryError:
        answer = _refusal("memory", "there was not enough memory to read it")
    except ImportError as error:
        answer = _refusal("host", _words(error))
    except OSError as error:
        answer = _refusal("host" if error.errno in _OF_THE_HOST else "failed", _words(error))
    except Exception as error:
        answer = _refusal("failed", _words(error))
    return answer


def _refusal(kind: str, reason: str) -> bytes:
    return json.dumps({"kind": kind, "reason": reason}).encode()


def _words(error: BaseException) -> str:
    """Return kind and message of a library's error on one line, within bounds."""
    return f"{type(error).__name__}: {' '.join(str(error)[: 4 * REASON_LENGTH].split())[:REASON_LENGTH]}".rstrip(": ")
