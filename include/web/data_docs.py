"""Serve a use case's Data Docs to users who may read it.

They are served as they were written.
"""

from __future__ import annotations

from fastapi import HTTPException
from fastapi.responses import Response

from include.errors import AirworthyError
from include.printable import printable_logger
from include.web import document

log = printable_logger(__name__)

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",  # Great Expectations' pages link external scripts and styles: none is loaded
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
"""Run no script, load nothing from other origins, and apply the page's inline styles."""


def data_docs_page(name: str, path: str) -> Response:
    """Return a page of a use case's Data Docs.

    The caller has checked the user's access.

    Raises:
        HTTPException: 404 if there is no page at that path below the use case's folder; 503 if the store fails.
    """
    try:
        content = document.read_document(name, path)
    except AirworthyError as error:
        log.exception("Data Docs of %s cannot be read.", name)
        raise HTTPException(503, "Data Docs cannot be read now. The reason is in the API server's log.") from error
    if content is None:
        raise HTTPException(
            404,
            f"There is no such page of Data Docs. If AIRWORTHY_WRITE_DATA_DOCS is true, {name}__data writes one for"
            " each period and feed. The validation page has the same results.",
        )
    return Response(content, media_type="text/html; charset=utf-8", headers=HEADERS)
