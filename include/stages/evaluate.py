"""Evaluate: judge the declared gates by what a training run measured on its test days."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from include.logic import gates, metrics
from include.logic.gates import Verdict
from include.storage.models import Registry
from include.use_case import UseCase


@dataclass(frozen=True)
class EvaluateResult:
    """Every gate's verdict on a run; plain values."""

    run_id: str
    passed: bool
    verdicts: tuple[dict[str, Any], ...]


def run(use_case: UseCase, run_id: str) -> EvaluateResult:
    """Judge the run and keep the verdicts with it, as a JSON artifact and as tags.

    Raises NotReady for a run that broke half-way, BadRequest for one that is not there.
    """
    registry = Registry(use_case)
    recorded = registry.run(run_id).data
    verdicts = judge(use_case, metrics.of_split(recorded.metrics, "test"))
    values = [verdict.to_json() for verdict in verdicts]
    tags = {"verdicts": json.dumps(values), "passed": str(gates.airworthy(verdicts)).lower()}
    if any(recorded.tags.get(name) != value for name, value in tags.items()):
        registry.log_json(run_id, "verdicts.json", values)
        registry.log(run_id, tags=tags)
    return EvaluateResult(run_id, gates.airworthy(verdicts), tuple(values))


def judge(use_case: UseCase, test: dict[str, dict[str, float]]) -> list[Verdict]:
    """The verdicts of all gates. Gates that need more than test metrics get it, and are joined, here."""
    return gates.judge(use_case.gates, test)
