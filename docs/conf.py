"""How Sphinx builds the site of these pages: `make docs`. A link that leads nowhere is an error."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the declaration is imported for its reference

project = "Airworthy"
author = "the authors of Airworthy"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
html_theme = "alabaster"
html_theme_options = {"fixed_sidebar": True, "page_width": "70rem", "sidebar_width": "17rem"}
html_show_copyright = False

nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!include\.use_case\.).*")]
"""Types of other modules and libraries have no page here."""
myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]
"""Headings get the anchors that GitHub gives them, so that one link works in both."""
highlight_language = "none"

autodoc_default_options = {"members": True, "undoc-members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True


LINK = re.compile(r"(?<=\]\()(\.\./[^)#\s]+\.md)(?:#[^)\s]*)?(?=\))")
CODE = re.compile(r"(?<![`:])`([^`]+)`(?![`_])")


def docstring_code(_app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Turn code in docstrings from its form in Markdown into that of reStructuredText."""
    lines[:] = CODE.sub(r"``\1``", "\n".join(lines)).split("\n")


def link_outside(app: Any, name: str, source: list[str]) -> None:
    """Let links to Markdown files outside of this folder point to copies of them."""
    folder = (Path(app.srcdir) / name).parent

    def path(match: re.Match[str]) -> str:
        inside = (folder / match[1]).resolve().is_relative_to(app.srcdir)
        return match[0] if inside else f"path:{match[1]}"

    source[0] = LINK.sub(path, source[0])


def setup(app: Any) -> None:
    """Register what this file adds to Sphinx."""
    app.connect("autodoc-process-docstring", docstring_code)
    app.connect("source-read", link_outside)
