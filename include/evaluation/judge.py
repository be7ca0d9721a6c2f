"""Gates: the declared conditions that a model must meet to be promoted, judged by the evidence of its test days."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from include.declaration.gates import (
    AnyGate,
    ChampionGate,
    Gate,
    LeakageGate,
    RobustnessGate,
    SchemaGate,
    ServingGate,
    SliceGate,
    UnusedFeaturesGate,
)
from include.declaration.use_case import DecisionCosts
from include.evaluation import inspection, judging
from include.evaluation.gates.result import GateFinding
from include.evaluation.inputs import GateInputs
from include.registry.gate_result import GateResult, Kind

_Judge = Callable[[Any, GateInputs, DecisionCosts], list[GateFinding]]
_JUDGES: Mapping[type[AnyGate], tuple[Kind, _Judge]] = {
    Gate: ("metric", judging.judge_metric),
    ChampionGate: ("champion", judging.judge_against_champion),
    SliceGate: ("slice", judging.judge_slice),
    RobustnessGate: ("robustness", inspection.judge_robustness),
    ServingGate: ("serving", inspection.judge_serving),
    SchemaGate: ("schema", inspection.judge_schema),
    LeakageGate: ("leakage", inspection.judge_leakage),
    UnusedFeaturesGate: ("feature value", inspection.judge_unused_features),
}


def judge_gates(gates: Sequence[AnyGate], evidence: GateInputs, costs: DecisionCosts) -> list[GateResult]:
    """The verdicts of each gate, in the gates' order; a serving gate gives three, any other one.

    What was not found out, or not on enough days, is not judged. A use case that declares no gate passes none:
    nothing is promoted by accident.
    """
    if not gates:
        reason = "The use case declares no gate, so nothing speaks for this model."
        return [GateResult("a gate is declared", "metric", "", None, None, "failed", True, reason)]
    return [verdict for gate in gates for verdict in _verdicts(gate, evidence, costs)]


def _verdicts(gate: AnyGate, evidence: GateInputs, costs: DecisionCosts) -> list[GateResult]:
    kind, judged_by = _JUDGES[type(gate)]
    too_few = judging.too_few_days(gate, evidence)
    only_reports = isinstance(gate, UnusedFeaturesGate) and gate.at_most is None
    blocking = {"failed": True, "not judged": gate.unjudged == "blocks" and not only_reports}
    return [
        GateResult(
            gate=f"{gate}: {found.part}" if found.part else str(gate),
            kind=kind,
            metric=found.metric,
            value=found.value,
            limit=found.limit,
            outcome=found.outcome,
            blocks=blocking.get(found.outcome, False),
            reason=found.reason,
        )
        for found in ([too_few] if too_few else judged_by(gate, evidence, costs))
    ]
