"""`airworthy backfill`: plan a backfill, work it here, and list what is left."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from include.backfill.plan import plan_backfill, plan_phase
from include.backfill.reconcile import BackfillIncompleteError, reconcile
from include.backfill.request import BackfillRequest, Phase
from include.backfill.states import BackfillStates, PeriodState
from include.backfill.work import PeriodsFailedError, work_chunk
from include.cli.escaping import print_line
from include.declaration.actor import account_actor
from include.declaration.use_case_discovery import load_declaration
from include.local import instance
from include.local.mlflow_server import serve_mlflow
from include.local.private_files import private_file
from include.local.progress import PhaseProgress
from include.project import DataProject, open_data_project


def print_backfill(console: Console, name: str, fields: Mapping[str, Any], *, plan_only: bool) -> None:
    """Print the plan; unless `plan_only`, work it and print what is left.

    Raises:
        InvalidRequestError: there is no such use case or group, or the periods cannot be worked.
        BackfillIncompleteError: periods are left.
    """
    declared = load_declaration(name)
    request = BackfillRequest.parse(declared, fields)
    project = open_data_project(declared)
    for plan in plan_backfill(project, request):
        for line in plan.lines:
            print_line(console, line)
    if plan_only:
        return
    states = new_backfill(project)
    with ExitStack() as stack:
        stack.enter_context(private_file())
        if {"score", "measure"} & set(request.phases):
            stack.enter_context(serve_mlflow(instance.current(), lambda line: print_line(console, line)))
        progress = PhaseProgress(console)
        stack.enter_context(progress.draw())
        for phase in request.phases:
            work_phase(console, progress, project, request, phase, states)
    found = reconcile(project, replace(request, settled=False), states.last())
    for line in found.lines:
        print_line(console, line)
    if found.left:
        raise BackfillIncompleteError(found)


def new_backfill(project: DataProject) -> BackfillStates:
    """Return the states of a new backfill, named by the time."""
    return BackfillStates.open(project, f"{datetime.now(UTC):%Y-%m-%dT%H%M%S.%fZ}")


def work_phase(
    console: Console,
    progress: PhaseProgress,
    project: DataProject,
    request: BackfillRequest,
    phase: Phase,
    states: BackfillStates,
) -> None:
    """Work the periods of a phase; show each that is refused or fails."""
    periods = plan_phase(project, request, phase).periods
    done = 0

    def announce(state: PeriodState) -> None:
        nonlocal done
        done += 1
        update(done, f"{state.period} {phase}")
        if state.outcome != "done":
            print_state(console, state)

    if not periods:
        return
    title = f"{project.use_case.name} {phase}"
    # Each failed period is announced, and listed as left.
    with progress.start_phase(title, len(periods)) as update, suppress(PeriodsFailedError):
        work_chunk(project, phase, periods, states, actor=account_actor(), announce=announce)


def print_state(console: Console, state: PeriodState) -> None:
    """Print what became of a step that did not end as asked."""
    print_line(console, f"{state.phase} of {state.period} {state.outcome}: {state.error}: {state.message}", "red")
