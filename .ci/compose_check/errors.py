"""Errors of the check: one for a machine on which it cannot run, one for what it finds."""

from __future__ import annotations

from collections.abc import Sequence

LINES_SHOWN = 25
"""Last lines of a failed command's output that are shown."""


class CannotRunError(Exception):
    """The check cannot run on this machine; the message says what it lacks, and `lacks` names it where it is known."""

    def __init__(self, message: str, lacks: str = "") -> None:
        super().__init__(message)
        self.lacks = lacks


class CheckFailedError(Exception):
    """A check found something else than what is promised."""


class CommandsMissingError(CheckFailedError):
    """A page of the documentation shows no commands below a heading, or has no such heading."""

    def __init__(self, page: str, heading: str, *, is_there: bool) -> None:
        self.page, self.heading, self.is_there = page, heading, is_there
        what = "shows no command below the heading" if is_there else "has no heading"
        super().__init__(f"docs/{page} {what} {heading!r}, whose commands this check runs.")


class CommandFailedError(CheckFailedError):
    """A command ended with another status than 0, or did not end in time."""

    def __init__(self, command: Sequence[str], ending: str, output: str) -> None:
        last = "\n".join(output.strip().splitlines()[-LINES_SHOWN:])
        super().__init__(f"`{' '.join(command)[:300]}` {ending}:\n{last}")
        self.output = output


def require(condition: object, message: str) -> None:
    """Raise CheckFailedError with the message unless the condition holds."""
    if not condition:
        raise CheckFailedError(message)
