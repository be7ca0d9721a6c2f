"""Functions that tests of `include.untrusted` run in the separate process."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import time
from pathlib import Path
from typing import Any

from include.errors import InvalidRequestError
from include.untrusted.errors import UntrustedContentError


def echo(*values: Any) -> list[Any]:
    return list(values)


def pid() -> int:
    return os.getpid()


def environment() -> dict[str, str]:
    return dict(os.environ)


def crash() -> None:
    """A real read of address 0, as a broken parser makes it."""
    ctypes.string_at(0)


def crash_at_any_order(*_: Any) -> None:
    crash()


def loop(started: str = "") -> None:
    if started:
        Path(started).write_text(str(os.getpid()))
    while True:
        time.sleep(0)


def exit_with(code: int) -> None:
    os._exit(code)


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def grow(step: int) -> None:
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1) * step))


def refuse(reason: str) -> None:
    raise UntrustedContentError(reason)


def refuse_as_request(reason: str) -> None:
    raise InvalidRequestError(reason)


def fail(text: str) -> None:
    raise RuntimeError(text)


def find_disk_full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def answer_at_length(size: int) -> str:
    return "x" * size


def print_much() -> int:
    os.write(1, b"foreign text\n")
    os.write(2, b"foreign text\n")
    return 1
