"""What judging a gate finds, and the words that all reasons are made of."""

from __future__ import annotations

from dataclasses import dataclass

from include.registry.gate_result import Outcome


@dataclass(frozen=True)
class GateFinding:
    """A verdict without the gate's name."""

    metric: str
    """What `value` and `limit` are of, or counted in."""
    outcome: Outcome
    reason: str
    value: float | None = None
    limit: float | None = None
    part: str = ""
    """Which of a gate's several questions this answers."""


def outcome_word(passed: bool) -> Outcome:
    return "passed" if passed else "failed"
