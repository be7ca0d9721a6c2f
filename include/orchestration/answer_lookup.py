"""Look up the answer that a person gave to an earlier try of an approval task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.triggers.base import BaseTrigger, TriggerEvent

SETTLED = 5.0
"""Seconds until the scheduler has seen the asking process end; a resumption before that is lost too."""


class AnswerLookup(BaseTrigger):
    """Fire once, with the answer kept with a task instance, or with None.

    Airflow keeps it. Only the triggerer can read answers; a task cannot.
    """

    def __init__(self, ti_id: str, wait: float = SETTLED) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ti_id, self.wait = ti_id, wait

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__qualname__}", {"ti_id": self.ti_id, "wait": self.wait}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(self.wait)
        yield TriggerEvent(await _stored(UUID(self.ti_id)))  # type: ignore[no-untyped-call]


async def _stored(ti_id: UUID) -> dict[str, Any] | None:
    """Return the answer as plain values; None if there is no answer or no question."""
    from airflow.sdk.execution_time.comms import GetHITLDetailResponse
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    try:
        found: Any = await SUPERVISOR_COMMS.asend(GetHITLDetailResponse(ti_id=ti_id))
    except AirflowRuntimeError:
        return None
    person = found.responded_by_user
    if not found.response_received or person is None:
        return None
    return {
        "chosen_options": list(found.chosen_options or ()),
        "params_input": dict(found.params_input or {}),
        "responded_at": found.responded_at.isoformat(),
        "responded_by_user": {"id": person.id, "name": person.name},
    }
