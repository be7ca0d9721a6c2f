"""Documents: the Data Docs of a use case, as they were written, for who may read the use case."""

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


def data_docs_page(name: str, path: str) -> Response:
    """A page of the use case of that name, which the caller has made sure may be read; HTTPException 404 if there is
    none at that path below the use case's folder, 503 if the place of the pages does not answer as it should."""
    try:
        content = document.read_document(name, path)
    except AirworthyError as error:
        log.exception("Data Docs of %s cannot be read.", name)
        raise HTTPException(503, "Data Docs cannot be read now. The log of the API server says why.") from error
    if content is None:
        raise HTTPException(404, f"There is no such page of Data Docs. {name}__data writes one for each day and feed.")
    return Response(content, media_type="text/html; charset=utf-8", headers=HEADERS)
