"""Print to a terminal, which obeys some characters instead of showing them: the one way out of every command."""

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
"""Columns where no terminal says how many there are: a table that goes into a pipe or a file is never cut."""


class PrintableConsole(Console):
    """A console that writes out every character that would drive the terminal, whatever is printed.

    Only its own codes, of styles and of a line that is drawn again, reach the terminal. Square brackets and colons are
    text, no markup. A line break in what others have written must be escaped before, by `print_line` or `escape_line`.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(escape_text(segment.text), segment.style)


def make_console(*, stderr: bool = False) -> PrintableConsole:
    """Return the console that commands print to, or the one of their errors."""
    stream = sys.stderr if stderr else sys.stdout
    piped = not stream.isatty() and "COLUMNS" not in os.environ
    return PrintableConsole(
        stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True, width=WIDE if piped else None
    )


def print_line(console: Console, line: object, style: str = "") -> None:
    """Print one line: a line break in it is written out, so that it cannot draw a line of its own."""
    console.print(line_of(line, style))


def line_of(line: object, style: str = "") -> Text:
    """Return one line of printable text in a style, for a table or a tree."""
    return Text(escape_line(line), style)


def print_failure(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of an error that nobody foresaw, as `sys.excepthook` does; its message may quote a row."""
    sys.stderr.write(escape_text("".join(traceback.format_exception(kind, error, trace))))
