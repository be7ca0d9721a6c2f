"""The result of one gate for one model, and the outcome of all of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from include.registry.tags import GATE

Kind = Literal["metric", "champion", "slice", "robustness", "serving", "schema", "leakage", "feature value"]


Summary = Literal["passed", "failed", "not judged"]


@dataclass(frozen=True)
class GateResult:
    """What one gate says of one model. `value` and `limit` are None where they are not known."""

    gate: str
    kind: Kind
    metric: str
    """What `value` and `limit` are of, or counted in."""
    value: float | None
    limit: float | None
    outcome: Outcome
    blocks: bool
    """Whether this verdict keeps the model from being promoted."""
    reason: str

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def overall_outcome(verdicts: Sequence[GateResult]) -> Summary:
    """All verdicts in one word. No verdict at all is a failure."""
    blocking = {verdict.outcome for verdict in verdicts if verdict.blocks}
    if not verdicts or "failed" in blocking:
        return "failed"
    return "not judged" if blocking else "passed"


def gate_tag(gate: str) -> str:
    """The tag of a run or version that holds the outcome of the gate of that name; MLflow takes few characters."""
    return GATE + re.sub(r"[^\w\-.: ]", "", gate)


Outcome = Literal["passed", "failed", "not judged", "reported"]
