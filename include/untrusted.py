"""Run functions on untrusted content in a separate process with limits of time and memory.

Malicious content may make a library's parser crash, loop or allocate without bound. In a separate process, only this
process ends, and the caller gets an error that explains it. The process is a fresh interpreter (not a fork), starts at
the first call and serves all calls of a task. It ends with its parent, even if the parent is killed.

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
"""Time limit for starting the interpreter, on a machine under load; it normally takes 0.1 s."""
POLL_SECONDS = 0.01
"""Time between two checks of the memory: at 2 GB/s, a process exceeds its limit by 20 MB before it is killed."""
MESSAGE_BYTES = 64 << 20
"""Largest message in either direction."""
REASON_LENGTH, LONGEST_REASON = 500, 4_000
"""Most characters of a library's message in a refusal, and of any reason."""
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH")
"""Environment variables that the process gets; no Connections, keys or passwords."""
_SETTINGS = {"MALLOC_ARENA_MAX": "2"}
"""Makes freed memory return to the system, so that it does not count for the next call."""
_OF_THE_HOST = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS, errno.EACCES),
    *(errno.ENOENT, errno.EPERM),
}
"""Errors of the operating system that the content did not cause."""
_SIZE = struct.Struct(">Q")
_PR_SET_PDEATHSIG = 1
Kind = Literal["refused", "failed", "crash", "time", "memory"]


class UntrustedContentError(AirworthyError):
    """Untrusted content was refused or ended its parser.

    The same call would end the same way. Functions in the process raise it to refuse content. Callers raise their own
    error from it, which names the content, the limit that applies and what to change.
    """

    def __init__(self, reason: str, kind: Kind = "refused") -> None:
        self.reason, self.kind = reason[:LONGEST_REASON], kind
        super().__init__(self.reason)


class UntrustedProcessError(AirworthyError):
    """The separate process failed for a reason other than the content."""

    retryable = True

    def __init__(self, reason: str) -> None:
        super().__init__(f"The process that reads untrusted content {reason}. Nothing was written. Try again.")


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
        """Call the function `module:name` with JSON values in the process, and return its JSON result.

        After a crash or an exceeded limit, the next call starts a new process.

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
        raise UntrustedProcessError(f"failed: {reason[:REASON_LENGTH]}")
    raise UntrustedContentError(reason, answer.get("kind", "failed"))


class _Child:
    """A running process, seen from its parent."""

    def __init__(self, memory_bytes: int) -> None:
        self.memory_bytes, self._exceeded_memory, self._has_ended = memory_bytes, False, threading.Event()
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
                    stdout=subprocess.DEVNULL,  # libraries may print foreign text
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

    def ask(self, request: bytes, seconds: float) -> dict[str, Any]:
        """Send a request and return its answer."""
        self._socket.settimeout(seconds)
        try:
            _send(self._socket, request)
        except TimeoutError:
            raise self._timeout_error(seconds) from None
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
            message = _receive(self._socket, time.monotonic() + seconds)
            answer = None if message is None else json.loads(message)
        except TimeoutError:
            raise self._timeout_error(seconds) from None
        except (OSError, ValueError):
            answer = None
        if not isinstance(answer, dict):
            raise self._missing_answer_error()
        return answer

    def _timeout_error(self, seconds: float) -> UntrustedContentError:
        return UntrustedContentError(f"reading it had not ended after {seconds:,g} seconds and was stopped", "time")

    def _missing_answer_error(self) -> AirworthyError:
        """Return the error that explains why there is no answer."""
        try:
            code = self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return UntrustedContentError("reading it ended with an answer that cannot be read", "crash")
        if self._exceeded_memory:
            return UntrustedContentError(
                f"reading it took more than {self.memory_bytes:,} bytes of memory and was stopped", "memory"
            )
        if code in (-signal.SIGKILL, -signal.SIGTERM):
            return UntrustedProcessError(
                f"was killed by {signal.Signals(-code).name}, by another process or for lack of memory"
            )
        how = f"by {_signal_name(-code)}" if code < 0 else f"with code {code}"
        return UntrustedContentError(f"reading it crashed the process that reads it ({how})", "crash")

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


def _send(connection: socket.socket, message: bytes) -> None:
    connection.sendall(_SIZE.pack(len(message)) + message)


def _receive(connection: socket.socket, deadline: float | None = None) -> bytes | None:
    """Return the next message; None if the other side has closed the connection.

    Raises:
        TimeoutError: the deadline (of `time.monotonic`) has passed.
        ValueError: the message is too long.
    """
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
    """Answer requests from the socket given on the command line until it is closed."""
    _end_with_parent(int(sys.argv[2]))
    _lower_priority()
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        _send(connection, b"{}")
        while (request := _receive(connection)) is not None:
            _send(connection, _answer(json.loads(request)))


def _end_with_parent(parent: int) -> None:
    """Let the kernel kill this process with its parent.

    On other systems than Linux, it ends when idle.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("its parent has ended")


def _lower_priority() -> None:
    """Disable core dumps, and make the kernel kill this process first for lack of memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
        file.write("1000")


def _answer(request: dict[str, Any]) -> bytes:
    """Call the requested function; return its result, or the error that it raises."""
    module, _, name = request["function"].partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
        answer = json.dumps({"result": function(*request["arguments"])}).encode()
        if len(answer) > MESSAGE_BYTES:
            answer = _refusal("failed", f"reading it gave an answer of {len(answer):,} bytes")
    except UntrustedContentError as error:
        answer = _refusal(error.kind, error.reason)
    except AirworthyError as error:
        answer = _refusal("refused", str(error))
    except MemoryError:
        answer = _refusal("memory", "there was not enough memory to read it")
    except ImportError as error:
        answer = _refusal("host", _describe(error))
    except OSError as error:
        answer = _refusal("host" if error.errno in _OF_THE_HOST else "failed", _describe(error))
    except Exception as error:
        answer = _refusal("failed", _describe(error))
    return answer


def _refusal(kind: str, reason: str) -> bytes:
    return json.dumps({"kind": kind, "reason": reason}).encode()


def _describe(error: BaseException) -> str:
    """Return type and message of a library's error on one line, shortened."""
    return f"{type(error).__name__}: {' '.join(str(error)[: 4 * REASON_LENGTH].split())[:REASON_LENGTH]}".rstrip(": ")
