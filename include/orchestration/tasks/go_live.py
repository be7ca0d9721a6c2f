"""Tasks of <use case>__go_live."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from include.backfill.request import CHUNK_PERIODS, PHASES_OF, Phase
from include.declaration.actor import run_actor
from include.declaration.use_case_discovery import load_use_case
from include.orchestration import task_links
from include.orchestration.airflow_connections import open_project
from include.orchestration.dag_factory import TASK_ARGS, add_asset_metadata, fail_without_retry
from include.orchestration.tasks.backfill import log_state
from include.printable import printable_logger

if TYPE_CHECKING:
    from include.go_live.request import GoLiveRequest
    from include.project import Project

log = printable_logger(__name__)
DATA_PHASES: tuple[Phase, ...] = PHASES_OF["data"]


def _asked(use_case: str) -> tuple[Project, GoLiveRequest]:
    from include.go_live.request import GoLiveRequest

    declared = load_use_case(use_case)
    return open_project(declared), GoLiveRequest.parse(declared, get_current_context()["params"])


@task(**TASK_ARGS)
def plan(use_case: str) -> list[str]:
    """List what would be done; refuse a request that cannot be worked."""
    from include.backfill.plan import plan_backfill

    with fail_without_retry():
        project, request = _asked(use_case)
        lines = [request.text, *(line for each in plan_backfill(project, request.data) for line in each.lines)]
    for line in lines:
        log.info("%s", line)
    return lines


@task(**TASK_ARGS)
def chunks(use_case: str, phase: Phase) -> list[list[str]]:
    """Return the periods whose data the phase must build now, in chunks."""
    from include.backfill.plan import plan_phase
    from include.backfill.request import chunked

    with fail_without_retry():
        project, request = _asked(use_case)
        periods = plan_phase(project, request.data, phase).periods
    log.info("%s periods to work.", f"{len(periods):,}")
    return [[period.key for period in chunk] for chunk in chunked(periods, CHUNK_PERIODS)]


@task(**{**TASK_ARGS, "execution_timeout": timedelta(days=2)})
def walk(use_case: str) -> None:
    """Train, score, measure and decide for each period, in order of time."""
    from include.backfill.states import BackfillStates, backfill_name
    from include.go_live.walk import Walk

    context = get_current_context()
    with fail_without_retry():
        project, request = _asked(use_case)
        states = BackfillStates.open(project, backfill_name(context["dag_run"].run_id))
        Walk(project, request, states, run_actor(context), log_state).run_periods()


@task(**TASK_ARGS)
def announce_champions(use_case: str) -> list[str]:
    """Raise an event of the asset `model` for the champions of the walk.

    The task is skipped if the walk made none.
    """
    from include.backfill.states import BackfillStates, backfill_name
    from include.go_live.trainings import promoted_by

    with fail_without_retry():
        project = open_project(load_use_case(use_case))
        states = BackfillStates.open(project, backfill_name(get_current_context()["dag_run"].run_id)).last()
        made = [done.version for done in promoted_by(project, states)]
    if not made:
        raise AirflowSkipException("No version became champion.")
    add_asset_metadata(project.use_case, "model", version=made[-1], promoted=True, versions=made)
    return made


@task(**TASK_ARGS)
def report(use_case: str) -> list[str]:
    """Compare what was asked with what is in the lake and the registry.

    Fails if anything is left, and lists it.
    """
    from include.backfill.states import BackfillStates, backfill_name
    from include.go_live.report import GoLiveIncompleteError, report_history

    with fail_without_retry():
        project, request = _asked(use_case)
        states = BackfillStates.open(project, backfill_name(get_current_context()["dag_run"].run_id)).last()
        found = report_history(project, request, states)
        task_links.set_links(monitoring=task_links.page_address(use_case, request.last.key))
        lines = list(found.lines)
        for line in lines:
            log.info("%s", line)
        if found.left:
            raise GoLiveIncompleteError(found)
    return lines
