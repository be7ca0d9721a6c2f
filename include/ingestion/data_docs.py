"""Write Data Docs: Great Expectations' page of each validation.

They are written if the settings ask for them. Each content of a day has one page. Its styles are in the page: nothing
is loaded from other hosts.
"""

from __future__ import annotations

import copy
import functools
import html
import re
from typing import Any

import numpy as np
from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView

from include import settings
from include.declaration.period import Period
from include.lake.object_store import StoragePath
from include.printable import escape_text


def write_data_docs(
    use_case: str, feed: str, period: Period, digest: str, document: ExpectationSuiteValidationResult
) -> StoragePath:
    """Render the page of a validation and return its path.

    Each content of a day has its own page, so a corrected day does not overwrite the page of the earlier one. The same
    content validated again replaces its page, because the expectations may have changed.
    """
    page = data_docs_folder(use_case) / feed / f"{period}__{digest}.html"
    content = ValidationResultsPageRenderer().render(_escape_document(document))
    rendered: str = _view().render(content)  # type: ignore[no-untyped-call]
    page.write(_without_external(rendered).encode())
    return page


POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""Content that a page may load, also when opened from disk: nothing from other hosts, and no script."""
STYLE = """<style>
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 1200px; padding: 1em; font: 14px/1.45 system-ui, sans-serif; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 3px 8px; border-bottom: 1px solid #8886; text-align: left; }
.fa-check-circle::before { content: "✓ met"; color: #12805c; font-style: normal; }
.fa-times::before { content: "✗ not met"; color: #d02f2f; font-weight: bold; font-style: normal; }
.collapse { display: block !important; }
nav, footer, .navbar, .breadcrumb, .btn, [data-toggle], .ge-navigation-sidebar-container { display: none !important; }
</style>"""
"""Styles in place of those of other hosts; what works only with scripts is shown in full, or hidden."""
_EXTERNAL = re.compile(
    r"<script\b[^>]*\bsrc=[^>]*>\s*</script>|<link\b[^>]*>|<img\b[^>]*\bsrc=[\"']https?:[^>]*>", re.IGNORECASE
)
"""What Great Expectations' templates load from other hosts: scripts, styles and a logo. Its own styles are inline."""


def _without_external(page: str) -> str:
    """Remove content of other hosts from a page, and add a policy that forbids it.

    Texts of the data are escaped in the page, so none of these tags comes from the data.
    """
    policy = _policy() + STYLE
    head, opened, rest = page.partition("<head>")
    return f"{head}{opened}{policy}{_EXTERNAL.sub('', rest)}" if opened else policy + _EXTERNAL.sub("", page)


def _policy() -> str:
    return f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'


def _escape_document(document: ExpectationSuiteValidationResult) -> ExpectationSuiteValidationResult:
    """Copy a document with values that are safe to render.

    Great Expectations 1.24 does not escape texts of the data, so a browser would run a script in a source's string. It
    also fails on NumPy 2 numbers, with a traceback in the log; they become Python numbers.
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
        return {key: _escaped(item) for key, item in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list | tuple) else value


@functools.cache
def _view() -> DefaultJinjaPageView:
    """Return one view for all pages of a process.

    Compiling its templates takes ten times as long as filling them.
    """
    return DefaultJinjaPageView()


def are_written() -> bool:
    """Return whether the settings ask for Data Docs."""
    return settings.current_settings().writes_data_docs


def data_docs_folder(use_case: str) -> StoragePath:
    """Return the folder of a use case's pages."""
    return StoragePath.parse(settings.current_settings().data_docs) / use_case


def write_index(use_case: str) -> StoragePath:
    """Write a page with links to all pages of the use case; return its path.

    The newest day comes first.
    """
    folder = data_docs_folder(use_case)
    feeds = [name for name in folder.names() if not name.startswith(".") and not name.endswith(".html")]
    lists = []
    for feed in feeds:
        pages = [name for name in (folder / feed).names() if name.endswith(".html")]
        periods = [(page, html.escape(page.removesuffix(".html").split("__")[0])) for page in reversed(pages)]
        links = "".join(f'<li><a href="{html.escape(feed)}/{page}">{period}</a></li>' for page, period in periods)
        lists.append(f"<h2>{html.escape(feed)}</h2><ul>{links}</ul>")
    title = f"Validation of {html.escape(use_case)}"
    index = folder / "index.html"
    style = "body{font:16px system-ui;margin:2em;color-scheme:light dark} ul{columns:7em} li{list-style:none}"
    head = f'<meta charset="utf-8">{_policy()}<title>{title}</title><style>{style}</style>'
    text = f"<!doctype html>{head}<h1>{title}</h1>"
    index.write((text + "".join(lists)).encode())
    return index
