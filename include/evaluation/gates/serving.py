"""Define the gate on serving the model from the registry in a fresh process."""

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
    from include.evaluation.inputs import GateInputs, ServingCheckResult

_DIFFERING, _SAME = "differing rows", "same scores"


@declared
@dataclass(frozen=True)
class ServingGate(BaseGate):
    """Require that a fresh process reproduces the training's scores exactly.

    The time per row and the size are limited, too.
    """

    kind: ClassVar[str] = "serving"
    needs: ClassVar[frozenset[Input]] = frozenset({"serving_check"})
    untested: ClassVar[str] = "loading and speed in a fresh process"

    at_most_microseconds: float
    """Processor time per row."""
    at_most_megabytes: float
    """Size of all its files."""

    def require_possible(self) -> None:
        possible = self.at_most_microseconds > 0 and self.at_most_megabytes > 0
        require(possible, "ServingGate: at_most_microseconds and at_most_megabytes must be above 0.")

    def __str__(self) -> str:
        return "serves from the registry"

    def judge(self, inputs: GateInputs, task: Task) -> list[GateResult]:
        """Return three results: the same scores bit for bit, time per row, size."""
        check = inputs.serving_check
        limits = {"microseconds per row": self.at_most_microseconds, "megabytes": self.at_most_megabytes}
        if check is None or (missing := _missing_reason(check)):
            reason = missing if check is not None else "The model was not loaded from the registry by a fresh process."
            outcome = outcome_of(passed=False) if check is not None and check.error else "inconclusive"
            first = self.result(outcome, reason, metric=_DIFFERING, limit=0, part=_SAME)
            others = (
                self.result("inconclusive", reason, metric=unit, limit=limit, part=unit)
                for unit, limit in limits.items()
            )
            return [first, *others]
        measured = {"microseconds per row": check.microseconds_per_row, "megabytes": check.megabytes}
        return [
            self._judge_scores(check),
            *(self._judge_measure(unit, measured[unit], limit, check.rows) for unit, limit in limits.items()),
        ]

    def _judge_scores(self, check: ServingCheckResult) -> GateResult:
        rows = counted(check.rows, "row")
        if check.differing:
            reason = f"Of {rows} scored by a fresh process {check.differing:,} differ from the scores in training."
        else:
            reason = f"A fresh process scored {rows} as in training, bit for bit."
        outcome = outcome_of(not check.differing)
        return self.result(outcome, reason, metric=_DIFFERING, value=check.differing, limit=0, part=_SAME)

    def _judge_measure(self, unit: str, value: float, limit: float, rows: int) -> GateResult:
        if not math.isfinite(value):
            reason = f"The fresh process measured no {unit}."
            return self.result("inconclusive", reason, metric=unit, limit=limit, part=unit)
        passed = value <= limit
        found = f"The model has {value:.4g} megabytes"
        if unit != "megabytes":
            found = f"A row took {value:.4g} microseconds, on average over {rows:,}"
        reason = f"{found}{but(passed)} at most {limit:g} are allowed."
        return self.result(outcome_of(passed), reason, metric=unit, value=value, limit=limit, part=unit)


def _missing_reason(check: ServingCheckResult) -> str:
    """Return why there is nothing to judge; empty if there is."""
    if check.error:
        return f"A fresh process could not serve the model from the registry: {sentence(check.error)}"
    return "" if check.rows else "The fresh process scored no row."
