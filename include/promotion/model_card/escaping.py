"""Markup: Markdown in which what comes from data stays text, whatever characters it holds (CommonMark 0.31, GFM)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_ALWAYS = re.compile(r"[\\`*\[\]<>|~&@]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""What may begin or end emphasis, code, a link, HTML, an entity or a cell; `_` within a word may not."""
_AT_START = re.compile(r"^(?=[-+=#])|^(\d{1,9})(?=[.)])")
"""What makes a list, a heading or a rule at the start of a line."""
_ADDRESS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
"""What GitHub makes a link of, even without brackets."""


def escaped(text: object) -> str:
    """The text on one line, shown as it is by every reader of Markdown."""
    line = one_line(text)
    line = _ADDRESS.sub(lambda found: f"\\{found[0]}", _ALWAYS.sub(lambda found: f"\\{found[0]}", line))
    return _AT_START.sub(lambda found: f"{found[1] or ''}\\", line)


def one_line(text: object) -> str:
    """The text with every run of blanks as one space and without characters that cannot be seen."""
    line = " ".join(str(text).split())
    return "".join(each for each in line if each.isprintable())


def code(text: object) -> str:
    """The text as code, as long as nothing in it could end the code; else as plain text."""
    line = one_line(text)
    return f"`{line}`" if line and not set(line) & set("`|\\") else escaped(line) or "–"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> list[str]:
    """A table whose cells are Markdown already; the columns `numbers` stand to the right."""
    right = set(numbers)
    rule = ["---:" if column in right else "---" for column in range(len(head))]
    return ["", *(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)), ""]


def number(value: float | None, digits: int = 4) -> str:
    """A number to so many significant digits, whole ones in full; – where there is none."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.{digits}g}"


def share(value: float | None) -> str:
    """A share as a percentage."""
    return "–" if value is None else f"{value:.1%}"


def image(caption: str, path: str) -> list[str]:
    """An image of the run, by its place beside the card's folder."""
    return ["", f"![{escaped(caption)}](<../{path}>)", ""]
