"""Judge a model by its gates, comparing on days new to the champion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from include.declaration.gates import CHAMPION, MODEL
from include.declaration.task import Task
from include.evaluation.gates.base import BaseGate
from include.evaluation.gates.result import GateResult
from include.evaluation.inputs import GateInputs, TestRows
from include.grammar import sentence
from include.model.period_arrays import to_starts


def judge_gates(gates: Sequence[BaseGate], inputs: GateInputs, task: Task) -> list[GateResult]:
    """Return the results of each gate, in the gates' order.

    A serving gate has three, any other gate has one. If inputs are missing, or cover too few days, the result is
    inconclusive. Without a declared gate, the result is a failure, so that nothing is promoted by accident.
    """
    if not gates:
        reason = "The use case declares no gate, so nothing speaks for this model."
        return [GateResult("a gate is declared", "metric", "", None, None, "failed", True, reason)]
    return [result for gate in gates for result in _judge_gate(gate, inputs, task)]


def _judge_gate(gate: BaseGate, inputs: GateInputs, task: Task) -> list[GateResult]:
    too_few = gate.too_few_periods(inputs)
    return [too_few] if too_few else gate.judge(inputs, task)


def rows_unseen_by_champion(gate: BaseGate, metric: str, inputs: GateInputs) -> npt.NDArray[np.bool_] | GateResult:
    """Return which test rows are of days that the champion has not seen, or a result."""
    champion, rows = inputs.champion, inputs.rows
    if champion is None:
        reason = "The champion of that period could not be determined."
        return gate.result("inconclusive", reason, metric=metric)
    if champion.version is None:
        return gate.result("passed", "There is no champion of that period yet to be worse than.", metric=metric)
    if champion.same:
        reason = f"This model is version {champion.version}, the champion of that period itself."
        return gate.result("passed", reason, metric=metric)
    if champion.why_not:
        reason = f"Version {champion.version}, the champion of that period, cannot score the test rows: "
        return gate.result("inconclusive", reason + sentence(champion.why_not), metric=metric)
    if rows is None or not (has_predictions(rows, MODEL) and has_predictions(rows, CHAMPION)):
        reason = f"The test rows have no predictions of this model, or none of version {champion.version}."
        return gate.result("inconclusive", reason, metric=metric)
    unseen: npt.NDArray[np.bool_] = ~np.isin(rows.periods, to_starts(champion.seen))
    periods, left = len(np.unique(rows.periods)), len(np.unique(rows.periods[unseen]))
    if left >= gate.min_periods:
        return unseen
    reason = (
        f"Of {inputs.unit.counted(periods, 'test')} {left} {'is' if left == 1 else 'are'} left to compare on, and"
        f" this gate"
        f" needs {gate.min_periods}: version {champion.version} has seen the other {periods - left}."
    )
    return gate.result("inconclusive", reason, metric=metric)


def has_predictions(rows: TestRows, subject: str) -> bool:
    """Return whether there are test rows and each has a prediction of the subject."""
    predicted = rows.predicted.get(subject)
    return predicted is not None and len(predicted) > 0 and bool(np.all(np.isfinite(predicted)))
