"""Gates: the declared conditions that a model must meet to be promoted, judged on its test days."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from include.logic.metrics import HIGHER_IS_BETTER
from include.use_case import Gate

MODEL = "model"
_COMPARE = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True)
class Verdict:
    """What one gate says of one model. `value` and `limit` are None where they are not known: that never passes."""

    gate: str
    metric: str
    value: float | None
    limit: float | None
    passed: bool
    reason: str

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def judge(gates: Sequence[Gate], metrics: Mapping[str, Mapping[str, float]]) -> list[Verdict]:
    """One verdict per gate, in order. `metrics` are of the test days: subject (`model` or a baseline) to its metrics.

    A gate whose numbers are missing or not finite is not passed, and a use case that declares no gate passes none:
    nothing is promoted by accident.
    """
    if not gates:
        return [Verdict("a gate is declared", "", None, None, False, "The use case declares no gate to pass.")]
    return [_judge(gate, metrics) for gate in gates]


def airworthy(verdicts: Sequence[Verdict]) -> bool:
    """Whether there are verdicts, and all are passed."""
    return bool(verdicts) and all(verdict.passed for verdict in verdicts)


def _judge(gate: Gate, metrics: Mapping[str, Mapping[str, float]]) -> Verdict:
    value = _number(metrics, MODEL, gate.metric)
    if gate.better_than is not None:
        limit, of = _number(metrics, gate.better_than, gate.metric), f" of {gate.better_than}"
        sign = ">" if HIGHER_IS_BETTER[gate.metric] else "<"
    else:
        limit, of = (gate.at_most if gate.at_least is None else gate.at_least), ""
        sign = "<=" if gate.at_least is None else ">="
    name = f"{gate.metric} {sign} {limit if gate.better_than is None else gate.better_than}"
    if value is None or limit is None:
        lacking = MODEL if value is None else gate.better_than
        return Verdict(name, gate.metric, value, limit, False, f"Not judged: {lacking} has no test {gate.metric}.")
    passed = _COMPARE[sign](value, limit)
    reason = f"Test {gate.metric} {value:.6g} is {'' if passed else 'not '}{sign} {limit:.6g}{of}."
    return Verdict(name, gate.metric, value, limit, passed, reason)


def _number(metrics: Mapping[str, Mapping[str, float]], subject: str, metric: str) -> float | None:
    value = metrics.get(subject, {}).get(metric)
    return value if value is not None and math.isfinite(value) else None
