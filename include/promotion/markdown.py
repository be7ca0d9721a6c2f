"""Render Markdown templates (CommonMark 0.31, GFM); every value is escaped.

`{{ value }}` is text on one line. A filter says otherwise: `code`, `link`, `number`, `share` and `capitalize_first`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

LINK_LENGTH = 500
"""Most characters of a link."""
_ALWAYS = re.compile(r"[\\`*\[\]<>|~&@]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""Characters that may begin or end emphasis, code, a link, HTML, an entity or a cell; not `_` within a word."""
_AT_START = re.compile(r"^(?=[-+=#])|^(\d{1,9})(?=[.)])")
"""What begins a list, a heading or a rule at the start of a line."""
_ADDRESS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
"""What GitHub turns into a link even without brackets."""
_LINK = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/?#=%+,;-]*)?")
"""An address that is a link: of characters that end neither a link nor a cell, and without user or password."""
_BLANK_LINES = re.compile(r"\n{3,}")


def render_markdown(template: str, **values: Any) -> str:
    """Render a template of this package; several blank lines become one."""
    return _BLANK_LINES.sub("\n\n", _environment().get_template(template).render(values)).strip() + "\n"


@cache
def _environment() -> Environment:
    # Jinja2's own escaping is for HTML, and leaves Markup alone: `finalize` has escaped every value before.
    environment = Environment(
        loader=PackageLoader(__package__, ""),
        autoescape=True,
        finalize=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "code": code,
        "link": link,
        "number": number,
        "share": share,
        "capitalize_first": capitalize_first,
    }
    return environment


def escaped(text: object) -> Markup:
    """Return the text on one line, escaped for Markdown; Markup as it is.

    Markdown then renders it literally.
    """
    if isinstance(text, Markup):
        return text
    line = one_line(text)
    line = _ADDRESS.sub(lambda match: f"\\{match[0]}", _ALWAYS.sub(lambda match: f"\\{match[0]}", line))
    return Markup(_AT_START.sub(lambda match: f"{match[1] or ''}\\", line))  # noqa: S704 # nosec B704


def one_line(text: object) -> str:
    """Return the text with single spaces and without invisible characters."""
    line = " ".join(str(text).split())
    return "".join(character for character in line if character.isprintable())


def code(text: object) -> Markup:
    """Return the text as a code span, or escaped if it could end the span."""
    line = one_line(text)
    if line and not set(line) & set("`|\\"):
        return Markup(f"`{line}`")  # noqa: S704 # nosec B704
    return escaped(line or "–")


def link(address: str, text: str = "") -> Markup:
    """Return a plain address of http or https as a link, with a text if given.

    Without such an address it is the escaped text or address alone.
    """
    if not (_LINK.fullmatch(address) and len(address) <= LINK_LENGTH):
        return escaped(text or address)
    # Both are escaped, or of harmless characters.
    return Markup(f"[{escaped(text)}](<{address}>)" if text else f"<{address}>")  # noqa: S704 # nosec B704


def number(value: float | None, digits: int = 4) -> Markup:
    """Return a number to `digits` significant digits; – for None.

    Whole numbers are written in full.
    """
    if value is None:
        return Markup("–")
    return Markup(f"{value:,.0f}" if float(value).is_integer() else f"{value:.{digits}g}")  # noqa: S704 # nosec B704


def share(value: float | None) -> Markup:
    """Return a share as a percentage; – for None."""
    return Markup("–" if value is None else f"{value:.1%}")  # noqa: S704 # nosec B704


def capitalize_first(text: str) -> str:
    """Return the text with a capital as its first character.

    The other characters stay as they are.
    """
    return text[:1].upper() + text[1:]
