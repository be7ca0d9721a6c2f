"""Send the predictions of a period to an HTTP service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import requests

from include.declaration.exports import Webhook
from include.errors import shorten
from include.scoring.export_errors import ExportRefusedError, ExportUnavailableError

if TYPE_CHECKING:
    from include.scoring.export import Delivery

TIMEOUT_S = 60
ANSWER_SHOWN = 200
"""Characters of an answer that an error quotes."""
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


def post_rows(delivery: Delivery, export: Webhook) -> None:
    """Send the predictions in requests of at most `rows_per_request` rows.

    A period without rows is one request. The header Idempotency-Key has the digest of the predictions and the number of
    the request, so that the receiver can recognise one that is sent again.

    Raises:
        ExportUnavailableError: the service does not answer, or with an error that may pass.
        ExportRefusedError: it refuses.
    """
    connection = delivery.project.connections.connection(export.conn_id)
    names = (delivery.project.use_case.name, export.target)
    address, size = connection.http_address(export.endpoint), export.rows_per_request
    count = max(1, -(-delivery.rows // size))
    about = {
        "use_case": names[0],
        "period": delivery.period.key,
        "model_version": delivery.model_version,
        "rows": delivery.rows,
        "requests": count,
    }
    with requests.Session() as session:
        session.headers.update(connection.http_headers())
        session.auth = (connection.login, connection.password) if connection.login else None
        for number, rows in enumerate(_parts(delivery, size), start=1):
            body = json.dumps({**about, "request": number, "predictions": rows}, default=str)
            headers = {"Content-Type": "application/json", "Idempotency-Key": f"{delivery.digest}-{number}-{count}"}
            try:
                answer = session.post(
                    address, data=body.encode(), headers=headers, timeout=TIMEOUT_S, allow_redirects=False
                )
            except requests.RequestException as error:
                reason = connection.hide_secrets(type(error).__name__)
                raise ExportUnavailableError(*names, reason) from None
            if answer.status_code >= 300:
                text = shorten(" ".join(answer.text.split()), ANSWER_SHOWN)
                reason = connection.hide_secrets(f"it answered {answer.status_code} {text}".rstrip())
                if answer.status_code in _PASSING:
                    raise ExportUnavailableError(*names, reason)
                remedy = f"Correct the endpoint, or user, password and headers in the Connection {export.conn_id!r}."
                raise ExportRefusedError(*names, reason, remedy)


def _parts(delivery: Delivery, size: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each request: `size` rows, but for the last."""
    waiting: list[dict[str, Any]] = []
    is_sent = False
    for batch in delivery.batches(size):
        waiting += batch.to_pylist()
        while len(waiting) >= size:
            yield waiting[:size]
            waiting, is_sent = waiting[size:], True
    if waiting or not is_sent:
        yield waiting
