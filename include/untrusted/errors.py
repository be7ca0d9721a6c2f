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


class UntrustedProcessError(AirworthyError):
    """The separate process failed for a reason other than the content."""

    retryable = True

    def __init__(self, reason: str) -> None:
        super().__init__(f"The process that reads untrusted content {reason}. Nothing was written. Try again.")
