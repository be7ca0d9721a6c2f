"""The result of one gate for one model, and the outcome of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Outcome = Literal["passed", "failed", "inconclusive", "informational"]
Summary = Literal["passed", "failed", "inconclusive"]
_EARLIER_WORDS = {
    "not judged": "inconclusive",
    "reported": "informational",
    "feature value": "unused_features",
}
"""Outcomes and kinds in records of earlier code. Records are signed and only appended, so they are never rewritten."""


@dataclass(frozen=True)
class GateResult:
    """What one gate says of one model. `value` and `limit` are None where they are not known."""

    gate: str
    kind: str
    """`kind` of the gate's class."""
    metric: str
    """What `value` and `limit` are of, or counted in."""
    value: float | None
    limit: float | None
    outcome: Outcome
    blocks: bool
    """Whether this result keeps the model from being promoted."""
    reason: str

    def to_json(self) -> dict[str, object]:
        """Return the fields as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> GateResult:
        """Return the result that `to_json` wrote, also of earlier code that used other words."""
        words = {name: _EARLIER_WORDS.get(values[name], values[name]) for name in ("kind", "outcome")}
        return cls(**{**values, **words})


def overall_outcome(results: Sequence[GateResult]) -> Summary:
    """Return all results in one word. No result at all is a failure."""
    blocking = {result.outcome for result in results if result.blocks}
    if not results or "failed" in blocking:
        return "failed"
    return "inconclusive" if blocking else "passed"


def outcome_of(passed: bool) -> Outcome:
    """Return the outcome of a gate that came to a decision."""
    return "passed" if passed else "failed"
