"""Escape text from data for Markdown (CommonMark 0.31, GFM)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_ALWAYS = re.compile(r"[\\`*\[\]<>|~&@]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""Characters that may begin or end emphasis, code, a link, HTML, an entity or a cell; not `_` within a word."""
_AT_START = re.compile(r"^(?=[-+=#])|^(\d{1,9})(?=[.)])")
"""What begins a list, a heading or a rule at the start of a line."""
_ADDRESS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
"""What GitHub turns into a link even without brackets."""


def escaped(text: object) -> str:
    """Return the text on one line, escaped so that Markdown renders it literally."""
    line = one_line(text)
    line = _ADDRESS.sub(lambda match: f"\\{match[0]}", _ALWAYS.sub(lambda match: f"\\{match[0]}", line))
    return _AT_START.sub(lambda match: f"{match[1] or ''}\\", line)


def one_line(text: object) -> str:
    """Return the text with single spaces and without invisible characters."""
    line = " ".join(str(text).split())
    return "".join(character for character in line if character.isprintable())


def code(text: object) -> str:
    """Return the text as a code span, or escaped if it could end the span."""
    line = one_line(text)
    return f"`{line}`" if line and not set(line) & set("`|\\") else escaped(line) or "–"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> list[str]:
    """Return a table of cells in Markdown; the columns `numbers` are right-aligned."""
    right = set(numbers)
    rule = ["---:" if column in right else "---" for column in range(len(head))]
    return ["", *(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)), ""]


def number(value: float | None, digits: int = 4) -> str:
    """Return a number to `digits` significant digits, whole numbers in full; – for None."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.{digits}g}"


def share(value: float | None) -> str:
    """Return a share as a percentage; – for None."""
    return "–" if value is None else f"{value:.1%}"


def image(caption: str, path: str) -> list[str]:
    """Return an image of the run; `path` is relative to the parent of the card's folder."""
    return ["", f"![{escaped(caption)}](<../{path}>)", ""]
