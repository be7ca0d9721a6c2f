"""Give the timetable the form of a run that a person triggers, for the run's id.

Airflow makes the id before it has looked at the form, and hands the timetable only the time. This middleware of the API
server keeps the form during the request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Application = Callable[..., Awaitable[Any]]

REQUESTED: ContextVar[str | None] = ContextVar("airworthy_requested_run", default=None)
"""The period of the request that triggers a run, empty if it names none; None outside such a request."""
_PATH = re.compile(r"/api/v2/dags/[^/]+/dagRuns$")
LARGEST = 100_000
"""Bytes of a body that is read here; a run of a larger one has an id without a period."""


class KeepRequestedRun:
    """ASGI middleware that keeps the body of a request that triggers a run."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Callable[..., Awaitable[Any]]) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not _PATH.search(scope["path"]):
            await self._app(scope, receive, send)
            return
        messages = await _first_messages(receive)
        body = b"".join(message.get("body", b"") for message in messages)
        token = REQUESTED.set(_parsed(body))
        try:
            await self._app(scope, _replay(messages, receive), send)
        finally:
            REQUESTED.reset(token)


async def _first_messages(receive: Receive) -> list[Message]:
    """Return the messages of a body, up to its end or until they are too large."""
    messages, size = list[Message](), 0
    while True:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body") or size > LARGEST:
            return messages


def _replay(messages: list[Message], receive: Receive) -> Receive:
    remaining = iter(messages)

    async def replay() -> Message:
        message = next(remaining, None)
        return await receive() if message is None else message

    return replay


def _parsed(body: bytes) -> str | None:
    """Return the period that a request names; None if it cannot be read."""
    if len(body) > LARGEST:
        return None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(conf := found.get("conf") or {}, dict):
        return None
    return str(found.get("partition_key") or conf.get("period") or "")
