"""Run the shipped use case from data to retraining, through Airflow's API."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console

from include.backfill.states import BackfillStates, backfill_name
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.errors import AirworthyError, InvalidRequestError
from include.go_live.report import report_history
from include.go_live.request import GoLiveRequest
from include.local.airflow_client import FINISHED, AirflowClient
from include.local.progress import PhaseProgress, Update
from include.project import Project

NOTE = "Started by `make demo`."
PHASE_TEXTS = {
    "land": "lands the data",
    "build": "builds features and labels",
    "measure": "trains, scores, measures and decides",
}
"""Phase to what is shown of it, in order; the last phase begins with a training."""
LIMIT_S = 3600.0
"""A step fails after this time without any change; the time of a whole step depends on the machine."""
POLL_S = 1.0


class DemoFailedError(AirworthyError):
    """A step did not succeed."""


@dataclass(frozen=True)
class DemoPlan:
    """The history that the demo brings live."""

    first: Period
    last: Period
    train_as_of: tuple[Period, ...]
    """Periods to train as of; each model after the first is compared with the champion of its period."""
    decide_from: Period

    @property
    def scored(self) -> tuple[Period, Period]:
        """Return the first and the last scored period."""
        return self.train_as_of[0], self.last

    @property
    def form(self) -> dict[str, Any]:
        """Return the fields of the DAG's form."""
        return {
            "first": self.first.key,
            "last": self.last.key,
            "train_as_of": [period.key for period in self.train_as_of],
            "decide_from": self.decide_from.key,
            "promotion": "automatic",
        }


PLANS = {
    "full": DemoPlan(
        first=Period("2013-01-01"),
        last=Period("2013-04-30"),
        train_as_of=(Period("2013-04-01"), Period("2013-04-15"), Period("2013-04-29")),
        decide_from=Period("2013-04-15"),  # late in April the policy may trigger a training
    ),
    "short": DemoPlan(
        first=Period("2013-01-01"),
        last=Period("2013-04-07"),
        # As of an earlier Monday, a slice of carriers is worse than the prior, and no model is promoted.
        train_as_of=(Period("2013-04-01"),),
        decide_from=Period("2013-04-06"),
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
    """One run of the demo; it skips what is done already."""

    def __init__(self, api: AirflowClient, project: Project, chosen: DemoPlan, console: Console) -> None:
        self.api, self.project, self.plan = api, project, chosen
        self.use_case, self.progress = project.use_case, PhaseProgress(console)

    def run_steps(self) -> None:
        """Run all steps in order.

        Raises:
            DemoFailedError: a step failed; the message has the failed task's error.
        """
        go_live, data, train, score, monitor, retrain = (
            f"{self.use_case.name}__{kind}" for kind in ("go_live", "data", "train", "score", "monitor", "retrain")
        )
        with self.progress.draw():
            self._parsed([go_live, data, train, score, monitor, retrain])
            self._go_live(go_live)
            for dag_id in (data, train, score, monitor, retrain):
                self.api.unpause(dag_id)
            for dag_id in (data, train, monitor):
                self.api.mark_favorite(dag_id)
            for dag_id in (data, score, monitor):
                self._scheduled(dag_id)
            self._decided(retrain)

    def _parsed(self, dag_ids: list[str]) -> None:
        what = "Airflow reads the DAGs"
        self._until(what, lambda: Counter(success=sum(map(self.api.has_dag, dag_ids))), len(dag_ids), dag_ids[0])

    def _go_live(self, dag_id: str) -> None:
        """Bring the history live, unless that is done; show each of its phases."""
        request = GoLiveRequest.parse(self.use_case, self.plan.form)
        if not report_history(self.project, request, {}).left:
            return
        self.api.unpause(dag_id)
        open_runs = [run for run in self.api.runs(dag_id) if run.state not in FINISHED]
        started = open_runs[-1] if open_runs else self.api.trigger(dag_id, conf=self.plan.form, note=NOTE)
        states = BackfillStates.open(self.project, backfill_name(started.run_id))
        totals = {"land": request.last - request.first + 1, "build": request.last - request.first + 1}
        for step, total in (totals | {"measure": len(request.walked)}).items():

            def done(step: str = step, total: int = total) -> Counter[str]:
                return self._done(dag_id, started.run_id, states, step, total)

            self._until(f"{dag_id} {PHASE_TEXTS[step]}", done, total, dag_id)
            if step == "build":  # what follows uses one core
                self.api.unpause(f"{self.use_case.name}__data")
        self._until(f"{dag_id} report", lambda: self._done(dag_id, started.run_id, states, "report", 1), 1, dag_id)

    def _done(self, dag_id: str, run_id: str, states: BackfillStates, step: str, total: int) -> Counter[str]:
        """Count the periods of a phase that are done.

        All are when a later phase has begun.
        """
        state = self.api.get_run(dag_id, run_id).state
        if state in FINISHED:
            return Counter(success=total) if state == "success" else Counter(failed=1)
        periods: dict[str, set[str]] = {}
        for key in states.store.list_keys():
            phase, period = key.split(".")[:2]
            periods.setdefault(phase, set()).add(period)
        later = [*PHASE_TEXTS][[*PHASE_TEXTS].index(step) + 1 :] if step in PHASE_TEXTS else []
        count = total if periods.keys() & {*later} else len(periods.get(step, ()))
        return Counter(success=count, running=total - count)

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

    def _decided(self, dag_id: str) -> None:
        """Decide for today: the DAG's own first run is that of the next period."""
        period = today(self.use_case)
        if not set(self.api.states(dag_id, period, period)) - {"failed"}:  # a failed one is repeated
            self.api.trigger(dag_id, partition_key=period.key, note=NOTE)
        self._until(f"{dag_id} {period}", lambda: self.api.states(dag_id, period, period), 1, dag_id)

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
