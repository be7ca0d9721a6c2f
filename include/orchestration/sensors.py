"""Wait for a day of a table, or for the previous day's decision.

Sensors never read data.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.errors import MADE_BY, AirworthyError, PartitionMissingError
from include.orchestration import dag_factory
from include.orchestration.airflow_connections import open_project
from include.orchestration.failures import fail_task

ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}
"""Final states of a task."""
LIVE = {"queued", "running"}
"""States of a run that has not ended."""
DECISION_POLL_SECONDS = 2.0
"""Seconds between two checks for the previous day's decision; a backfill waits for it on every day."""
DECISION_RUN_CHECK_INTERVAL = timedelta(seconds=20)
"""Time between two checks whether a run for an earlier day exists; a trigger cannot check that."""
RUN_CHECK_INTERVAL = timedelta(seconds=60)
"""Time between two checks whether a run that makes a past day exists."""
LAST_TASKS = {"features": "build_features", "predictions": "score", "metrics": "measure"}
"""Table to the task that writes it, in the DAG that makes it."""
NO_RUN = ", and no run that would make them is queued or running"
WAIT_LIMIT = timedelta(hours=6)
"""How long to wait for a day before the task fails."""
DECISION_WAIT_LIMIT = WAIT_LIMIT + timedelta(hours=2)
"""A day that is not scored is measured after its monitor has waited for LIMIT, and is decided after that."""


def check_available(use_case: str, table: str, period: Period) -> bool:
    """Return whether the table holds that day, or never will."""
    from include.retraining import readiness

    return readiness.is_available(open_project(load_use_case(use_case)), table, period)


def check_ready_to_decide(use_case: str, period: Period) -> bool:
    """Return whether the day is decided, or is ready to be.

    It is ready when all that its decision needs is known.
    """
    from include.retraining import readiness

    return readiness.is_ready_to_decide(open_project(load_use_case(use_case)), period)


class PeriodTrigger(BaseTrigger):
    """Fire True when a table holds a day, False at the moment `until` (ISO, UTC)."""

    def __init__(self, use_case: str, table: str, period: str, until: str, every_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.use_case, self.table, self.period, self.until = use_case, table, period, until
        self.every_seconds = every_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"use_case": self.use_case, "table": self.table, "period": self.period, "until": self.until}
        return f"include.orchestration.sensors.{type(self).__name__}", arguments | {"every_seconds": self.every_seconds}

    def is_ready(self, period: Period) -> bool:
        return check_available(self.use_case, self.table, period)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        period, until = Period(self.period), datetime.fromisoformat(self.until)
        # The lake is read in a thread: the triggerer's event loop serves every waiting task.
        while not (available := await asyncio.to_thread(self.is_ready, period)):
            if datetime.now(UTC) >= until:
                break
            await asyncio.sleep(self.every_seconds)
        yield TriggerEvent(available)  # type: ignore[no-untyped-call]


class PreviousDecisionTrigger(PeriodTrigger):
    """Fire True when the day may be decided."""

    def is_ready(self, period: Period) -> bool:
        return check_ready_to_decide(self.use_case, period)


