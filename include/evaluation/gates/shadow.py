"""Define the gate that judges what a version did in its trial."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

from include.declaration.gates import CHAMPION, MODEL, require_one_of
from include.declaration.problems import declared, require
from include.declaration.span import Span
from include.evaluation.gates.base import BaseGate, Input
from include.evaluation.gates.result import GateResult, outcome_of
from include.grammar import sentence
from include.model.metrics import METRICS, champion_metrics

if TYPE_CHECKING:
    from include.declaration.task import Task
    from include.evaluation.inputs import GateInputs, TrialInputs
    from include.model.bootstrap import PairedDifference

LEAST_PERIODS = 5
"""Fewer periods cannot be resampled."""


@declared
@dataclass(frozen=True)
class ShadowGate(BaseGate):
    """Require a trial in which the version was at most the margin worse.

    It needs enough labelled periods. The upper end of the two-sided interval of the difference is compared with the
    margin, in the metric's unit, where a greater number is worse. `margin=0` means that the version must have been
    better. The gate is inconclusive until a person asks to promote the version from its trial, so a training alone
    promotes nothing.
    """

    kind: ClassVar[str] = "shadow"
    needs: ClassVar[frozenset[Input]] = frozenset({"champion", "trial"})
    untested: ClassVar[str] = "how it does next to the champion on new periods"

    metric: str | None = None
    """A mean loss over rows, or a metric of one's own; None: the main metric of the task."""
    periods: Span = Span(14)
    """Labelled periods of the trial that are needed."""
    margin: float = 0.0
    _: KW_ONLY
    confidence: float = 0.95
    """Of the two-sided interval, as the page shows it."""

    def require_possible(self) -> None:
        if self.metric is not None:
            require_one_of(self.metric, champion_metrics(), "ShadowGate: periods are resampled, so metric=")
        finite = math.isfinite(self.margin)
        require(finite, "ShadowGate: margin must be a finite number, in the metric's unit.", field="margin")
        possible = 0.5 < self.confidence <= 0.99
        require(possible, "ShadowGate: confidence must be above 0.5 and at most 0.99.", field="confidence")

    def check_spans(self) -> None:
        """Report too few periods of a trial."""
        super().check_spans()
        problem = f"ShadowGate: periods must be at least {LEAST_PERIODS}: fewer periods cannot be resampled."
        require(self.periods >= LEAST_PERIODS, problem, field="periods")

    def for_task(self, task: Task) -> Self:
        return self if self.metric is not None else replace(self, metric=task.main_metric)

    def trial_metric(self, task: Task) -> str | None:
        return self._metric(task)

    def __str__(self) -> str:
        how = "better" if self.margin <= 0 else "not worse"
        by = f" by {abs(self.margin):g}" if self.margin else ""
        return f"{self.metric or 'main metric'} {how} than the champion{by} in a trial of {self.periods} periods"

    def judge(self, inputs: GateInputs, task: Task) -> list[GateResult]:
        """Compare the upper end of the interval with the margin.

        Without a champion there is nothing to be tried next to, and the gate passes.
        """
        metric, trial = self._metric(task), inputs.trial
        if trial is None:
            return [self._untried(metric, inputs)]
        if trial.why_not or trial.rows is None:
            reason = f"The trial cannot be compared: {sentence(trial.why_not)}"
            return [self.result("inconclusive", reason, metric=metric, limit=self.margin)]
        if trial.periods < self.periods:
            found = inputs.unit.counted(trial.periods, "labelled")
            reason = f"The trial has {found} so far; this gate needs {self.periods}."
            return [self.result("inconclusive", reason, metric=metric, limit=self.margin)]
        difference = self._difference(metric, trial, task)
        if difference is None or not math.isfinite(difference.upper):
            reason = f"{METRICS[metric].title} is not defined for the trial, or without one of its periods."
            return [self.result("inconclusive", reason, metric=metric, limit=self.margin)]
        passed = difference.upper < 0 if self.margin == 0 else difference.upper <= self.margin
        reason = self._reason(metric, trial, difference, inputs, task, passed)
        return [self.result(outcome_of(passed), reason, metric=metric, value=difference.upper, limit=self.margin)]

    def _metric(self, task: Task) -> str:
        return self.metric or task.main_metric

    def _difference(self, metric: str, trial: TrialInputs, task: Task) -> PairedDifference | None:
        from include.model.paired_losses import paired_interval

        rows = trial.rows
        assert rows is not None
        own, other = (rows.predicted[name] for name in (MODEL, CHAMPION))
        return paired_interval(metric, rows.periods, rows.labels, own, other, task, self.confidence)

    def _untried(self, metric: str, inputs: GateInputs) -> GateResult:
        champion = inputs.champion
        if champion is not None and champion.version is None:
            return self.result("passed", "There is no champion of that period yet to compare it with.", metric=metric)
        if champion is not None and champion.same:
            reason = f"This model is version {champion.version}, the champion of that period itself."
            return self.result("passed", reason, metric=metric)
        reason = (
            "It was not tried next to the champion yet. Start a trial of this version, and ask there to promote it"
            f" after {inputs.unit.counted(self.periods, 'labelled')}."
        )
        return self.result("inconclusive", reason, metric=metric, limit=self.margin)

    def _reason(
        self,
        metric: str,
        trial: TrialInputs,
        difference: PairedDifference,
        inputs: GateInputs,
        task: Task,
        passed: bool,
    ) -> str:
        mean, lower, upper = (
            METRICS[metric].value_text(value, task, 4)
            for value in (difference.mean, difference.lower, difference.upper)
        )
        asked = f"below {METRICS[metric].value_text(self.margin, task, 4)}" if self.margin else "below 0"
        return (
            f"In {inputs.unit.counted(difference.periods, 'labelled')} of its trial, {METRICS[metric].label} differs"
            f" from that of version {trial.champion} by {mean}, at {100 * self.confidence:g}% confidence {lower} to"
            f" {upper} (above 0 is worse)." + ("" if passed else f" The upper end must be {asked}.")
        )
