"""Train, score, measure and decide for each period of a history, in order of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from include.backfill.plan import plan_phase
from include.backfill.request import Phase
from include.backfill.states import BackfillStates, PeriodState, Step
from include.backfill.work import STEPS, attempt
from include.declaration.period import Period
from include.errors import AirworthyError
from include.go_live.request import GoLiveRequest
from include.go_live.trainings import TrainingDone, find_done, train_as_of
from include.pipelines.context import PipelineRun
from include.printable import printable_logger
from include.project import Project
from include.retraining import decide, reserve_slot
from include.retraining import outcome as retraining_outcome

log = printable_logger(__name__)
PHASES: tuple[Phase, ...] = ("score", "measure")
TRAINING = "go_live__{period}"
"""Recorded as the run of a training that a decision triggered."""


class ApprovalMissingError(AirworthyError):
    """A person must approve a model before the history after it can go on."""

    def __init__(self, use_case: str, period: Period, version: str) -> None:
        self.use_case, self.period, self.version = use_case, period, version
        super().__init__(
            f"{use_case}: version {version}, trained as of {period}, passed its gates and waits for a person's"
            f" approval. What comes after {period} depends on the answer, so it was not built. Trigger"
            f" {use_case}__train in Airflow for {period}: it finds this training and asks in its task `approve`. Then"
            " start this again."
        )


class WalkFailedError(AirworthyError):
    """A step failed by what another try may mend."""

    retryable = True

    def __init__(self, use_case: str, state: PeriodState) -> None:
        self.use_case, self.state = use_case, state
        super().__init__(
            f"{use_case}: {state.phase} of {state.period} failed: {state.error}: {state.message} Another try goes on"
            " from there."
        )


@dataclass
class Walk:
    """The walk over a history; what is done already is not done again."""

    project: Project
    request: GoLiveRequest
    states: BackfillStates
    actor: str = ""
    announce: Callable[[PeriodState], None] = lambda _: None

    def run_periods(self) -> None:
        """Walk every period.

        A refused training, score or metric does not stop the walk; decisions end where one cannot be made.

        Raises:
            ApprovalMissingError: a person must approve a version.
            WalkFailedError: a step failed by what another try may mend.
        """
        due = {phase: set(plan_phase(self.project, self.request.results, phase).periods) for phase in PHASES}
        decides, scored = True, False
        for period in self.request.walked:
            if period in self.request.train_as_of:
                self._train(period, "It was due by the schedule.")
            if self.project.ledger.champion_apart_from(None, period) is None:
                continue
            for phase in PHASES:
                # Windows of metrics reach back: after a new score, those of all later periods change.
                if period in due[phase] or (phase == "measure" and scored):
                    self._work(phase, period)
                    scored = scored or phase == "score"
            if decides and period >= self.request.decide_from:
                decides = self._decide(period)

    def _work(self, phase: Phase, period: Period) -> None:
        run = PipelineRun(self.project, period, {}, actor=self.actor, reason="go live")
        self._do(phase, period, lambda: [step(run) for step in STEPS[phase]])

    def _train(self, period: Period, reason: str) -> TrainingDone | None:
        """Train as of a period; return None if it was refused."""
        done = find_done(self.project, period)
        if done is None:
            run = PipelineRun(
                self.project, period, {"promotion": self.request.promotion}, actor=self.actor, reason=reason
            )
            made: list[TrainingDone] = []
            if self._do("train", period, lambda: made.append(train_as_of(run))).outcome == "refused":
                return None
            (done,) = made
        log.info("Version %s, trained as of %s: %s", done.version, period, done.reason)
        if done.waits:
            raise ApprovalMissingError(self.project.use_case.name, period, done.version)
        return done

    def _decide(self, period: Period) -> bool:
        """Decide whether to train, and do so; return whether it was decided."""
        if decide.existing_decision(self.project, period) is None:
            self._do("decide", period, lambda: decide.decide_retraining(self.project, period))
        decision = decide.existing_decision(self.project, period)
        if decision is None:
            return False
        recorded = retraining_outcome.recorded_outcome(self.project, period)
        if decision.outcome == "retrain" and recorded in (None, "failed"):
            self._retrain(period, decision.reason)
        return True

    def _retrain(self, period: Period, reason: str) -> None:
        claimed = reserve_slot.reserve_slot(self.project, period)
        done = self._train(period, f"Decided for {period}: {reason}") if claimed.slot is not None else None
        state = ("success" if done else "failed") if claimed.slot is not None else None
        retraining_outcome.record_training_outcome(
            self.project,
            period,
            TRAINING.format(period=period.key),
            state=state,
            version=done.version if done else None,
            promotion={"promoted": done.promoted, "reason": done.reason} if done else None,
            why_not=claimed.reason,
        )

    def _do(self, step: Step, period: Period, action: Callable[[], object]) -> PeriodState:
        """Do one step and keep what became of it.

        Raises:
            WalkFailedError: it failed by what another try may mend.
        """
        state = attempt(step, period, action)
        self.states.write(state)
        self.announce(state)
        if state.outcome == "failed":
            raise WalkFailedError(self.project.use_case.name, state)
        return state
