"""Work the periods of a chunk in this process.

A refused one does not stop the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from include.backfill.request import Phase
from include.backfill.states import BackfillStates, Outcome, PeriodState, Step
from include.declaration.period import Period
from include.errors import AirworthyError
from include.grammar import counted
from include.pipelines import data, monitor, score
from include.pipelines.context import DataRun, DataStep, PipelineRun
from include.pipelines.context import Step as PipelineStep
from include.printable import printable_logger
from include.project import DataProject, Project

log = printable_logger(__name__)
MOST_FAILURES = 3
"""Failures in a row after which a chunk ends: what it needs does not answer."""


class PeriodsFailedError(AirworthyError):
    """Periods of a chunk failed by what another try may mend."""

    retryable = True

    def __init__(self, use_case: str, phase: Phase, failed: Sequence[PeriodState]) -> None:
        self.use_case, self.phase, self.failed = use_case, phase, tuple(failed)
        first = failed[0]
        super().__init__(
            f"{use_case}: {phase} of {counted(len(failed), 'period')} failed, the first {first.period}: {first.error}:"
            f" {first.message} Another try works what is left of the chunk."
        )


def _export(run: PipelineRun) -> None:
    if run.project.use_case.exports:
        score.export(run)


DATA_STEPS: Mapping[Phase, tuple[DataStep, ...]] = {
    "land": (data.ingest, data.validate),
    "build": (data.build_features,),
}
"""The steps of each phase of data, those of the DAG `data`; a feature group has them, too."""
STEPS: Mapping[Phase, tuple[PipelineStep, ...]] = {
    "score": (score.score, _export, score.score_shadow),
    "measure": (monitor.measure,),
}
"""The steps of the other phases, those of the DAGs."""


@dataclass(frozen=True)
class ChunkResult:
    """What became of the periods of a chunk, in order."""

    states: tuple[PeriodState, ...]

    @property
    def refused(self) -> list[PeriodState]:
        """Return the periods that another try cannot mend."""
        return [state for state in self.states if state.outcome == "refused"]

    @property
    def failed(self) -> list[PeriodState]:
        """Return the periods that another try may mend."""
        return [state for state in self.states if state.outcome == "failed"]


def work_chunk(
    project: DataProject,
    phase: Phase,
    periods: Sequence[Period],
    states: BackfillStates,
    *,
    actor: str = "",
    announce: Callable[[PeriodState], None] = lambda _: None,
) -> ChunkResult:
    """Work the periods of a chunk in order, and keep the state of each.

    Periods that this backfill worked or that were refused by it are not worked again, so a chunk that was killed goes
    on where it ended.

    Raises:
        PeriodsFailedError: a period failed by what another try may mend.
    """
    before = states.last()
    ended = {
        period: state
        for period in periods
        if (state := before.get((phase, period))) is not None and state.outcome != "failed"
    }
    for state in ended.values():
        if state.outcome == "refused":
            log.warning(
                "%s of %s was refused by an earlier try of this backfill and is not tried again: %s When the cause is"
                " corrected, start another backfill.",
                *(phase, state.period, state.message),
            )
    worked = dict(ended)
    for state in _worked(project, phase, [period for period in periods if period not in ended], actor):
        states.write(state)
        announce(state)
        worked[state.period] = state
    result = ChunkResult(tuple(worked[period] for period in periods if period in worked))
    if result.failed:
        raise PeriodsFailedError(project.use_case.name, phase, result.failed)
    return result


def _worked(project: DataProject, phase: Phase, periods: Sequence[Period], actor: str) -> Iterator[PeriodState]:
    failures = 0
    for period in periods:
        state = _state_of(project, phase, period, actor)
        yield state
        failures = failures + 1 if state.outcome == "failed" else 0
        if failures == MOST_FAILURES:
            log.warning("%s periods in a row failed; the chunk ends here.", failures)
            return


def _state_of(project: DataProject, phase: Phase, period: Period, actor: str) -> PeriodState:
    if phase in DATA_STEPS:
        data_run = DataRun(project, period, {})
        return attempt(phase, period, lambda: [step(data_run) for step in DATA_STEPS[phase]])
    assert isinstance(project, Project), phase
    run = PipelineRun(project, period, {}, actor=actor, reason="backfill")
    return attempt(phase, period, lambda: [step(run) for step in STEPS[phase]])


def attempt(step: Step, period: Period, action: Callable[[], object]) -> PeriodState:
    """Do a step of a period; return what became of it."""
    began = time.monotonic()
    try:
        action()
    except AirworthyError as error:
        outcome: Outcome = "failed" if error.retryable else "refused"
        raised: Exception = error
    except Exception as error:
        log.exception("%s of %s failed", step, period)
        outcome, raised = "failed", error
    else:
        return PeriodState(step, period, "done", seconds=time.monotonic() - began)
    return PeriodState(step, period, outcome, str(raised), type(raised).__name__, time.monotonic() - began)
