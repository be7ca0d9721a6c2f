"""Render the card as one HTML page without scripts or requests."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from include.promotion.model_card.document import ALLOWED, MARKS
from include.promotion.model_card.style import STYLE

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The page may load only what it contains, even if markup from data slipped through."""
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<nav aria-label="Sections"><ul>
{contents}
</ul></nav>
<main>
{body}</main>
</body>
</html>
"""
_CLASSES = {mark + allowed: outcome for outcome, mark in MARKS.items() for allowed in ("", ALLOWED)}


def card_html(markdown: str, plots: Mapping[str, bytes]) -> str:
    """Return the page of a card's Markdown; `plots` are PNG images by artifact path.

    HTML in the Markdown is shown as text, and an image that is not among the plots as its caption.
    """
    # CommonMark without HTML and without automatic links: no link of a card comes from data.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("image", _images(plots))
    parser.add_render_rule("table_open", _open_table)
    parser.add_render_rule("table_close", _close_table)
    tokens = parser.parse(markdown)
    _mark_outcomes(tokens)
    headings = list(_headings(tokens))
    contents = (f'<li><a href="#{name}">{escape(text)}</a></li>' for level, name, text in headings if level == "h2")
    return PAGE.format(
        policy=POLICY,
        title=escape(next((text for level, _, text in headings if level == "h1"), "Model card")),
        style=STYLE,
        contents="\n".join(contents),
        body=parser.renderer.render(tokens, parser.options, {}),
    )


def _images(plots: Mapping[str, bytes]) -> Callable[..., str]:
    """Return the rule, a function for markdown-it, that embeds the plots."""

    def render(_: RendererHTML, tokens: Sequence[Token], place: int, *__: Any) -> str:
        caption = escape(_text(tokens[place]))
        content = plots.get(str(tokens[place].attrGet("src")).removeprefix("../"))
        if content is None:
            return f"<em>{caption} (not kept)</em>"
        encoded = base64.b64encode(content).decode()
        return f'<img src="data:image/png;base64,{encoded}" alt="{caption}">'

    return render


def _open_table(*_: Any) -> str:
    # A wide table scrolls separately from the page, and the tab key reaches it.
    return '<div class="table" tabindex="0"><table>\n'


def _close_table(*_: Any) -> str:
    return "</table></div>\n"


def _mark_outcomes(tokens: Sequence[Token]) -> None:
    """Add the outcome's class to each cell that contains only an outcome."""
    for cell, content in itertools.pairwise(tokens):
        if cell.type == "td_open" and content.content in _CLASSES:
            cell.attrSet("class", _CLASSES[content.content])


def _headings(tokens: Sequence[Token]) -> Iterator[tuple[str, str, str]]:
    """Yield tag, id and text of every heading, and set the id on its token."""
    for heading, content in itertools.pairwise(tokens):
        if heading.type == "heading_open":
            text = _text(content)
            name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
            heading.attrSet("id", name)
            yield heading.tag, name, text


def _text(token: Token) -> str:
    """Return the text of a token without markup."""
    return "".join(child.content for child in token.children or ())
