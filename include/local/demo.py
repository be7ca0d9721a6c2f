"""Run the shipped use case from data to retraining, through Airflow's API."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.errors import AirworthyError, InvalidRequestError
from include.local.airflow_client import FINISHED, AirflowClient
from include.local.progress import PhaseProgress, Update

LIMIT_S = 3600.0
"""A step fails after this time without any change; the time of a whole step depends on the machine."""
POLL_S = 1.0


class DemoFailedError(AirworthyError):
    """A step did not succeed."""


Days = tuple[Period, Period]
"""The first and the last of consecutive days."""


@dataclass(frozen=True)
class DemoPhase:
    """A range of days: manual trainings, then scoring, monitoring and decisions."""

    train: tuple[Period, ...]
    """Days to train as of; each model after the first is compared with the champion of its day."""
    score: Days
    decide_from: Period | None = None
    """The first day with a retraining decision, if not the first scored day."""


@dataclass(frozen=True)
class DemoPlan:
    """The days that the demo runs."""

    data: Days
    stretches: tuple[DemoPhase, ...]

    @property
    def scored(self) -> Days:
        return self.stretches[0].score[0], self.stretches[-1].score[1]


PLANS = {
    "full": DemoPlan(
        data=(Period("2013-01-01"), Period("2013-04-30")),
        stretches=(
            # Late in April the policy may trigger a training.
            DemoPhase(
                train=(Period("2013-04-01"), Period("2013-04-15")),
                score=(Period("2013-04-01"), Period("2013-04-28")),
                decide_from=Period("2013-04-15"),
            ),
            DemoPhase(train=(Period("2013-04-29"),), score=(Period("2013-04-29"), Period("2013-04-30"))),
        ),
    ),
    "short": DemoPlan(
        data=(Period("2013-01-01"), Period("2013-04-07")),
        stretches=(
            DemoPhase(
                # As of an earlier Monday, a slice of carriers is worse than the prior, and no model is promoted.
                train=(Period("2013-04-01"),),
                score=(Period("2013-04-01"), Period("2013-04-07")),
                decide_from=Period("2013-04-06"),
            ),
        ),
    ),
}


def plan_demo() -> DemoPlan:
    """Return the plan that `AIRWORTHY_DEMO` names, by default the full one."""
    name = os.environ.get("AIRWORTHY_DEMO") or "full"
    if name not in PLANS:
        raise InvalidRequestError(f"AIRWORTHY_DEMO={name!r} is not a demo; choose one of {sorted(PLANS)}.")
    return PLANS[name]


def today(use_case: UseCase) -> Period:
    """Return the current day in the use case's time zone."""
    return Period.from_date(datetime.now(ZoneInfo(use_case.time_zone)).date())


class Demo:
    """One run of the demo; it skips the steps that are done already."""

    def __init__(self, api: AirflowClient, use_case: UseCase, chosen: DemoPlan, console: Console) -> None:
        self.api, self.use_case, self.plan = api, use_case, chosen
        self.progress = PhaseProgress(console)

    def run_steps(self) -> None:
        """Run all steps in order.

        Raises:
            DemoFailedError: a step failed; the message has the failed task's error.
        """
        data, train, score, monitor, retrain = (
            f"{self.use_case.name}__{kind}" for kind in ("data", "train", "score", "monitor", "retrain")
        )
        with self.progress.draw():
            self._parsed([data, train, score, monitor, retrain])
            self._backfill(data, *self.plan.data)
            for stretch in self.plan.stretches:
                for period in stretch.train:
                    self._train(train, period)
                first, last = stretch.score
                self._backfill(score, first, last)
                self._backfill(monitor, first, last)
                # One at a time: each decision needs that of the day before.
                self._backfill(retrain, stretch.decide_from or first, last, at_once=1)
            for dag_id in (data, score, monitor):
                self._scheduled(dag_id)
            self._settled(retrain)

    def _parsed(self, dag_ids: list[str]) -> None:
        what = "Airflow reads the DAGs"
        self._until(what, lambda: Counter(success=sum(map(self.api.has_dag, dag_ids))), len(dag_ids), dag_ids[0])

    def _backfill(self, dag_id: str, first: Period, last: Period, at_once: int = 8) -> None:
        periods = last - first + 1
        self.api.unpause(dag_id)
        states = self.api.states(dag_id, first, last)
        if sum(states.values()) - states["failed"] < periods:  # else an interrupted demo has started the rest
            self.api.backfill(dag_id, first, last, at_once=at_once)
        what = f"{dag_id} {first} … {last}"
        self._until(what, lambda: self.api.states(dag_id, first, last), periods, dag_id)

    def _train(self, dag_id: str, period: Period) -> None:
        self.api.unpause(dag_id)
        states = self.api.states(dag_id, period, period)
        if not set(states) - {"failed"}:
            self.api.trigger(dag_id, partition_key=str(period), note="Started by `make demo`.")
        self._until(f"{dag_id} as of {period}", lambda: self.api.states(dag_id, period, period), 1, dag_id)

    def _scheduled(self, dag_id: str) -> None:
        """Wait for the run that the scheduler created for today."""
        period = today(self.use_case)

        def scheduled() -> Counter[str]:
            return Counter(
                run.state
                for run in self.api.runs(dag_id)
                if run.run_type == "scheduled" and run.partition_key == str(period)
            )

        self._until(f"{dag_id} {period}, by the schedule", scheduled, 1, dag_id)

    def _settled(self, dag_id: str) -> None:
        """Wait for the open runs.

        After a backfill, the scheduler continues from there up to today.
        """
        runs = len(self.api.runs(dag_id))

        def ended() -> Counter[str]:
            states = [run.state in FINISHED for run in self.api.runs(dag_id)]
            return Counter(success=sum(states), running=len(states) - sum(states))

        self._until(f"{dag_id}, every run", ended, runs, dag_id)

    def _until(self, what: str, states: Callable[[], Counter[str]], wanted: int, dag_id: str) -> None:
        """Show progress until every day succeeded.

        Fails on failed days, or if nothing changes.
        """
        with self.progress.start_phase(what, wanted) as update:
            self._wait(update, states, wanted, dag_id)

    def _wait(self, update: Update, states: Callable[[], Counter[str]], wanted: int, dag_id: str) -> None:
        before, deadline = None, 0.0
        while True:
            now = states()
            if now != before:
                before, deadline = now, time.monotonic() + LIMIT_S
            waiting = ", ".join(f"{count} {state}" for state, count in sorted(now.items()) if state not in FINISHED)
            update(now["success"], waiting)
            if now["success"] >= wanted:
                return
            if now["failed"] and not waiting:
                raise DemoFailedError(self._failure(dag_id, now["failed"]))
            if time.monotonic() > deadline:
                done = f"{now['success']} of {wanted} done ({waiting or 'nothing runs'})"
                raise DemoFailedError(
                    f"{dag_id}: {done}, and nothing has changed for {LIMIT_S:.0f} s."
                    f" See {self.api.address}/dags/{dag_id} and `make status`; run `make demo` again to continue."
                )
            time.sleep(POLL_S)

    def _failure(self, dag_id: str, count: int) -> str:
        failed = [run for run in self.api.runs(dag_id) if run.state == "failed"]
        words = "\n  ".join(self.api.failures(dag_id, failed[-1].run_id))
        return (
            f"{dag_id}: {count} runs failed, the last one {failed[-1].run_id}:\n  {words}\n"
            f"See {self.api.address}/dags/{dag_id}/runs/{failed[-1].run_id}; run `make demo` again to continue."
        )
