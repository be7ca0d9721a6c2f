"""Define the gate on the effect of bad input on the predictions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from include.declaration.problems import declared, require
from include.evaluation.gates.base import BaseGate, Input
from include.evaluation.gates.result import GateResult, outcome_of
from include.grammar import but, counted, sentence

if TYPE_CHECKING:
    from include.declaration.task import Task
    from include.evaluation.inputs import GateInputs


@declared
@dataclass(frozen=True)
class RobustnessGate(BaseGate):
    """Require valid predictions for bad input, one feature at a time.

    No error, every prediction valid, and a mean change over the rows of at most `at_most` per feature.
    """

    kind: ClassVar[str] = "robustness"
    needs: ClassVar[frozenset[Input]] = frozenset({"corruptions"})
    untested: ClassVar[str] = "bad input (missing values, new categories, outliers)"

    at_most: float

    def require_possible(self) -> None:
        problem = "RobustnessGate: at_most must be above 0: it is a change of the prediction."
        require(self.at_most > 0, problem, field="at_most")

    def require_task(self, task: Task) -> None:
        """Report a limit that no prediction could exceed."""
        problem = f"RobustnessGate: at_most is a change of {task.change_unit}, at most {task.largest_change:g}."
        require(self.at_most <= task.largest_change, problem, field="at_most")

    def __str__(self) -> str:
        return f"robust: no feature moves the prediction by more than {self.at_most:g}"

    def judge(self, inputs: GateInputs, task: Task) -> list[GateResult]:
        """Compare the largest mean change of the prediction with the limit.

        What breaks the model fails.
        """
        metric = f"change of {task.change_unit}"
        if not inputs.corruptions:
            reason = "No feature was corrupted for the test."
            return [self.result("inconclusive", reason, metric=metric, limit=self.at_most)]
        tried = counted(len(inputs.corruptions), "bad input")
        broken = [each for each in inputs.corruptions if each.error or not math.isfinite(each.change)]
        if broken:
            first = broken[0]
            error = sentence(first.error or f"the {metric} is not a finite number")
            reason = f"Of {tried} {len(broken)} broke the model. {first.feature} {first.how}: {error}"
            return [self.result("failed", reason, metric=metric, limit=self.at_most)]
        worst = max(inputs.corruptions, key=lambda each: each.change)
        passed, unit = worst.change <= self.at_most, f" {task.label_unit}" if task.label_unit else ""
        reason = (
            f"Of {tried} {worst.feature} {worst.how} moves the {task.change_unit} most, by {worst.change:.4g}{unit} on"
            f" average{but(passed)} at most {self.at_most:g}{unit} is allowed."
        )
        return [self.result(outcome_of(passed), reason, metric=metric, value=worst.change, limit=self.at_most)]
