"""Print to a terminal with control characters escaped.

Every command prints through this module.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable
from types import TracebackType

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from include.printable import escape_line, escape_text

WIDE = 400
"""Columns without a terminal: a table that goes into a pipe or a file is not cut."""


class PrintableConsole(Console):
    """A console that escapes every control character in what is printed.

    Only its own codes, for styles and redrawn lines, reach the terminal. Square brackets and colons are text, not
    markup. Escape line breaks in untrusted text first, by `print_line` or `escape_line`.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(escape_text(segment.text), segment.style)


def make_console(*, stderr: bool = False) -> PrintableConsole:
    """Return the console for output, or for errors."""
    stream = sys.stderr if stderr else sys.stdout
    piped = not stream.isatty() and "COLUMNS" not in os.environ
    return PrintableConsole(
        stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True, width=WIDE if piped else None
    )


def print_line(console: Console, line: object, style: str = "") -> None:
    """Print one line; a line break in it is escaped and starts no other line."""
    console.print(line_of(line, style))


def line_of(line: object, style: str = "") -> Text:
    """Return one line of printable text in a style, for a table or a tree."""
    return Text(escape_line(line), style)


def print_failure(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the escaped traceback of an unexpected error: it may quote a row."""
    sys.stderr.write(escape_text("".join(traceback.format_exception(kind, error, trace))))
