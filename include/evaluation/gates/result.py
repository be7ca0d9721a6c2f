"""Define the result of a gate for a model, and the overall outcome."""

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
    """Hold a gate's result for one model.

    `value` and `limit` are None if unknown.
    """

    gate: str
    kind: str
    """`kind` of the gate's class."""
    metric: str
    """The metric or the unit of `value` and `limit`."""
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
        """Build the result from values of `to_json`, also of earlier code's words."""
        words = {name: _EARLIER_WORDS.get(values[name], values[name]) for name in ("kind", "outcome")}
        return cls(**{**values, **words})


def overall_outcome(results: Sequence[GateResult]) -> Summary:
    """Return the overall outcome. Without any result, it is a failure."""
    blocking = {result.outcome for result in results if result.blocks}
    if not results or "failed" in blocking:
        return "failed"
    return "inconclusive" if blocking else "passed"


def outcome_of(passed: bool) -> Outcome:
    """Return the outcome of a conclusive gate."""
    return "passed" if passed else "failed"
