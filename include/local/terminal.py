"""Text for a terminal, which obeys some characters instead of showing them."""

from __future__ import annotations

import os
import sys

from rich.console import Console

WIDE = 400
"""Columns where no terminal says how many there are: a table that goes into a pipe or a file is never cut."""


def make_console() -> Console:
    """Return the console that commands print to."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, soft_wrap=True, width=WIDE if piped else None)


def shown(value: object) -> str:
    """The value as text in one line, with every character that cannot be seen written out: ESC as `\\x1b`, a line break
    as `\\n`, a change of the direction of writing as `\\u202e`."""
    text = str(value)
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def shown_lines(text: str) -> str:
    """As `shown`, of a text whose lines are its own."""
    return "\n".join(map(shown, text.split("\n")))
