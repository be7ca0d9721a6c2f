"""Limit the size of what a person or a program asks for: one limit per kind, for forms and the functions behind them.

The command line, REST and backfills do not pass through the form, so each function checks its own arguments. Imports
nothing heavy, as use_case.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from include.errors import InvalidRequestError, shorten

REASON_LENGTH = 2_000
"""Characters of a free text: why something is done, or why a row is quarantined."""
NAME_LENGTH = 250
"""Characters of a name: a version, feed, table, file, row, person or run."""
DAY_LENGTH = len("2013-01-05")
LIST_LENGTH = 1_000
"""Entries of a list in a form."""
PARAMETER_COUNT = 100
"""Entries of an object in a form, such as LightGBM's parameters."""
WINDOW_DAYS = 36_600
"""Days of the longest training window that can be asked for: a century."""
TUNING_TRIALS = 1_000
TUNING_MINUTES = 300
_QUOTED = 80
"""Characters of a refused text that its refusal repeats."""


class TextTooLongError(InvalidRequestError):
    """A text, a list or an object that is larger than what its field takes."""

    def __init__(self, field: str, size: int, limit: int, unit: str, start: str = "") -> None:
        begins = f" It begins with {start!r}." if start else ""
        super().__init__(
            f"The field {field!r} has {size:,} {unit}, and at most {limit:,} are accepted. Nothing was done.{begins}"
            " Shorten it."
        )


def require_text(field: str, text: str | None, limit: int = REASON_LENGTH) -> None:
    """Refuse a text that is longer than `limit` characters; None is accepted.

    Raises:
        TextTooLongError: it is longer.
    """
    if text is not None and len(text) > limit:
        raise TextTooLongError(field, len(text), limit, "characters", text[:_QUOTED])


def require_name(field: str, name: str | None) -> None:
    """Refuse a name that is longer than names are.

    Raises:
        TextTooLongError: it is longer.
    """
    require_text(field, name, NAME_LENGTH)


def require_list(field: str, values: Sequence[str] | None, limit: int = REASON_LENGTH) -> None:
    """Refuse a list with too many entries, or with one that is longer than `limit` characters.

    Raises:
        TextTooLongError: there are too many, or one is too long.
    """
    if values is None:
        return
    if len(values) > LIST_LENGTH:
        raise TextTooLongError(field, len(values), LIST_LENGTH, "entries")
    for value in values:
        require_text(field, value, limit)


def require_parameters(field: str, values: Mapping[str, Any] | None) -> None:
    """Refuse an object with too many entries, or with a name or a text that is too long.

    Raises:
        TextTooLongError: there are too many, or one is too long.
    """
    if values is None:
        return
    if len(values) > PARAMETER_COUNT:
        raise TextTooLongError(field, len(values), PARAMETER_COUNT, "entries")
    for name, value in values.items():
        require_name(field, str(name))
        if not isinstance(value, int | float):  # anything else is refused later, and quoted then
            require_name(field, str(value))


def shorten_reason(text: str) -> str:
    """Return a generated reason so that it fits the field of a reason; its middle is left out where it is longer."""
    return shorten(text, REASON_LENGTH)
