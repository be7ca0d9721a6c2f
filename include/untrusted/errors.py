"""Errors of reading untrusted content."""

from __future__ import annotations

from typing import Literal

from include.errors import AirworthyError

LONGEST_REASON = 4_000
"""Most characters of the reason of a refusal."""
Kind = Literal["refused", "failed", "crash", "time", "memory"]


class UntrustedContentError(AirworthyError):
    """Untrusted content was refused or ended its parser.

    The same call would end the same way. Functions in the process raise it to refuse content. Callers raise their own
    error from it, which names the content, the limit that applies and what to change.
    """

    def __init__(self, reason: str, kind: Kind = "refused") -> None:
        self.reason, self.kind = reason[:LONGEST_REASON], kind
        super().__init__(self.reason)


class ReaderCrashedError(UntrustedContentError):
    """Untrusted content crashed the process that reads it."""

    def __init__(self, end: str) -> None:
        """Build the message; `end` is the signal that ended the process, or its exit code."""
        self.end = end
        super().__init__(f"reading it crashed the process that reads it ({end})", "crash")


class ReaderMemoryError(UntrustedContentError):
    """Reading untrusted content took too much memory."""

    def __init__(self, most: int) -> None:
        self.most = most
        super().__init__(f"reading it took more than {most:,} bytes of memory and was stopped", "memory")


class ReaderTimeError(UntrustedContentError):
    """Reading untrusted content took too much time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"reading it had not ended after {seconds:,g} seconds and was stopped", "time")


Trouble = Literal["not started", "no answer", "killed", "failed"]
_TROUBLES: dict[Trouble, str] = {
    "not started": "could not be started: {detail}",
    "no answer": "did not start: {detail}",
    "killed": "was killed by {detail}, by another process or for lack of memory",
    "failed": "failed: {detail}",
}


class UntrustedProcessError(AirworthyError):
    """The separate process failed for a reason other than the content."""

    retryable = True

    def __init__(self, trouble: Trouble, detail: str) -> None:
        self.trouble, self.detail = trouble, detail
        reason = _TROUBLES[trouble].format(detail=detail)
        super().__init__(f"The process that reads untrusted content {reason}. Nothing was written. Try again.")
