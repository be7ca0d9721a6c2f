"""Fail a task at once, with a log that begins with the reason and what to do."""

from __future__ import annotations

import re
from typing import NoReturn

from airflow.sdk.exceptions import AirflowFailException

from include.errors import AirworthyError
from include.printable import printable_logger

log = printable_logger(__name__)
_SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z])")
"""Between two sentences of a message."""


class TaskFailedError(AirflowFailException):
    """A task fails without a retry, because of an error of this project."""

    def __init__(self, error: AirworthyError, message: str = "") -> None:
        self.error = error
        super().__init__(message or str(error))


def fail_task(error: AirworthyError, message: str = "") -> NoReturn:
    """Log the reason and the remedy, one sentence in each line, and fail.

    The log then has one traceback. It has a second one, that of the cause, only if the cause is in the code of a use
    case, whose author must find the line.

    Raises:
        TaskFailedError: always.
    """
    log_reason(message or str(error))
    # An error that says where in a use case's code it was raised has the traceback of that code as its cause.
    cause = error.__cause__ if error.shows_cause or bool(getattr(error, "where", None)) else None
    raise TaskFailedError(error, message) from None if isinstance(cause, AirworthyError) else cause


def log_reason(message: str) -> None:
    """Log a message, one sentence in each line."""
    for line in message.splitlines():
        for sentence in _SENTENCE.split(line):
            log.error("%s", sentence)
