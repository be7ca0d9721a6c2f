"""Tasks of <use case>__backfill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from include import settings
from include.backfill.request import BackfillRequest, Phase, phases_of
from include.declaration.actor import run_actor
from include.declaration.use_case_discovery import load_declaration
from include.errors import InvalidRequestError
from include.orchestration import task_links
from include.orchestration.airflow_connections import open_data_project
from include.orchestration.dag_factory import TASK_ARGS, fail_without_retry
from include.printable import printable_logger

if TYPE_CHECKING:
    from include.project import DataProject

__all__ = ["chunks", "phases_of", "plan", "reconcile", "work"]
log = printable_logger(__name__)
_LONG = {**TASK_ARGS, "execution_timeout": timedelta(hours=12)}


def _asked(use_case: str) -> tuple[DataProject, BackfillRequest]:
    declared = load_declaration(use_case)
    return open_data_project(declared), BackfillRequest.parse(declared, get_current_context()["params"])


@task(**TASK_ARGS)
def plan(use_case: str) -> list[str]:
    """List what would be built and why; refuse a request that cannot be worked."""
    from include.backfill import plan as backfill_plan

    with fail_without_retry():
        lines = [line for each in backfill_plan.plan_backfill(*_asked(use_case)) for line in each.lines]
    for line in lines:
        log.info("%s", line)
    return lines


@task(**TASK_ARGS)
def chunks(use_case: str, phase: Phase) -> list[list[str]]:
    """Return the periods that the phase must build now, in chunks."""
    from include.backfill import plan as backfill_plan
    from include.backfill.request import chunked

    context = get_current_context()
    with fail_without_retry():
        try:
            project, request = _asked(use_case)
        except InvalidRequestError as error:  # `plan` fails with it, and so does `reconcile`
            raise AirflowSkipException(f"The request was refused: {error}") from None
        if phase not in request.phases or context["params"]["plan_only"]:
            return []
        periods = backfill_plan.plan_phase(project, request, phase).periods
    log.info("%s periods to work.", f"{len(periods):,}")
    return [[period.key for period in chunk] for chunk in chunked(periods, context["params"]["chunk_periods"])]


@task(**_LONG, pool=settings.BACKFILL_POOL)
def work(use_case: str, phase: Phase, periods: Sequence[str]) -> dict[str, int]:
    """Work a chunk of periods in this process.

    A refused period does not stop the others.
    """
    from include.backfill import work as backfill_work
    from include.backfill.states import BackfillStates, backfill_name

    context = get_current_context()
    with fail_without_retry():
        declared = load_declaration(use_case)
        project = open_data_project(declared)
        states = BackfillStates.open(project, backfill_name(context["dag_run"].run_id))
        parsed = [declared.calendar.parse(key, use_case) for key in periods]
        result = backfill_work.work_chunk(project, phase, parsed, states, actor=run_actor(context), announce=log_state)
    return {"worked": len(result.states) - len(result.refused), "refused": len(result.refused)}


@task(**TASK_ARGS)
def reconcile(use_case: str) -> list[str]:
    """Compare what was asked with what is in the lake.

    Fails if periods are left, and lists them.
    """
    from include.backfill import reconcile as backfill_reconcile
    from include.backfill.states import BackfillStates, backfill_name

    context = get_current_context()
    with fail_without_retry():
        project, request = _asked(use_case)
        states = BackfillStates.open(project, backfill_name(context["dag_run"].run_id)).last()
        found = backfill_reconcile.reconcile(project, replace(request, settled=False), states)
        task_links.set_links(monitoring=task_links.page_address(use_case, request.last.key))
        lines = list(found.lines)
        for line in lines:
            log.info("%s", line)
        if found.left and not context["params"]["plan_only"]:
            raise backfill_reconcile.BackfillIncompleteError(found)
    return lines


def log_state(state: Any) -> None:
    reason = f": {state.error}: {state.message}" if state.message else ""
    log.info("%s of %s %s in %.1f s%s", state.phase, state.period, state.outcome, state.seconds, reason)
