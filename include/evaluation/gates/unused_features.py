"""Define the gate on features without gain in a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from include.declaration.problems import declared, require
from include.evaluation.gates.base import BaseGate, Input
from include.evaluation.gates.result import GateResult, Outcome, outcome_of
from include.grammar import but, counted, listed

if TYPE_CHECKING:
    from include.declaration.task import Task
    from include.evaluation.inputs import GateInputs


@declared
@dataclass(frozen=True)
class UnusedFeaturesGate(BaseGate):
    """List the features without gain; with `at_most`, a greater number blocks."""

    kind: ClassVar[str] = "unused_features"
    needs: ClassVar[frozenset[Input]] = frozenset({"features", "gains"})

    at_most: int | None = None

    def require_possible(self) -> None:
        possible = self.at_most is None or self.at_most >= 0
        require(possible, "UnusedFeaturesGate: at_most must be at least 0 features.", field="at_most")

    def __str__(self) -> str:
        return "features without gain" if self.at_most is None else f"at most {self.at_most} features without gain"

    @property
    def can_block(self) -> bool:
        return self.at_most is not None

    def judge(self, inputs: GateInputs, task: Task) -> list[GateResult]:
        """Count the features without gain that the model reads."""
        if not inputs.gains or not inputs.features:
            return self._results("inconclusive", "The gain of the features is not known.")
        unused = [name for name in inputs.features if not inputs.gains.get(name, 0.0) > 0]
        reason = f"{len(unused)} of {counted(len(inputs.features), 'feature')} brought no gain"
        reason += f": {listed(unused)}" if unused else ""
        if self.at_most is None:
            return self._results("informational", f"{reason}.", len(unused))
        passed = len(unused) <= self.at_most
        return self._results(outcome_of(passed), f"{reason}{but(passed)} at most {self.at_most} may.", len(unused))

    def _results(self, outcome: Outcome, reason: str, value: int | None = None) -> list[GateResult]:
        return [self.result(outcome, reason, metric="features without gain", value=value, limit=self.at_most)]
