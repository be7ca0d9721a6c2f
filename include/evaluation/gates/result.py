"""What judging a gate finds, and the words that all reasons are made of."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["passed", "failed", "not judged", "reported"]
MODEL = "model"
"""The model that is judged, as a subject of metrics and predictions."""
_NAMED = 5
"""So many names stand in a reason; the rest is counted."""


@dataclass(frozen=True)
class Finding:
    """A verdict without the gate's name."""

    metric: str
    """What `value` and `limit` are of, or counted in."""
    outcome: Outcome
    reason: str
    value: float | None = None
    limit: float | None = None
    part: str = ""
    """Which of a gate's several questions this answers."""


def outcome(passed: bool) -> Outcome:
    return "passed" if passed else "failed"


def but(passed: bool) -> str:
    """How what is asked for is joined to what was found."""
    return ";" if passed else ", but"


def counted(number: int, noun: str) -> str:
    """`1 day`, `1,200 days`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Collection[str]) -> str:
    """The names in order, the first few of many."""
    shown = ", ".join(sorted(names)[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def sentence(text: str) -> str:
    """Somebody else's words, ending as a sentence does."""
    return f"{text.strip().rstrip('.')}."
