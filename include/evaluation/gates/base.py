"""Define the base of all gates: name, inputs, validation, judgement, plot.

Use cases declare gates, so these modules import no numeric library when they are imported.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args

from include.declaration.field_types import require_field_types
from include.declaration.gates import require_one_of
from include.declaration.period import DAY, Unit
from include.declaration.problems import did_you_mean, require
from include.declaration.span import Span, Spanned
from include.evaluation.gates.result import GateResult, Outcome

if TYPE_CHECKING:
    from include.declaration.task import Task
    from include.evaluation.inputs import GateInputs

IfInconclusive = Literal["block", "pass"]
Input = Literal[
    "metrics",
    "features",
    "declared",
    "gains",
    "champion",
    "rows",
    "serving_check",
    "corruptions",
    "rebuilt_periods",
    "trial",
]
"""Fields of `GateInputs` that a gate can need."""


@dataclass(frozen=True)
class GateLimits:
    """Hold the properties of a use case that decide whether a gate can be judged."""

    columns: Sequence[str]
    """Keys and features that can group rows."""
    test_periods: int
    rebuildable_periods: int
    """Days of the shortest window that the leakage gate can build again."""
    task: Task
    unit: Unit = DAY


@dataclass(frozen=True, kw_only=True)
class BaseGate(ABC, Spanned):
    """Define a condition that a model must meet to be promoted.

    A new kind is a subclass in a module of its own, listed in `include.evaluation.gates.GATES` and exported by
    `include.use_case`.
    """

    kind: ClassVar[str]
    """Its name in records, equal to the name of its module."""
    needs: ClassVar[frozenset[Input]]
    """The inputs that `judge` reads; others may be missing."""
    untested: ClassVar[str] = ""
    """What the model card lists as not tested if no gate of this kind is declared; empty: nothing."""

    min_periods: Span = Span(1)
    """Test days with labels that are needed to judge; with fewer the gate is inconclusive."""
    if_inconclusive: IfInconclusive = "block"
    """Whether an inconclusive gate blocks the promotion."""

    def __post_init__(self) -> None:
        require_field_types(self)
        self.require_possible()
        self.check_counted_spans()
        require_one_of(self.if_inconclusive, get_args(IfInconclusive), f"{type(self).__name__}: if_inconclusive=")

    def check_spans(self) -> None:
        """Report a number of test periods below 1."""
        problem = f"{type(self).__name__}: min_periods must be at least 1."
        require(self.min_periods >= 1, problem, field="min_periods")

    @abstractmethod
    def __str__(self) -> str:
        """Return its condition, which must be unique among the gates of a use case."""

    @abstractmethod
    def judge(self, inputs: GateInputs, task: Task) -> list[GateResult]:
        """Return the gate's results for the model of `inputs`: one, or one per part."""

    def require_possible(self) -> None:
        """Check its own fields.

        Raises:
            ValueError: no model could pass it, or every model would.
        """

    def for_task(self, task: Task) -> Self:
        """Return the gate with the defaults of the task."""
        del task
        return self

    def require_fit(self, limits: GateLimits, gates: Sequence[BaseGate]) -> None:
        """Check it against its use case and the other gates.

        Raises:
            ValueError: it could never be judged, or no model could pass both it and another gate.
        """
        require(
            self.min_periods <= limits.test_periods,
            f"{self}: min_periods={self.min_periods} is more than the"
            f" {limits.unit.counted(limits.test_periods, 'test')}, so it could"
            " never be judged.",
        )
        self.require_task(limits.task)

    def require_task(self, task: Task) -> None:
        """Report a metric or a baseline that the task does not have."""
        metric, baseline = getattr(self, "metric", None), self.compared_baseline
        name = type(task).__name__
        problem = f"{self}: {metric!r} is not a metric of {name}; there are {list(task.metrics)}."
        require(metric is None or metric in task.metrics, problem, hint=did_you_mean(metric, task.metrics))
        problem = f"{self}: {baseline!r} is not a baseline of {name}; there are {list(task.baselines)}."
        require(baseline in (None, *task.baselines), problem, hint=f"Write {task.baselines[0]!r}.")

    @property
    def compared_baseline(self) -> str | None:
        """Return the baseline that it compares with; None if there is none."""
        return None

    @property
    def grouping_columns(self) -> tuple[str, ...]:
        """Return the columns that the test rows must have in addition to the features."""
        return ()

    @property
    def periods_to_rebuild(self) -> int:
        """Return the number of periods to build again."""
        return 0

    @property
    def can_block(self) -> bool:
        """Return whether it can block a promotion, or is only informational."""
        return True

    def trial_metric(self, task: Task) -> str | None:
        """Return the metric that it judges in a trial; None if it judges none."""
        del task
        return None

    def groups(self, inputs: GateInputs, task: Task) -> list[dict[str, Any]]:
        """Return the groups of rows that it compares, worst first.

        They are as `slices.json` lists them.
        """
        return []

    def plot(self, title: str, inputs: GateInputs, task: Task) -> bytes | None:
        """Return a plot of its comparison as PNG; None if there is none."""
        return None

    def result(
        self,
        outcome: Outcome,
        reason: str,
        *,
        metric: str = "",
        value: float | None = None,
        limit: float | None = None,
        part: str = "",
    ) -> GateResult:
        """Return a result of this gate; `part` names one of several results."""
        blocks = outcome == "failed" or (
            outcome == "inconclusive" and self.if_inconclusive == "block" and self.can_block
        )
        name = f"{self}: {part}" if part else str(self)
        return GateResult(name, self.kind, metric, value, limit, outcome, blocks, reason)

    def too_few_periods(self, inputs: GateInputs) -> GateResult | None:
        """Return an inconclusive result if too few test days have labels, or None."""
        if inputs.periods >= self.min_periods:
            return None
        reason = (
            f"There are labels of {inputs.unit.counted(inputs.periods, 'test')}; this gate needs {self.min_periods}."
        )
        return self.result("inconclusive", reason, metric=getattr(self, "metric", ""))
