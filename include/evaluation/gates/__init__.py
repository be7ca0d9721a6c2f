"""List the kinds of gates for a promotion. Each kind is one module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from include.declaration.problems import require
from include.evaluation.gates.base import BaseGate, GateLimits
from include.evaluation.gates.champion import ChampionGate
from include.evaluation.gates.leakage import LeakageGate
from include.evaluation.gates.metric import Gate
from include.evaluation.gates.robustness import RobustnessGate
from include.evaluation.gates.schema import SchemaGate
from include.evaluation.gates.serving import ServingGate
from include.evaluation.gates.shadow import ShadowGate
from include.evaluation.gates.slice import SliceGate
from include.evaluation.gates.unused_features import UnusedFeaturesGate

GATES: tuple[type[BaseGate], ...] = (
    Gate,
    ChampionGate,
    SliceGate,
    RobustnessGate,
    ServingGate,
    SchemaGate,
    LeakageGate,
    UnusedFeaturesGate,
    ShadowGate,
)
"""Every kind of gate, in the order in which the model card names what is not tested."""
GATE_KINDS: Mapping[str, type[BaseGate]] = {gate.kind: gate for gate in GATES}
"""Name in records to the kind of gate."""


def require_gates(gates: Sequence[BaseGate], limits: GateLimits) -> None:
    """Check the gates of a use case against it and against each other.

    Raises:
        ValueError: one is of a kind that is not listed in `GATES`, is declared twice, or does not fit.
    """
    unlisted = sorted({type(gate).__name__ for gate in gates if type(gate) not in GATES})
    require(not unlisted, f"gates of the kinds {unlisted} are not listed in include/evaluation/gates/__init__.py.")
    names = [str(gate) for gate in gates]
    twice = sorted({name for name in names if names.count(name) > 1})
    require(not twice, f"gates {twice} are declared twice.")
    for gate in gates:
        gate.require_fit(limits, gates)


def require_listed_kinds(kinds: Sequence[str]) -> None:
    """Check the kinds of results before they are recorded.

    Raises:
        ValueError: a kind is not listed in `GATES`.
    """
    unknown = sorted(set(kinds) - set(GATE_KINDS))
    require(not unknown, f"results of the kinds {unknown} cannot be recorded: there are gates {sorted(GATE_KINDS)}.")
