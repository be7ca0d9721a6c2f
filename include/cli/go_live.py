"""`airworthy go-live`: bring a history live here, and list what is left."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from rich.console import Console

from include.backfill.plan import plan_backfill
from include.backfill.states import BackfillStates, PeriodState
from include.cli.backfill import new_backfill, print_state, work_phase
from include.cli.escaping import print_line
from include.declaration.actor import account_actor
from include.declaration.use_case_discovery import load_use_case
from include.go_live.report import GoLiveIncompleteError, report_history
from include.go_live.request import GoLiveRequest
from include.go_live.walk import Walk
from include.local import instance
from include.local.mlflow_server import serve_mlflow
from include.local.private_files import private_file
from include.local.progress import PhaseProgress
from include.project import Project, open_project


def print_history(console: Console, name: str, fields: Mapping[str, Any], *, plan_only: bool) -> None:
    """Print the plan; unless `plan_only`, bring the history live.

    Raises:
        InvalidRequestError: there is no such use case, or the history cannot be brought live as asked.
        ApprovalMissingError: a person must approve a version first.
        WalkFailedError: a step failed by what another try may mend.
        GoLiveIncompleteError: steps are left.
    """
    use_case = load_use_case(name)
    request = GoLiveRequest.parse(use_case, fields)
    project = open_project(use_case)
    print_line(console, request.text)
    for plan in plan_backfill(project, request.data):
        for line in plan.lines:
            print_line(console, line)
    if plan_only:
        return
    states = new_backfill(project)
    with ExitStack() as stack:
        stack.enter_context(private_file())
        stack.enter_context(serve_mlflow(instance.current(), lambda line: print_line(console, line)))
        progress = PhaseProgress(console)
        stack.enter_context(progress.draw())
        for phase in request.data.phases:
            work_phase(console, progress, project, request.data, phase, states)
        _walk(console, progress, project, request, states)
        found = report_history(project, request, states.last())
    for line in found.lines:
        print_line(console, line)
    if found.left:
        raise GoLiveIncompleteError(found)


def _walk(
    console: Console, progress: PhaseProgress, project: Project, request: GoLiveRequest, states: BackfillStates
) -> None:
    periods = request.walked
    with progress.start_phase(f"{project.use_case.name} in order of time", len(periods)) as update:
        first = periods[0]

        def announce(state: PeriodState) -> None:
            update(state.period - first + (state.phase == "decide"), f"{state.period} {state.phase}")
            if state.outcome != "done":
                print_state(console, state)

        Walk(project, request, states, account_actor(), announce).run_periods()
        update(len(periods), "")
