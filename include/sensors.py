"""Sensors and their triggers: they wait for small facts in the lake, and never read data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from include import dag
from include.errors import FeaturesMissing
from include.use_cases import load

LIMIT = timedelta(hours=6)
"""How long a day's features may take before a person should look."""


def features_are_there(use_case: str, day: date) -> bool:
    """Whether the lake holds features of that day."""
    from include.stages import readiness

    return readiness.has_features(load(use_case), day)


class FeaturesTrigger(BaseTrigger):
    """Fires True when the features of a day are there, False at the moment `until` (ISO, UTC)."""

    def __init__(self, use_case: str, day: str, until: str, every_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.use_case, self.day, self.until, self.every_seconds = use_case, day, until, every_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"use_case": self.use_case, "day": self.day, "until": self.until}
        return "include.sensors.FeaturesTrigger", arguments | {"every_seconds": self.every_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        day, until = date.fromisoformat(self.day), datetime.fromisoformat(self.until)
        # The lake is read in a thread: the triggerer's loop serves every waiting task.
        while not (there := await asyncio.to_thread(features_are_there, self.use_case, day)):
            if datetime.now(UTC) >= until:
                break
            await asyncio.sleep(self.every_seconds)
        yield TriggerEvent(there)  # type: ignore[no-untyped-call]


class FeaturesSensor(BaseSensorOperator):
    """Waits, without a worker slot, for the features of the run's day; at the limit says how to build them."""

    ui_color = "#e6f1f2"

    def __init__(self, *, use_case: str, limit: timedelta = LIMIT, every_seconds: float = 10, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.use_case, self.limit, self.every_seconds = use_case, limit, every_seconds

    def execute(self, context: Any) -> None:
        with dag.told():
            day = dag.day_of(context)
            if features_are_there(self.use_case, day):
                return
        # Counted from the start of the run, so that a retry does not wait anew.
        until = (context["dag_run"].start_date or datetime.now(UTC)) + self.limit
        self.log.info("No features of %s yet; waiting until %s.", day, until)
        trigger = FeaturesTrigger(self.use_case, day.isoformat(), until.isoformat(), self.every_seconds)
        self.defer(trigger=trigger, method_name="resume", kwargs={"day": day.isoformat()})

    def resume(self, context: Any, event: bool, day: str) -> None:
        """Go on, or fail with the command that builds the day."""
        if not event:
            late = FeaturesMissing(self.use_case, date.fromisoformat(day), f" after {self.limit}")
            raise AirflowFailException(str(late))
