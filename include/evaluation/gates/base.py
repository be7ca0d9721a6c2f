"""What every kind of gate has: its name in records, what it needs, how it is checked, judged and drawn.

Use cases declare gates, so these modules import no numeric library when they are imported.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from include.declaration.field_types import require_field_types
from include.declaration.gates import require_one_of
from include.declaration.problems import require
from include.evaluation.gates.result import GateResult, Outcome
from include.wording import counted

if TYPE_CHECKING:
    from include.declaration.costs import DecisionCosts
    from include.evaluation.inputs import GateInputs

IfInconclusive = Literal["block", "pass"]
Input = Literal[
    "metrics", "features", "declared", "gains", "champion", "rows", "serving_check", "corruptions", "rebuilt_periods"
]
"""Fields of `GateInputs` that a gate can need."""


@dataclass(frozen=True)
class GateLimits:
    """What of a use case decides whether a gate can ever be judged."""

    columns: Sequence[str]
    """Keys and features by whose values rows can be grouped."""
    test_periods: int
    rebuildable_days: int
    """Days of the shortest window that the leakage gate can build again."""


@dataclass(frozen=True, kw_only=True)
class BaseGate(ABC):
    """A condition that a model must meet to be promoted.

    A new kind is a subclass in a module of its own, listed in `include.evaluation.gates.GATES` and exported by
    `include.use_case`.
    """

    kind: ClassVar[str]
    """Its name in records; that of its module."""
    needs: ClassVar[frozenset[Input]]
    """What `judge` reads of its inputs; other parts may be missing."""
    untested: ClassVar[str] = ""
    """What the model card says is not tested where no gate of this kind is declared; empty: nothing."""

    min_periods: int = 1
    """Test days with labels that it takes to judge; with fewer the gate is inconclusive."""
    if_inconclusive: IfInconclusive = "block"
    """Whether a gate without a conclusion keeps the model from being promoted."""

    def __post_init__(self) -> None:
        require_field_types(self)
        self.require_possible()
        kind = type(self).__name__
        require(self.min_periods >= 1, f"{kind}: min_periods is a number of days from 1 on.", field="min_periods")
        require_one_of(self.if_inconclusive, get_args(IfInconclusive), f"{kind}: if_inconclusive=")

    @abstractmethod
    def __str__(self) -> str:
        """Return what it asks for; no two gates of a use case may say the same."""

    @abstractmethod
    def judge(self, inputs: GateInputs, costs: DecisionCosts) -> list[GateResult]:
        """Return the gate's results for the model that `inputs` is about: one, or one for each of its questions."""

    def require_possible(self) -> None:  # noqa: B027 - most kinds have fields to check, not all
        """Check its own fields.

        Raises:
            ValueError: no model could pass it, or every model would.
        """

    def require_fit(self, limits: GateLimits, gates: Sequence[BaseGate]) -> None:
        """Check it against its use case, and against the other gates of that.

        Raises:
            ValueError: it could never be judged there, or no model could pass it and another gate.
        """
        require(
            self.min_periods <= limits.test_periods,
            f"{self}: min_periods={self.min_periods} is more than the {limits.test_periods} test days, so it could"
            f" never be"
            " judged.",
        )

    @property
    def grouping_columns(self) -> tuple[str, ...]:
        """Columns that the test rows must have besides the features."""
        return ()

    @property
    def periods_to_rebuild(self) -> int:
        """How many periods it wants built again."""
        return 0

    @property
    def can_block(self) -> bool:
        """Whether it asks for anything, or only informs."""
        return True

    def groups(self, inputs: GateInputs, costs: DecisionCosts) -> list[dict[str, Any]]:
        """Return the groups of rows that it compares, worst first, as `slices.json` lists them."""
        return []

    def plot(self, title: str, inputs: GateInputs, costs: DecisionCosts) -> bytes | None:
        """Return a drawing of what it compares, as PNG; None where there is none."""
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
        """Return a result of this gate; `part` says which of its several questions it answers."""
        blocks = outcome == "failed" or (
            outcome == "inconclusive" and self.if_inconclusive == "block" and self.can_block
        )
        name = f"{self}: {part}" if part else str(self)
        return GateResult(name, self.kind, metric, value, limit, outcome, blocks, reason)

    def too_few_days(self, inputs: GateInputs) -> GateResult | None:
        """Return that the test days with labels are too few to judge; None if they are enough."""
        if inputs.days >= self.min_periods:
            return None
        reason = f"There are labels of {counted(inputs.days, 'test day')}; this gate needs {self.min_periods}."
        return self.result("inconclusive", reason, metric=getattr(self, "metric", ""))