class PeriodSensor(BaseSensorOperator):
    """Wait without a worker slot until a table holds the run's day.

    Fails at the limit. The error names the command that makes the day. A past day is waited for only while a run that
    makes it is queued or running; otherwise the sensor fails at once. With `required=False` it continues instead of
    failing, and the next task reports that the day is missing. Without a triggerer it releases its slot between two
    checks (reschedule mode); the default of `deferrable` is `dag_factory.default_deferrable()`.
    """

    ui_color = "#e6f1f2"

    def __init__(
        self,
        *,
        use_case: str,
        table: str,
        limit: timedelta = WAIT_LIMIT,
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
        self._wait_for_period(context)

    def _period(self, context: Any) -> Period:
        return dag_factory.period_of(context, load_use_case(self.use_case))

    def _wait_for_period(self, context: Any) -> None:
        """Defer until the day is available; return at once if no run makes it."""
        with dag_factory.fail_without_retry():
            period = self._period(context)
            if check_available(self.use_case, self.table, period):
                return
            is_past = self._is_past(period)
        if is_past and not self._makers(context, period):
            self._continue_without(period, NO_RUN)
            return
        until = self._until(context)
        self.log.info(
            "There are no %s of %s yet. The run of %s__%s for %s makes them; waiting until %s.",
            *(self.table, period, self.use_case, MADE_BY[self.table], period, _moment(until)),
        )
        until = min(until, datetime.now(UTC) + RUN_CHECK_INTERVAL) if is_past else until
        trigger = PeriodTrigger(self.use_case, self.table, period.key, until.isoformat(), self.every_seconds)
        self.defer(trigger=trigger, method_name="resume", kwargs={"period": period.key})

    def poke(self, context: Any) -> bool:
        """Check once, in reschedule mode; at the limit like `resume`."""
        with dag_factory.fail_without_retry():
            period = self._period(context)
            if check_available(self.use_case, self.table, period):
                return True
            without_run = self._is_past(period) and not self._makers(context, period)
        if without_run:
            self._continue_without(period, NO_RUN)
            return True
        if datetime.now(UTC) < self._until(context):
            return False
        self.resume(context, event=False, period=period.key)
        return True

    def resume(self, context: Any, event: bool, period: str) -> None:
        """Continue if the day is available; else wait again, or fail.

        At the limit it fails, with the command that makes the day.
        """
        if event:
            return
        if datetime.now(UTC) < self._until(context):
            self._wait_for_period(context)
        else:
            self._continue_without(Period(period), f" after {self.limit}")

    def _continue_without(self, period: Period, reason: str) -> None:
        """Fail with the day's command; only log it if the day is not required.

        Raises:
            TaskFailedError: the day is required.
        """
        missing = PartitionMissingError(self.use_case, self.table, period, reason)
        if self.required:
            fail_task(missing)
        self.log.warning("%s", missing)

    def _is_past(self, period: Period) -> bool:
        """Return whether the schedule no longer makes the day.

        Then only an existing run can.
        """
        return self.table in LAST_TASKS and period < load_use_case(self.use_case).today()

    def _makers(self, context: Any, period: Period) -> list[str]:
        """Return the queued or running runs that may make the day.

        Manual runs do not show their day.
        """
        dag_id = f"{self.use_case}__{MADE_BY[self.table]}"
        states = context["ti"].get_task_states(dag_id=dag_id, task_ids=[LAST_TASKS[self.table]])
        candidates = [run for run, key in unfinished_runs(states).items() if key in (period, None)]
        return live_runs(context, dag_id, candidates)

    def _until(self, context: Any) -> datetime:
        """Return the end of the wait, counted from the start of the run, not of a retry."""
        start: datetime = context["dag_run"].start_date or datetime.now(UTC)
        return start + self.limit


class PreviousDecisionSensor(PeriodSensor):
    """Wait for the day's metrics, the previous decision and earlier outcomes.

    The outcomes are those of earlier trainings. It waits for earlier days only while a run for one exists, as in a
    backfill of several days. Otherwise it fails at once and names the missing day, or starts the chain of decisions. If
    only an outcome is missing it continues: the decision is then a hold, with that reason. At the limit no chain starts
    while runs of earlier days have not ended; in a backfill in reverse order they cannot even start.
    """

    def __init__(self, *, use_case: str, last_task: str, limit: timedelta = DECISION_WAIT_LIMIT, **kwargs: Any) -> None:
        super().__init__(use_case=use_case, table="metrics", limit=limit, **kwargs)
        self.last_task = last_task

    def execute(self, context: Any) -> None:
        super().execute(context)
        if self.deferrable:
            self._take_turn(context)

    def resume(self, context: Any, event: bool, period: str) -> None:
        """Wait for the day before, or fail with the command that makes the day's metrics."""
        super().resume(context, event, period)
        if self.deferrable:
            self._take_turn(context)

    def poke(self, context: Any) -> bool:
        """Check once, in reschedule mode; at the limit like `resume_after_decision`."""
        return super().poke(context) and (
            not self._must_wait(context)
            or (datetime.now(UTC) >= self._until(context) and self._check_at_limit(context))
        )

    def resume_after_decision(self, context: Any, event: bool) -> None:
        """Continue on the day's turn; else wait again, or fail with the command.

        It fails at the limit.
        """
        if event:
            return
        if datetime.now(UTC) < self._until(context):
            self._take_turn(context)
        else:
            self._check_at_limit(context)

    def _take_turn(self, context: Any) -> None:
        if not self._must_wait(context):
            return
        period, until = self._period(context), self._until(context)
        self.log.info("A run decides an earlier period; waiting until %s.", _moment(until))
        until = min(until, datetime.now(UTC) + DECISION_RUN_CHECK_INTERVAL)
        trigger = PreviousDecisionTrigger(
            self.use_case, "decisions", period.key, until.isoformat(), DECISION_POLL_SECONDS
        )
        self.defer(trigger=trigger, method_name="resume_after_decision")

    def _must_wait(self, context: Any) -> bool:
        """Return whether it is not the day's turn yet, and a run of an earlier day exists."""
        period = self._period(context)
        if check_ready_to_decide(self.use_case, period):
            return False
        return bool(self._earlier(context)) or not self._continue_without_earlier(context)

    def _earlier(self, context: Any) -> list[Period]:
        """Return the earlier days whose runs have not ended."""
        period, last = (
            self._period(context),
            context["ti"].get_task_states(dag_id=self.dag_id, task_ids=[self.last_task]),
        )
        before = {run: key for run, key in unfinished_runs(last).items() if key is not None and key < period}
        return sorted(before[run] for run in live_runs(context, self.dag_id, list(before)))

    def _continue_without_earlier(self, context: Any) -> bool:
        """Return True; fail if the decision of the day before is needed."""
        from include.retraining import decide

        with dag_factory.fail_without_retry():
            decide.require_decision_before(open_project(load_use_case(self.use_case)), self._period(context))
        self.log.info("No run decides an earlier period or records the outcome of a training; continuing.")
        return True

    def _check_at_limit(self, context: Any) -> bool:
        """Return True at the limit; fail if an earlier decision may still come.

        It fails too if one is needed.
        """
        from include.retraining import decide

        before, earlier = self._period(context) - 1, self._earlier(context)
        if earlier and decide.existing_decision(open_project(load_use_case(self.use_case)), before) is None:
            fail_task(
                AirworthyError(
                    f"{self.use_case}: after {self.limit}, there is still no decision for {before}. Periods are decided"
                    f" in order, and the run for {earlier[0]} has not ended. Clear this run when that run has ended. In"
                    " a backfill, run the periods in order, not in reverse."
                )
            )
        return self._continue_without_earlier(context)


def unfinished_runs(states: Mapping[str, Mapping[str, str | None]]) -> dict[str, Period | None]:
    """Return the runs whose last task has not ended, each with its day.

    The day of a manual run is None. `states` has the last task's state by run. A task can read no partition key but its
    own; scheduled and backfilled runs have it in their id: `<type>__<time>__<key>__<random>`.
    """
    unfinished: dict[str, Period | None] = {}
    for run_id, tasks in states.items():
        if not ENDED & set(tasks.values()):
            key = re.fullmatch(r"(?:scheduled|backfill)__.+__(\d{4}-\d{2}-\d{2})__\w+", run_id)
            unfinished[run_id] = Period(key[1]) if key else None
    return unfinished


def _moment(until: datetime) -> str:
    """Return a moment as text for a log."""
    return f"{until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def live_runs(context: Any, dag_id: str, runs: Sequence[str]) -> list[str]:
    """Return the runs that are queued or running.

    A cancelled backfill fails its queued runs but leaves their tasks without a state, so these never end.
    """
    return [run for run in runs if context["ti"].get_dagrun_state(dag_id, run) in LIVE]
