"""What wrong decisions cost, as a use case declares it."""

from __future__ import annotations

from dataclasses import dataclass

from include.declaration.field_types import require_field_types
from include.declaration.problems import declared, require


@declared
@dataclass(frozen=True)
class DecisionCosts:
    """What a wrong decision costs, in any one unit; the decision threshold follows from it."""

    missed: float
    false_positive: float
    unit: str

    def __post_init__(self) -> None:
        require_field_types(self)
        for cost in ("missed", "false_positive"):
            require(getattr(self, cost) > 0, f"DecisionCosts: {cost} must be above 0.", field=cost)

    @property
    def threshold(self) -> float:
        """Warn from this probability on: c_false / (c_false + c_missed) (Elkan 2001, eq. 2)."""
        return self.false_positive / (self.false_positive + self.missed)
