"""End a task that exceeds its memory with a clear error.

Otherwise the kernel would kill a process.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from include.errors import AirworthyError, InvalidRequestError

VARIABLE = "AIRWORTHY_TASK_MEMORY_GB"
"""Environment variable with the declared memory of a task, in GB; without it there is no limit."""
GIGABYTE = 10**9
MARGIN = GIGABYTE
"""Bytes that a task may use beyond the declared memory."""
POLL_SECONDS = 0.2
_log = logging.getLogger(__name__)


class TaskMemoryError(AirworthyError):
    """A task has exceeded its memory.

    The same task on the same data would do so again.
    """

    def __init__(self, used: int, declared: int) -> None:
        self.used, self.declared = used, declared
        super().__init__(
            f"The task used {used / GIGABYTE:.1f} GB of memory, more than 1 GB above the {declared / GIGABYTE:g} GB"
            f" of {VARIABLE}, and was stopped before the machine ran out of memory. No table is half written."
            " Reduce its work (a shorter training window, fewer columns), or raise"
            f" {VARIABLE} if the machine has more memory, and start the services again."
        )


class _MemoryExceededError(BaseException):
    """Raised in the task's own thread.

    `except Exception` in a task or library does not catch it.
    """


@contextmanager
def limited_memory() -> Iterator[None]:
    """Watch the memory of this process while the block runs.

    Python code is ended by an exception. If a library does not return to Python, the process is ended after another
    MARGIN; Airflow then retries the task as after any killed process.

    Raises:
        TaskMemoryError: the process uses more than MARGIN above the declared memory.
        InvalidRequestError: the declared memory is not a number above 0.
    """
    declared = declared_bytes()
    if declared is None:
        yield
        return
    watch = _Watch(declared)
    try:
        with watch:
            yield
    except _MemoryExceededError:
        raise TaskMemoryError(watch.used, declared) from None


def declared_bytes() -> int | None:
    """Return the declared memory of a task in bytes; None if nothing is declared.

    Raises:
        InvalidRequestError: it is not a number above 0.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if not given:
        return None
    try:
        declared = int(float(given) * GIGABYTE)
    except (ValueError, OverflowError):
        declared = 0
    if declared <= 0:
        raise InvalidRequestError(
            f"{VARIABLE}={given[:50]!r} is not a number of GB above 0, such as 4. Correct or remove it."
        )
    return declared


class _Watch:
    """A thread that checks the memory of its process until the block ends."""

    def __init__(self, declared: int) -> None:
        self.declared, self.used = declared, 0
        self._task = threading.get_ident()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._check_memory, name="memory of the task", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _check_memory(self) -> None:
        import psutil

        process = psutil.Process()
        while not self._end.wait(POLL_SECONDS):
            used = process.memory_info().rss
            if used <= self.declared + MARGIN:
                continue
            if not self.used:
                self.used = used
                _raise_in(self._task)
            elif used > self.used + MARGIN:
                _log.error("%s", TaskMemoryError(used, self.declared))
                logging.shutdown()
                os._exit(1)


def _raise_in(thread: int) -> None:
    """Raise an exception in a thread at its next Python instruction.

    See PyThreadState_SetAsyncExc.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_MemoryExceededError))
