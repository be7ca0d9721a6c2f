"""Data Docs: Great Expectations' own page of each validation, kept per content of each day."""

from __future__ import annotations

import functools
import html
import os
import tempfile
from datetime import date
from pathlib import Path

from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView

from include import settings


def write(use_case: str, feed: str, day: date, digest: str, document: ExpectationSuiteValidationResult) -> Path:
    """Render the page of a validation. Each content of a day keeps a page of its own, so none is overwritten by a
    corrected one; the same content validated again replaces it, as the expectations may have changed."""
    page = folder(use_case) / feed / f"{day}__{digest}.html"
    rendered: str = _view().render(ValidationResultsPageRenderer().render(document))  # type: ignore[no-untyped-call]
    _publish(page, rendered)
    return page


@functools.cache
def _view() -> DefaultJinjaPageView:
    """One for all pages of a process: compiling its templates takes ten times as long as filling them."""
    return DefaultJinjaPageView()


def folder(use_case: str) -> Path:
    """Where a use case's pages are."""
    return settings.current().data_docs / use_case


def write_index(use_case: str) -> Path:
    """A page that links to every page there is, newest day first."""
    feeds = sorted(path for path in folder(use_case).glob("*") if path.is_dir())
    lists = [
        f"<h2>{html.escape(feed.name)}</h2><ul>"
        + "".join(
            f'<li><a href="{html.escape(feed.name)}/{page.name}">{html.escape(page.stem.split("__")[0])}</a></li>'
            for page in sorted(feed.glob("*.html"), reverse=True)
        )
        + "</ul>"
        for feed in feeds
    ]
    title = f"Validation of {html.escape(use_case)}"
    index = folder(use_case) / "index.html"
    style = "body{font:16px system-ui;margin:2em;color-scheme:light dark} ul{columns:7em} li{list-style:none}"
    _publish(
        index,
        f'<!doctype html><meta charset="utf-8"><title>{title}</title><style>{style}</style><h1>{title}</h1>'
        + "".join(lists),
    )
    return index


def _publish(path: Path, text: str) -> None:
    """Write a whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    with os.fdopen(handle, "w", encoding="utf-8") as sink:
        sink.write(text)
    Path(temporary).replace(path)
