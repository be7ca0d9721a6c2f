"""Render a model card as Markdown, and as one HTML page.

The page has no scripts or requests.
"""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

from include.declaration.gates import CHAMPION
from include.model.metrics import METRICS
from include.model.tasks import task_model
from include.promotion.markdown import code, render_markdown
from include.promotion.model_card.content import ModelCardContent
from include.promotion.model_card.limitations import derive_limitations

MARKS = {
    "passed": "✔ passed",
    "failed": "✘ failed",
    "inconclusive": "? inconclusive",
    "informational": "· informational",
}
"""Text of an outcome; the mark shows it without the colour."""
ALLOWED = "(allowed)"
"""Added to a failed or inconclusive outcome that does not prevent the promotion."""
_MAIN, _SECTION = "<main>\n", re.compile(r'<li><a href="#([a-z0-9-]*)">(.*?)</a></li>')
_CLASSES = {text: outcome for outcome, mark in MARKS.items() for text in (mark, f"{mark} {ALLOWED}")}


def card_markdown(content: ModelCardContent) -> str:
    """Return the text of `card.md.j2`; images have the address `../<artifact path>`."""
    words = task_model(content.task)
    return render_markdown(
        "model_card/card.md.j2",
        card=content,
        limits=derive_limitations(content),
        words=words,
        level_title=Markup(words.level_title.format(label=code(content.label))),  # noqa: S704 # nosec B704
        main_metric=METRICS[content.task.main_metric],
        metrics=METRICS,
        subjects=(*reversed(content.task.baselines), CHAMPION),
        marks=MARKS,
        allowed=ALLOWED,
    )


def card_html(markdown: str, plots: Mapping[str, bytes]) -> str:
    """Return the page `card.html.j2` of a card's Markdown.

    `plots` are PNG images by artifact path. HTML in the Markdown is shown as text, and an image that is not among the
    plots as its caption.
    """
    # CommonMark without HTML and without found links: only the declared links are links, not what data look like.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("image", _images(plots))
    # A wide table scrolls separately from the page, and the tab key reaches it.
    parser.add_render_rule("table_open", lambda *_: '<div class="table" tabindex="0"><table>\n')
    parser.add_render_rule("link_open", lambda _, tokens, place, *__: _link(tokens[place]))
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    tokens = parser.parse(markdown)
    _mark_outcomes(tokens)
    headings = list(_headings(tokens))
    return (
        _pages()
        .get_template("card.html.j2")
        .render(
            title=next((text for level, _, text in headings if level == "h1"), "Model card"),
            sections=[(name, text) for level, name, text in headings if level == "h2"],
            body=Markup(parser.renderer.render(tokens, parser.options, {})),  # noqa: S704 # nosec B704
        )
    )


@dataclass(frozen=True)
class CardParts:
    """The parts of a page that `card_html` has made."""

    sections: tuple[tuple[str, str], ...]
    """Id and title of each section; the title is HTML."""
    body: str
    """HTML."""


def card_parts(page: str) -> CardParts:
    """Split a page of `card_html`, to show it within another page.

    The page must be known to be from `card_html`, by its digest: the parts are HTML.

    Raises:
        ValueError: it has not the form of such a page.
    """
    head, found, rest = page.partition(_MAIN)
    body, ended, _ = rest.rpartition("</main>")
    if not (found and ended):
        raise ValueError("The page is not that of a model card.")
    return CardParts(tuple(_SECTION.findall(head)), body)


@cache
def _pages() -> Environment:
    loader = PackageLoader(__package__, "")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _images(plots: Mapping[str, bytes]) -> Callable[..., str]:
    """Return the rule, a function for markdown-it, that embeds the plots."""

    def render(_: RendererHTML, tokens: Sequence[Token], place: int, *__: Any) -> str:
        caption = escape(_text(tokens[place]))
        content = plots.get(str(tokens[place].attrGet("src")).removeprefix("../"))
        if content is None:
            return f"<em>{caption} (not kept)</em>"
        return f'<img src="data:image/png;base64,{base64.b64encode(content).decode()}" alt="{caption}">'

    return render


def _link(token: Token) -> str:
    """Return the start of a link, marked for the page as one that leads out of it."""
    return f'<a data-out rel="noopener noreferrer" href="{escape(str(token.attrGet("href")))}">'


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
