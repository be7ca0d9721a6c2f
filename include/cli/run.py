"""`airworthy run`: run the steps of a DAG for each period of a range.

The steps run in this process.
"""

from __future__ import annotations

import json
import os
import pdb
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TypeVar

from rich.console import Console

from include.cli.escaping import print_line
from include.cli.run_summary import summarise_data, summarise_run
from include.declaration.actor import account_actor
from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.declaration.use_case_discovery import load_declaration
from include.errors import InvalidRequestError
from include.local import instance
from include.local.mlflow_server import serve_mlflow
from include.local.private_files import private_file
from include.local.progress import PhaseProgress, Update
from include.pipelines import data
from include.pipelines.context import DataRun, PipelineRun
from include.pipelines.pipelines import PIPELINES, Kind, scheduled_periods
from include.project import open_data_project, open_project

FIELDS: Mapping[Kind, frozenset[str]] = {
    "data": frozenset({"take_changed", "again"}),
    "train": frozenset({"window_periods", "parameters", "tune_trials", "tune_minutes", "reason", "promotion"}),
    "score": frozenset({"version", "rescore", "allow_future_model"}),
    "monitor": frozenset(),
}
"""The fields of each DAG's form, in addition to the day."""
_WITHOUT_MLFLOW = ("data",)
Run = TypeVar("Run", bound=DataRun)


@dataclass(frozen=True)
class RunRequest:
    """A request to run a pipeline of a use case.

    It has the periods and the fields of the form.
    """

    use_case: str
    kind: Kind
    first: Period
    last: Period
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = {name for name, value in self.params.items() if value not in (None, False)}
        if stray := sorted(given - FIELDS[self.kind]):
            options = ", ".join(f"--{name.replace('_', '-')}" for name in stray)
            known = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(FIELDS[self.kind])) or "none"
            raise InvalidRequestError(f"{options} is no option of {self.kind!r}, which has: {known}.")

    def periods(self, use_case: DataDeclaration) -> list[Period]:
        """Return the periods to run.

        Raises:
            PeriodError: a bound is no period of the use case's calendar.
            InvalidRequestError: the range has no scheduled period.
        """
        for period in (self.first, self.last):
            use_case.calendar.require(period, use_case.name)
        if self.last < self.first:
            raise InvalidRequestError(f"--to {self.last} is before --from {self.first}.")
        found = scheduled_periods(use_case, self.kind, self.first, self.last)
        if not found:
            unit = use_case.calendar.unit.name
            raise InvalidRequestError(
                f"{self.first} to {self.last} has no {unit} that is due by the declared schedule. To run for another"
                f" {unit}, give that {unit} alone: --from {self.last}"
            )
        return found


def parse_parameters(text: str | None) -> dict[str, Any] | None:
    """Return the LightGBM parameters of the option, a JSON object.

    Raises:
        InvalidRequestError: it is not one.
    """
    if text is None:
        return None
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise InvalidRequestError("--parameters is no JSON object. Write it as --parameters '{\"num_leaves\": 15}'")
    return parsed


def run_periods(console: Console, request: RunRequest, *, debug: bool = False) -> None:
    """Run every period in order and print a line for each; stop at the first error.

    With `debug`, an error opens the debugger where it was raised.

    Raises:
        InvalidRequestError: there is no such use case, or the range has no period that can be run.
        AirworthyError: a step failed.
    """
    declared = load_declaration(request.use_case)
    if not isinstance(declared, UseCase) and request.kind != "data":
        raise InvalidRequestError(f"{request.use_case} is a feature group: it has no {request.kind!r}, only 'data'.")
    periods = request.periods(declared)
    for period in (periods[0], periods[-1]):
        declared.require(period)
    progress = PhaseProgress(console, plain=debug)
    with ExitStack() as stack:
        stack.enter_context(private_file())
        if request.kind not in _WITHOUT_MLFLOW:
            stack.enter_context(serve_mlflow(instance.current(), lambda line: print_line(console, line)))
        stack.enter_context(_breakpoints(progress))
        if debug:
            stack.enter_context(_post_mortem())
        stack.enter_context(progress.draw())
        total = len(periods) * len(PIPELINES[request.kind])
        update = stack.enter_context(progress.start_phase(f"{request.use_case} {request.kind}", total))
        for number, period in enumerate(periods):
            for line in _run_period(request, declared, period, number, update):
                print_line(console, line)


def _run_period(
    request: RunRequest, declared: DataDeclaration, period: Period, number: int, update: Update
) -> list[str]:
    """Run the steps of one period, the `number`-th of the range; return its lines."""
    if isinstance(declared, UseCase):
        run = PipelineRun(open_project(declared), period, request.params, actor=account_actor(), reason="airworthy run")
        return [*summarise_run(request.kind, run, _run_steps(PIPELINES[request.kind], run, number, update))]
    of_group = DataRun(open_data_project(declared), period, request.params)
    return [*summarise_data(of_group, _run_steps(data.STEPS, of_group, number, update))]


def _run_steps(steps: Sequence[Callable[[Run], Any]], run: Run, number: int, update: Update) -> dict[str, Any]:
    """Run the steps of one period, the `number`-th of the range.

    Return their results by name.
    """
    results = dict[str, Any]()
    for done, step in enumerate(steps, start=number * len(steps)):
        update(done, f"{run.period} {step.__name__}")
        results[step.__name__] = step(run)
    update((number + 1) * len(steps), "")
    return results


@contextmanager
def _breakpoints(progress: PhaseProgress) -> Iterator[None]:
    """Let `breakpoint()` stop the progress bar first.

    The bar would otherwise overwrite the debugger's prompt.
    """
    before = sys.breakpointhook

    def stop_at(*args: Any, **kwargs: Any) -> Any:
        progress.stop()
        if os.environ.get("PYTHONBREAKPOINT"):
            return before(*args, **kwargs)
        return pdb.Pdb().set_trace(_caller())

    sys.breakpointhook = stop_at
    try:
        yield
    finally:
        sys.breakpointhook = before


def _caller() -> FrameType:
    """Return the frame that called `breakpoint()`."""
    return sys._getframe(2)  # noqa: SLF001 - as pdb.set_trace does


@contextmanager
def _post_mortem() -> Iterator[None]:
    """Open the debugger at an exception that leaves the block; then raise it as usual.

    An error of ours that names the error of a use case's function opens it in that function.
    """
    try:
        yield
    except Exception as error:
        raised: BaseException = error
        while raised.__cause__ is not None:
            raised = raised.__cause__
        sys.stderr.write(f"{type(raised).__name__}: {raised}\n")
        pdb.post_mortem(raised.__traceback__)
        raise
