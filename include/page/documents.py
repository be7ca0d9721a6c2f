"""Documents: the Data Docs of a use case, as they were written, for who may read the use case."""

from __future__ import annotations

from pathlib import Path

from fastapi import HTTPException
from fastapi.responses import Response

from include import settings

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",  # Great Expectations' pages ask for scripts and styles from elsewhere: none is loaded
            "style-src 'unsafe-inline'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
"""No script runs, nothing is asked of another place, and the styles that stand in the page itself show."""


def page(name: str, path: str) -> Response:
    """A page of the use case of that name, which the caller has made sure may be read; HTTPException 404 if there is
    none at that path below the use case's folder."""
    folder = (settings.current().data_docs / name).resolve()
    try:
        found = (folder / path).resolve()
        content = found.read_bytes() if _is_page(folder, found) else None
    except (OSError, ValueError):  # a name that is too long, a folder, a zero byte
        content = None
    if content is None:
        raise HTTPException(404, f"There is no such page of Data Docs. {name}__data writes one for each day and feed.")
    return Response(content, media_type="text/html; charset=utf-8", headers=HEADERS)


def _is_page(folder: Path, found: Path) -> bool:
    """Whether the resolved path is a page in the folder, and not one that is being written."""
    inside = found.is_relative_to(folder) and not any(part.startswith(".") for part in found.relative_to(folder).parts)
    return inside and found.suffix == ".html"
