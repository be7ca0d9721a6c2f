"""Limit the size of inputs: one limit per kind, for forms and functions.

The command line, REST and backfills bypass the form, so each function checks its own arguments. Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from include.errors import InvalidRequestError, shorten

REASON_LENGTH = 2_000
"""Characters of a free text, such as the reason of an action or of a quarantined row."""
NAME_LENGTH = 250
"""Characters of a name: a version, feed, table, file, row, person or run."""
DAY_LENGTH = len("2013-01-05")
LIST_LENGTH = 1_000
"""Entries of a list in a form."""
PARAMETER_COUNT = 100
"""Entries of an object in a form, such as LightGBM's parameters."""
WINDOW_PERIODS = 36_600
"""Days of the longest training window that can be requested: a century."""
TUNING_TRIALS = 1_000
TUNING_MINUTES = 300
_QUOTED = 80
"""Characters of a refused text that the error quotes."""


class TextTooLongError(InvalidRequestError):
    """A text, list or object exceeds the limit of its field."""

    def __init__(self, field: str, size: int, limit: int, unit: str, start: str = "") -> None:
        self.field, self.size, self.limit = field, size, limit
        begins = f" It begins with {start!r}." if start else ""
        super().__init__(
            f"The field {field!r} has {size:,} {unit}, and at most {limit:,} are accepted. Nothing was done.{begins}"
            " Shorten it."
        )


def require_text(field: str, text: str | None, limit: int = REASON_LENGTH) -> None:
    """Refuse a text that is longer than `limit` characters; None is accepted.

    Raises:
        TextTooLongError: the text is longer.
    """
    if text is not None and len(text) > limit:
        raise TextTooLongError(field, len(text), limit, "characters", text[:_QUOTED])


def require_name(field: str, name: str | None) -> None:
    """Refuse a name that is longer than `NAME_LENGTH`.

    Raises:
        TextTooLongError: the name is longer.
    """
    require_text(field, name, NAME_LENGTH)


def require_list(field: str, values: Sequence[str] | None, limit: int = REASON_LENGTH) -> None:
    """Refuse a list that exceeds `LIST_LENGTH`, or an entry that exceeds `limit`.

    Raises:
        TextTooLongError: the list or an entry is too long.
    """
    if values is None:
        return
    if len(values) > LIST_LENGTH:
        raise TextTooLongError(field, len(values), LIST_LENGTH, "entries")
    for value in values:
        require_text(field, value, limit)


def require_parameters(field: str, values: Mapping[str, Any] | None) -> None:
    """Refuse an object that exceeds `PARAMETER_COUNT`, or a too long name or text.

    Raises:
        TextTooLongError: there are too many entries, or a name or text is too long.
    """
    if values is None:
        return
    if len(values) > PARAMETER_COUNT:
        raise TextTooLongError(field, len(values), PARAMETER_COUNT, "entries")
    for name, value in values.items():
        require_name(field, str(name))
        if not isinstance(value, int | float):  # other values are refused later, by an error that quotes them
            require_name(field, str(value))


def shorten_reason(text: str) -> str:
    """Shorten a generated reason to `REASON_LENGTH` by leaving out its middle."""
    return shorten(text, REASON_LENGTH)
