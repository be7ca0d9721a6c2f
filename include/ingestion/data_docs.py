"""Data Docs: Great Expectations' own page of each validation, kept per content of each day."""

from __future__ import annotations

import copy
import functools
import html
import re
from datetime import date
from typing import Any

import numpy as np
from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView

from include import settings
from include.lake.object_store import StoragePath
from include.printable import escape_text


def write_data_docs(
    use_case: str, feed: str, day: date, digest: str, document: ExpectationSuiteValidationResult
) -> StoragePath:
    """Render the page of a validation. Each content of a day keeps a page of its own, so none is overwritten by a
    corrected one; the same content validated again replaces it, as the expectations may have changed."""
    page = data_docs_folder(use_case) / feed / f"{day}__{digest}.html"
    content = ValidationResultsPageRenderer().render(_harmless(document))
    rendered: str = _view().render(content)  # type: ignore[no-untyped-call]
    page.write(_without_others(rendered).encode())
    return page


POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""What a page may load, also opened from the disk: nothing of another place, and no script."""
_ASKED = re.compile(
    r"<script\b[^>]*\bsrc=[^>]*>\s*</script>|<link\b[^>]*>|<img\b[^>]*\bsrc=[\"']https?:[^>]*>", re.IGNORECASE
)
"""What Great Expectations' templates ask of other hosts: scripts, styles and a logo. Its own styles are in the page."""


def _without_others(page: str) -> str:
    """Return a page that asks nothing of other hosts: their scripts and styles are left out, and a policy forbids more.

    A text of the data is escaped in the page, so no tag in it comes from there.
    """
    policy = _policy()
    head, opened, rest = page.partition("<head>")
    return f"{head}{opened}{policy}{_ASKED.sub('', rest)}" if opened else policy + _ASKED.sub("", page)


def _policy() -> str:
    return f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'


def _harmless(document: ExpectationSuiteValidationResult) -> ExpectationSuiteValidationResult:
    """Copy a document so that its values can be rendered.

    Great Expectations 1.24 puts text of the data into its pages as it is, and a browser would run what a source has put
    into a string: it is escaped. It fails on NumPy 2's numbers with a traceback in the log: they become Python's.
    """
    safe = copy.copy(document)
    safe.results = [copy.copy(result) for result in document.results]
    for result in safe.results:
        result.result, result.exception_info = _escaped(result.result), _escaped(result.exception_info)
    return safe


def _escaped(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return html.escape(escape_text(value))
    if isinstance(value, dict):
        return {key: _escaped(each) for key, each in value.items()}
    return [_escaped(each) for each in value] if isinstance(value, list | tuple) else value


@functools.cache
def _view() -> DefaultJinjaPageView:
    """One for all pages of a process: compiling its templates takes ten times as long as filling them."""
    return DefaultJinjaPageView()


def data_docs_folder(use_case: str) -> StoragePath:
    """Where a use case's pages are."""
    return StoragePath.of(settings.current_settings().data_docs) / use_case


def write_index(use_case: str) -> StoragePath:
    """A page that links to every page there is, newest day first."""
    there = data_docs_folder(use_case)
    feeds = [name for name in there.names() if not name.startswith(".") and not name.endswith(".html")]
    lists = []
    for feed in feeds:
        pages = [name for name in (there / feed).names() if name.endswith(".html")]
        days = [(page, html.escape(page.removesuffix(".html").split("__")[0])) for page in reversed(pages)]
        links = "".join(f'<li><a href="{html.escape(feed)}/{page}">{day}</a></li>' for page, day in days)
        lists.append(f"<h2>{html.escape(feed)}</h2><ul>{links}</ul>")
    title = f"Validation of {html.escape(use_case)}"
    index = there / "index.html"
    style = "body{font:16px system-ui;margin:2em;color-scheme:light dark} ul{columns:7em} li{list-style:none}"
    head = f'<meta charset="utf-8">{_policy()}<title>{title}</title><style>{style}</style>'
    text = f"<!doctype html>{head}<h1>{title}</h1>"
    index.write((text + "".join(lists)).encode())
    return index
