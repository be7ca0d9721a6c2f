"""Escape invisible characters in text from outside.

With escape sequences, line breaks and changes of the writing direction, a text could forge the output of a terminal, a
log or a page. Imports nothing
heavy, like use_case.py.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any


def escape_line(value: object) -> str:
    r"""Return the value as one line, with invisible characters escaped.

    They appear as `\x1b`, `\n` or `\u202e`.
    """
    text = str(value)
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def escape_text(text: str) -> str:
    """Return the text with invisible characters escaped in each line.

    Line breaks are kept.
    """
    return text if text.isprintable() else "\n".join(map(escape_line, text.split("\n")))


def escape_values(value: Any) -> Any:
    """Return a JSON value with all its texts and names escaped by `escape_text`."""
    if isinstance(value, str):
        return escape_text(value)
    if isinstance(value, Mapping):
        return {escape_values(name): escape_values(item) for name, item in value.items()}
    return [escape_values(item) for item in value] if isinstance(value, list | tuple) else value


class PrintableLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger that escapes messages and writes each argument as one line.

    The line is printable text.
    """

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if self.isEnabledFor(level):
            kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
            escaped = (arg if isinstance(arg, int | float | None) else escape_line(arg) for arg in args)
            super().log(level, escape_text(str(msg)), *escaped, **kwargs)


def printable_logger(name: str) -> PrintableLogger:
    """Return the logger of a module, as `logging.getLogger` does."""
    return PrintableLogger(logging.getLogger(name), None)
