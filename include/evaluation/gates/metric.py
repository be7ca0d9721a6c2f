"""Define the gate on a metric of the test days."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from include.declaration.gates import (
    BASELINES,
    MODEL,
    require_one_of,
)
from include.declaration.problems import declared, require
from include.evaluation.gates.base import BaseGate, GateLimits, Input
from include.evaluation.gates.result import GateResult, outcome_of
from include.grammar import but
from include.model.metrics import METRICS

if TYPE_CHECKING:
    from include.declaration.task import Task
    from include.evaluation.inputs import GateInputs


@declared
@dataclass(frozen=True)
class Gate(BaseGate):
    """Compare a test-day metric with a number, or with a baseline's metric.

    A metric that is better when higher may have an upper limit: a model that is too good probably has a leak.
    """

    kind: ClassVar[str] = "metric"
    needs: ClassVar[frozenset[Input]] = frozenset({"metrics"})

    metric: str
    better_than: str | None = None
    """Name of a baseline that must be beaten."""
    at_most: float | None = None
    at_least: float | None = None

    def require_possible(self) -> None:
        require_one_of(self.metric, tuple(METRICS), "Gate: metric=")
        given = [value for value in (self.better_than, self.at_most, self.at_least) if value is not None]
        one = require(len(given) == 1, f"Gate({self.metric!r}): give exactly one of better_than, at_most or at_least.")
        if self.better_than is not None:
            require_one_of(self.better_than, BASELINES, f"Gate({self.metric!r}): better_than=")
        elif one and self.metric in METRICS:
            self._require_possible_limit()

    def _require_possible_limit(self) -> None:
        limit = self.at_most if self.at_least is None else self.at_least
        assert limit is not None
        highest = METRICS[self.metric].upper_bound
        lowest = METRICS[self.metric].lower_bound
        say = f"Gate({self.metric!r}): {self.metric} lies between {lowest:g} and {highest:g}, so no model can be"
        field = "at_most" if self.at_least is None else "at_least"
        problem = f"Gate({self.metric!r}): the limit is {limit}; give a finite number."
        if not require(math.isfinite(limit), problem, field=field):
            return
        require(self.at_most is None or self.at_most >= lowest, f"{say} at most {limit:g}.", field=field)
        require(self.at_least is None or self.at_least <= highest, f"{say} at least {limit:g}.", field=field)

    @property
    def compared_baseline(self) -> str | None:
        return self.better_than

    def require_fit(self, limits: GateLimits, gates: Sequence[BaseGate]) -> None:
        super().require_fit(limits, gates)
        for other in gates:
            if not isinstance(other, Gate) or other.metric != self.metric:
                continue
            if self.at_least is not None and other.at_most is not None:
                require(
                    self.at_least <= other.at_most,
                    f"gates on {self.metric} contradict each other: at least {self.at_least:g} and at most"
                    f" {other.at_most:g}. No model can pass both.",
                )

    def __str__(self) -> str:
        if self.better_than is not None:
            return f"{self.metric} better than {self.better_than}"
        limit = f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"
        return f"{self.metric} {limit}"

    def judge(self, inputs: GateInputs, task: Task) -> list[GateResult]:
        """Compare the metric with its limit or with a baseline.

        It may equal the limit, but must beat the baseline.
        """
        name, metric = self.metric, METRICS[self.metric]
        value = _finite_metric(inputs, MODEL, name)
        limit = _finite_metric(inputs, self.better_than, name) if self.better_than else self.at_most
        limit = self.at_least if self.at_least is not None else limit
        if value is None or limit is None:
            lacking = f"the {self.better_than} baseline" if value is not None else "the model"
            reason = f"{lacking.capitalize()} has no {metric.label} in the test periods."
            return [self.result("inconclusive", reason, metric=name, value=value, limit=limit)]
        said, shown = metric.value_text(value, task), metric.value_text(limit, task)
        if self.better_than:
            higher = metric.higher_is_better
            passed = value > limit if higher else value < limit
            asked = f"it must be {'above' if higher else 'below'} the {self.better_than} baseline's {shown}"
        elif self.at_least is not None:
            passed, asked = value >= limit, f"at least {shown} is asked for"
        else:
            passed, asked = value <= limit, f"at most {shown} is allowed"
        reason = f"In {inputs.unit.counted(inputs.periods, 'test')} {metric.label} is {said}{but(passed)} {asked}."
        return [self.result(outcome_of(passed), reason, metric=name, value=value, limit=limit)]


def _finite_metric(inputs: GateInputs, subject: str, metric: str) -> float | None:
    value = inputs.metrics.get(subject, {}).get(metric)
    return value if value is not None and math.isfinite(value) else None
