"""Refuse oversized requests unparsed, and add headers to every answer.

They are refused before they are parsed.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
REFUSALS = {
    414: "The address is too long, or has too many parameters. Open the page by a link, or shorten the address.",
    431: "The request has too many headers. Delete this site's cookies, or send fewer headers.",
}
PLAIN = {
    "Content-Type": "application/json",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
"""Headers of a refusal."""


@dataclass(frozen=True)
class RequestLimits:
    """Upper limits of a request."""

    path: int
    """Bytes of the path, as it was sent."""
    query: int
    """Bytes of the query string, as it was sent."""
    parameters: int
    headers: int

    def refusal(self, scope: Scope) -> int | None:
        """Return the status with which a request is refused; None if it may be served."""
        query: bytes = scope.get("query_string", b"")
        path: bytes = scope.get("raw_path") or scope.get("path", "").encode()
        if len(path) > self.path or len(query) > self.query or query.count(b"&") >= self.parameters:
            return 414
        return 431 if len(scope.get("headers", ())) > self.headers else None


PAGE = RequestLimits(path=2_000, query=2_000, parameters=24, headers=200)
"""Limits of the page: it reads a period and the keys of a row."""
AIRFLOW = RequestLimits(path=8_000, query=65_536, parameters=600, headers=200)
"""Limits of Airflow's own addresses. FastAPI compares each parameter with all others: 8,000 of them block the server
for 16 seconds. Airflow's UI sends up to 365, one for each run that a grid can show."""


class Guard:
    """ASGI middleware that refuses requests beyond the limits.

    `headers` are added to each answer, also to errors, unless the application has set them itself.
    """

    def __init__(self, app: Application, limits: RequestLimits, headers: Mapping[str, str] | None = None) -> None:
        self._app, self._limits = app, limits
        self._headers = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if status := self._limits.refusal(scope):
            await _refuse(send, status)
            return
        await self._app(scope, receive, self._adding_headers(send) if self._headers else send)

    def _adding_headers(self, send: Send) -> Send:
        async def add(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                message["headers"] = headers + [pair for pair in self._headers if pair[0] not in present]
            await send(message)

        return add


async def _refuse(send: Send, status: int) -> None:
    body = json.dumps({"detail": REFUSALS[status]}).encode()
    headers = [(name.lower().encode(), value.encode()) for name, value in PLAIN.items()]
    headers += [(b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def guard_airflow(app: Application) -> Guard:
    """Return the guard of the whole API server, as plugin middleware.

    Airflow builds it.
    """
    return Guard(app, AIRFLOW)
