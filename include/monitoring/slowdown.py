"""Decide whether a step cost more than usual for its amount of work."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_PERIODS = 3
"""With fewer earlier periods, the usual cost is unknown."""


@dataclass(frozen=True)
class CostFigure:
    """Hold one measured cost of a step and its limit; None if not known yet."""

    metric: str
    value: float
    usual: float | None = None
    limit: float | None = None
    breached: bool | None = None
    missing_reason: str = ""
    """Why it cannot be judged; empty if there were only too few earlier periods."""


def judge_cost(
    figure: CostFigure,
    amount: int | None,
    earlier: Sequence[tuple[float, int | None]],
    max_slowdown: float,
    *,
    negligible: float = 0.0,
    base: float = 0.0,
) -> CostFigure:
    """Compare a cost with those of earlier periods, which are given as (cost, amount).

    The usual cost is the larger of two: the median, and the median per unit of the amount for this amount. So neither a
    small period, whose cost is mostly fixed, nor a large one is a breach. A breach is more than `max_slowdown` times
    the usual cost, and more than `negligible` above it. `base` is a part of the value that is not compared; the earlier
    costs are without it. Nothing is judged without any work (amount 0), or with fewer than 3 earlier periods. Without
    an amount (None) the costs themselves are compared.
    """
    comparable = [(cost, of) for cost, of in earlier if amount is None or of]
    if amount == 0 or len(comparable) < LEAST_PERIODS:
        return figure
    usual = statistics.median(cost for cost, _ in comparable)
    if amount is not None:
        usual = max(usual, statistics.median(cost / of for cost, of in comparable if of) * amount)
    limit = base + max(max_slowdown * usual, usual + negligible)
    return CostFigure(figure.metric, figure.value, base + usual, limit, figure.value > limit)
