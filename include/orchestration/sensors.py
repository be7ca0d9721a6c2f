"""Sensors and their triggers: they wait for small facts in the lake, and never read data."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.declaration.registry import load_use_case
from include.errors import MADE_BY, PartitionMissingError
from include.orchestration import dag_factory
from include.project import open_project

ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}
"""States of a task that are its last."""
LIVE = {"queued", "running"}
"""States of a run that may still do something."""
TURN_SECONDS = 2.0
"""How often the decision of the day before is looked for: a backfill waits for it on every day."""
TURN_PATIENCE = timedelta(seconds=20)
"""How often it is asked whether a run for an earlier day is there at all: a trigger cannot know."""
PATIENCE = timedelta(seconds=60)
"""How often a sensor for a past day looks whether a run that makes the day is there at all."""
LAST_TASKS = {"features": "build_features", "predictions": "score", "metrics": "measure"}
"""Table to the task after which a day of it is there, of the DAG that makes it."""
NOBODY = ", and no run that would make them is queued or running"
LIMIT = timedelta(hours=6)
"""How long a day may take before a person should look."""
TURN_LIMIT = LIMIT + timedelta(hours=2)
"""A day that nobody scores is measured when its monitor has waited for LIMIT, and is decided after that."""


def check_available(use_case: str, table: str, day: date) -> bool:
    """Whether the table holds that day, or never will."""
    from include.retraining import readiness

    return readiness.is_available(open_project(load_use_case(use_case)), table, day)


def check_ready_to_decide(use_case: str, day: date) -> bool:
    """Whether the day is decided, or all is known that its decision builds on."""
    from include.retraining import readiness

    return readiness.is_ready_to_decide(open_project(load_use_case(use_case)), day)


class DayTrigger(BaseTrigger):
    """Fires True when a day of a table is there, False at the moment `until` (ISO, UTC)."""

    def __init__(self, use_case: str, table: str, day: str, until: str, every_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.use_case, self.table, self.day, self.until = use_case, table, day, until
        self.every_seconds = every_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"use_case": self.use_case, "table": self.table, "day": self.day, "until": self.until}
        return f"include.orchestration.sensors.{type(self).__name__}", arguments | {"every_seconds": self.every_seconds}

    def is_there(self, day: date) -> bool:
        return check_available(self.use_case, self.table, day)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        day, until = date.fromisoformat(self.day), datetime.fromisoformat(self.until)
        # The lake is read in a thread: the triggerer's loop serves every waiting task.
        while not (there := await asyncio.to_thread(self.is_there, day)):
            if datetime.now(UTC) >= until:
                break
            await asyncio.sleep(self.every_seconds)
        yield TriggerEvent(there)  # type: ignore[no-untyped-call]


class PreviousDecisionTrigger(DayTrigger):
    """Fires True when the day may be decided."""

    def is_there(self, day: date) -> bool:
        return check_ready_to_decide(self.use_case, day)


class DaySensor(BaseSensorOperator):
    """Waits, without a worker slot, until a table holds the run's day; at the limit says which command makes it.

    A past day is only waited for while a run that makes it is queued or running: else the sensor says so at once. With
    `required=False` it then goes on: the next task says that the day is missing. Where no triggerer runs it gives the
    slot back between two looks instead (reschedule mode); unless `deferrable` says which, `dag.has_triggerer` does.
    """

    ui_color = "#e6f1f2"

    def __init__(
        self,
        *,
        use_case: str,
        table: str,
        limit: timedelta = LIMIT,
        every_seconds: float = 10,
        required: bool = True,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(mode="reschedule", poke_interval=every_seconds, timeout=2 * limit.total_seconds(), **kwargs)
        self.use_case, self.table, self.limit, self.every_seconds = use_case, table, limit, every_seconds
        self.required, self.deferrable = (
            required,
            dag_factory.default_deferrable() if deferrable is None else deferrable,
        )

    def execute(self, context: Any) -> None:
        if not self.deferrable:
            super().execute(context)
            return
        self._wait_for_day(context)

    def _wait_for_day(self, context: Any) -> None:
        """Defer until the day is there; go on at once where it is, or where nobody makes it."""
        with dag_factory.fail_without_retry():
            day = dag_factory.day_of(context)
            if check_available(self.use_case, self.table, day):
                return
            is_past = self._is_past(day)
        if is_past and not self._makers(context, day):
            self._go_on_without(day, NOBODY)
            return
        until = self._until(context)
        self.log.info(
            "There are no %s of %s yet. The run of %s__%s for %s makes them; it is awaited until %s.",
            *(self.table, day, self.use_case, MADE_BY[self.table], day, until),
        )
        until = min(until, datetime.now(UTC) + PATIENCE) if is_past else until
        trigger = DayTrigger(self.use_case, self.table, day.isoformat(), until.isoformat(), self.every_seconds)
        self.defer(trigger=trigger, method_name="resume", kwargs={"day": day.isoformat()})

    def poke(self, context: Any) -> bool:
        """Look once, in reschedule mode; at the limit as `resume`."""
        with dag_factory.fail_without_retry():
            day = dag_factory.day_of(context)
            if check_available(self.use_case, self.table, day):
                return True
            in_vain = self._is_past(day) and not self._makers(context, day)
        if in_vain:
            self._go_on_without(day, NOBODY)
            return True
        if datetime.now(UTC) < self._until(context):
            return False
        self.resume(context, event=False, day=day.isoformat())
        return True

    def resume(self, context: Any, event: bool, day: str) -> None:
        """Go on; or look again whether anybody makes the day; at the limit, fail with the command that makes it."""
        if event:
            return
        if datetime.now(UTC) < self._until(context):
            self._wait_for_day(context)
        else:
            self._go_on_without(date.fromisoformat(day), f" after {self.limit}")

    def _go_on_without(self, day: date, reason: str) -> None:
        """Fail with the command that makes the day; where the day is not required, only say so.

        Raises:
            AirflowFailException: the day is required.
        """
        missing = PartitionMissingError(self.use_case, self.table, day, reason)
        if self.required:
            raise AirflowFailException(str(missing))
        self.log.warning("%s", missing)

    def _is_past(self, day: date) -> bool:
        """Return whether no schedule will make the day any more, so that only a run that is there can."""
        return self.table in LAST_TASKS and day < load_use_case(self.use_case).today()

    def _makers(self, context: Any, day: date) -> list[str]:
        """Return the runs, queued or running, that may make the day; those by hand do not show their day."""
        dag_id = f"{self.use_case}__{MADE_BY[self.table]}"
        states = context["ti"].get_task_states(dag_id=dag_id, task_ids=[LAST_TASKS[self.table]])
        candidates = [run for run, key in unfinished_runs(states).items() if key in (day, None)]
        return live_runs(context, dag_id, candidates)

    def _until(self, context: Any) -> datetime:
        """Counted from the start of the run, so that a retry does not wait anew."""
        start: datetime = context["dag_run"].start_date or datetime.now(UTC)
        return start + self.limit


class PreviousDecisionSensor(DaySensor):
    """Waits, as above, for the day's measures; then until the day before is decided, and until it is known what became
    of the trainings before.

    For an earlier day it waits only while a run for one is there: a backfill runs several days at once. Else it fails
    at once and says which day is missing, or lets the chain of decisions begin. Where only an outcome is missing it
    goes on too: that makes the decision a hold, with this reason. At the limit no chain begins while earlier days have
    not ended: in a backfill in reverse order they cannot even start.
    """

    def __init__(self, *, use_case: str, last_task: str, limit: timedelta = TURN_LIMIT, **kwargs: Any) -> None:
        super().__init__(use_case=use_case, table="metrics", limit=limit, **kwargs)
        self.last_task = last_task

    def execute(self, context: Any) -> None:
        super().execute(context)
        if self.deferrable:
            self._take_turn(context)

    def resume(self, context: Any, event: bool, day: str) -> None:
        """Go on to wait for the day before, or fail with the command that makes the day's measures."""
        super().resume(context, event, day)
        if self.deferrable:
            self._take_turn(context)

    def poke(self, context: Any) -> bool:
        """Look once, in reschedule mode; at the limit as `resume_turn`."""
        return super().poke(context) and (
            not self._must_wait(context) or (datetime.now(UTC) >= self._until(context) and self._give_up(context))
        )

    def resume_turn(self, context: Any, event: bool) -> None:
        """Go on; or look again whether anybody is at an earlier day; at the limit, fail with the command for it."""
        if event:
            return
        if datetime.now(UTC) < self._until(context):
            self._take_turn(context)
        else:
            self._give_up(context)

    def _take_turn(self, context: Any) -> None:
        if not self._must_wait(context):
            return
        day, until = dag_factory.day_of(context), self._until(context)
        self.log.info("An earlier day is about to be decided; waiting until %s.", until)
        until = min(until, datetime.now(UTC) + TURN_PATIENCE)
        trigger = PreviousDecisionTrigger(self.use_case, "decisions", day.isoformat(), until.isoformat(), TURN_SECONDS)
        self.defer(trigger=trigger, method_name="resume_turn")

    def _must_wait(self, context: Any) -> bool:
        """Whether it is not the day's turn, and somebody is there to wait for."""
        day = dag_factory.day_of(context)
        if check_ready_to_decide(self.use_case, day):
            return False
        return bool(self._earlier(context)) or not self._go_on(context)

    def _earlier(self, context: Any) -> list[date]:
        """Earlier days whose runs have not ended."""
        day, last = (
            dag_factory.day_of(context),
            context["ti"].get_task_states(dag_id=self.dag_id, task_ids=[self.last_task]),
        )
        before = {run: key for run, key in unfinished_runs(last).items() if key is not None and key < day}
        return sorted(before[run] for run in live_runs(context, self.dag_id, list(before)))

    def _go_on(self, context: Any) -> bool:
        """True, unless the decision of the day before is needed."""
        from include.retraining import decide

        with dag_factory.fail_without_retry():
            decide.require_decision_before(open_project(load_use_case(self.use_case)), dag_factory.day_of(context))
        self.log.info("Nobody is there who decides an earlier day, or tells what became of a training.")
        return True

    def _give_up(self, context: Any) -> bool:
        """True at the limit, unless the decision of an earlier day is needed, or may still come."""
        from include.retraining import decide

        before, earlier = dag_factory.day_of(context) - timedelta(days=1), self._earlier(context)
        if earlier and decide.existing_decision(open_project(load_use_case(self.use_case)), before) is None:
            raise AirflowFailException(
                f"{self.use_case}: after {self.limit}, {before} is not decided yet, since the run for {earlier[0]} has"
                " not ended, and decisions are made in the order of days. Clear this run when that one has ended; and"
                " backfill days in their order, not in reverse."
            )
        return self._go_on(context)


def unfinished_runs(states: Mapping[str, Mapping[str, str | None]]) -> dict[str, date | None]:
    """Return the runs whose last task has not ended, each with its day; `states` has that task's state by run.

    Airflow tells a task no run's partition key but its own; scheduled and backfilled runs have it in their id:
    `<type>__<time>__<key>__<random>`. The day of a run by hand is None.
    """
    found: dict[str, date | None] = {}
    for run_id, tasks in states.items():
        if not ENDED & set(tasks.values()):
            key = re.fullmatch(r"(?:scheduled|backfill)__.+__(\d{4}-\d{2}-\d{2})__\w+", run_id)
            found[run_id] = date.fromisoformat(key[1]) if key else None
    return found


def live_runs(context: Any, dag_id: str, runs: Sequence[str]) -> list[str]:
    """Return those of the runs that are queued or running.

    A cancelled backfill fails its queued runs and leaves their tasks without a state: these never end.
    """
    return [run for run in runs if context["ti"].get_dagrun_state(dag_id, run) in LIVE]
