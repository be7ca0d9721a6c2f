"""Compare what a history was asked for with what it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from include.backfill.reconcile import SHOWN, reconcile
from include.backfill.states import PeriodState, Step
from include.declaration.period import Period, period_range
from include.errors import AirworthyError
from include.go_live.request import GoLiveRequest
from include.go_live.trainings import TrainingDone, find_done
from include.grammar import counted
from include.project import Project
from include.retraining import decide
from include.retraining import outcome as retraining_outcome


@dataclass(frozen=True)
class GoLiveReport:
    """What a history has now, and what is left."""

    use_case: str
    request: GoLiveRequest
    trainings: tuple[tuple[Period, TrainingDone | None], ...]
    decided: int
    """Number of periods with a retraining decision."""
    to_decide: int
    data: tuple[str, ...]
    """A line for each phase."""
    left: tuple[tuple[str, Period, str], ...]
    """Step, period and why it is left."""

    @property
    def lines(self) -> Iterator[str]:
        """Yield a line for each phase and training, and one for each left step."""
        yield from self.data
        for period, done in self.trainings:
            yield f"train as of {period}: " + (f"version {done.version}. {done.reason}" if done else "left")
        yield f"decide: {self.decided:,} of {counted(self.to_decide, 'period')} decided"
        for step, period, why in self.left:
            yield f"  left: {step} of {period}: {why}"


class GoLiveIncompleteError(AirworthyError):
    """Steps of a history are left."""

    def __init__(self, report: GoLiveReport) -> None:
        self.use_case, self.left = report.use_case, report.left
        named = "; ".join(f"{step} of {period}: {why.rstrip('.')}" for step, period, why in report.left[:SHOWN])
        more = f"; and {len(report.left) - SHOWN} more" if len(report.left) > SHOWN else ""
        super().__init__(
            f"{report.use_case}: of the history {report.request.first} to {report.request.last}"
            f" {counted(len(report.left), 'step')} could not be done: {named}{more}. Everything else is done. Correct"
            " the cause and start the same again: it does what is left."
        )


def report_history(
    project: Project, request: GoLiveRequest, states: Mapping[tuple[Step, Period], PeriodState]
) -> GoLiveReport:
    """Return what a history has and what is left.

    That is read from the lake and the registry, not from what the tasks reported.
    """
    trainings = tuple((period, find_done(project, period)) for period in request.train_as_of)
    left = [("train", period, _why(states, "train", period)) for period, done in trainings if done is None]
    since = next((each for each in request.walked if project.ledger.champion_apart_from(None, each)), None)
    found = [reconcile(project, request.data, states)]
    if since is not None:
        found.append(reconcile(project, replace(request.results, first=since), states))
    left += [(one.phase, one.period, one.reason) for each in found for one in each.left]
    to_decide = period_range(max(since, request.decide_from), request.last) if since is not None else []
    undecided = [period for period in to_decide if decide.existing_decision(project, period) is None]
    left += [("decide", period, _why(states, "decide", period)) for period in undecided]
    failed = [period for period in to_decide if retraining_outcome.recorded_outcome(project, period) == "failed"]
    left += [("train", period, _why(states, "train", period)) for period in failed]
    if since is None:
        left.append(("score", request.train_as_of[0], "no training made a champion, so no period can be scored"))
    lines = tuple(line for each in found for line in each.counts)
    decided = len(to_decide) - len(undecided)
    return GoLiveReport(project.use_case.name, request, trainings, decided, len(to_decide), lines, tuple(left))


def _why(states: Mapping[tuple[Step, Period], PeriodState], step: Step, period: Period) -> str:
    state = states.get((step, period))
    return state.message if state is not None and state.message else "It was not done yet."
