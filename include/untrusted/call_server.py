"""Answer calls in the process for untrusted content."""

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
import sys
from pathlib import Path
from typing import Any

from include.errors import AirworthyError
from include.untrusted.errors import UntrustedContentError
from include.untrusted.messages import MESSAGE_BYTES, receive_message, send_message

REASON_LENGTH = 500
"""Most characters of a library's message in a refusal."""
_OF_THE_HOST = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS, errno.EACCES),
    *(errno.ENOENT, errno.EPERM),
}
"""Errors of the operating system that the content did not cause."""
_PR_SET_PDEATHSIG = 1


def serve_calls() -> None:
    """Answer requests from the socket given on the command line until it is closed."""
    _end_with_parent(int(sys.argv[2]))
    _lower_priority()
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        send_message(connection, b"{}")
        while (request := receive_message(connection)) is not None:
            send_message(connection, _answer(json.loads(request)))


def _end_with_parent(parent: int) -> None:
    """Let the kernel kill this process with its parent.

    On other systems than Linux, it ends when idle.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("its parent has ended")


def _lower_priority() -> None:
    """Disable core dumps, and be killed first for lack of memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


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
