"""Write out characters that cannot be seen: what others have written must not drive a terminal, a log or a page.

Escape sequences, line breaks and changes of the direction of writing are what a text needs to draw what is not so.
Imports nothing heavy, as use_case.py.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any


def escape_line(value: object) -> str:
    r"""Return the value as text in one line: ESC as `\x1b`, a line break as `\n`, a change of direction as `\u202e`."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def escape_text(text: str) -> str:
    """Return the text with such characters written out in each of its lines; it keeps its lines."""
    return text if text.isprintable() else "\n".join(map(escape_line, text.split("\n")))


def escape_values(value: Any) -> Any:
    """Return a JSON value with each of its texts, and of its names, escaped by `escape_text`."""
    if isinstance(value, str):
        return escape_text(value)
    if isinstance(value, Mapping):
        return {escape_values(name): escape_values(each) for name, each in value.items()}
    return [escape_values(each) for each in value] if isinstance(value, list | tuple) else value


class PrintableLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger whose lines show what others have written as it is: each argument is one line of printable text."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if self.isEnabledFor(level):
            kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
            escaped = (each if isinstance(each, int | float | None) else escape_line(each) for each in args)
            super().log(level, escape_text(str(msg)), *escaped, **kwargs)


def printable_logger(name: str) -> PrintableLogger:
    """Return the logger of a module, as `logging.getLogger` does."""
    return PrintableLogger(logging.getLogger(name), None)
