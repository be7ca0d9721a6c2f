"""Declare the costs of wrong decisions."""

from __future__ import annotations

from dataclasses import dataclass

from include.declaration.field_types import require_field_types
from include.declaration.problems import declared, require


@declared
@dataclass(frozen=True)
class DecisionCosts:
    """Costs of wrong decisions, both in `unit`; they determine the decision threshold."""

    false_negative: float
    false_positive: float
    unit: str

    def __post_init__(self) -> None:
        require_field_types(self)
        for cost in ("false_negative", "false_positive"):
            require(getattr(self, cost) > 0, f"DecisionCosts: {cost} must be above 0.", field=cost)

    @property
    def threshold(self) -> float:
        """Return the probability from which a row is positive.

        It is c_fp / (c_fp + c_fn) (Elkan 2001, eq. 2).
        """
        return self.false_positive / (self.false_positive + self.false_negative)


@declared
@dataclass(frozen=True)
class OrderCosts:
    """Costs of ordering the prediction, in `unit`, per unit too few and too many."""

    under: float
    over: float
    unit: str

    def __post_init__(self) -> None:
        require_field_types(self)
        for cost in ("under", "over"):
            require(getattr(self, cost) > 0, f"OrderCosts: {cost} must be above 0.", field=cost)

    @property
    def quantile(self) -> float:
        """Return the quantile that is the cheapest order: c_u / (c_u + c_o) (Arrow 1951)."""
        return self.under / (self.under + self.over)
