"""How the gates on test rows are judged: metrics, the comparison with the champion, and slices."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.declaration.gates import (
    ALL_ROWS,
    CHAMPION,
    MODEL,
    AnyGate,
    ChampionGate,
    Gate,
    SliceGate,
)
from include.declaration.use_case import DecisionCosts
from include.evaluation.gates.result import GateFinding, outcome_word
from include.evaluation.inputs import ChampionInputs, GateInputs, TestRows
from include.model import bootstrap, metrics, slices
from include.model.arrays import Numbers
from include.model.metrics import METRICS
from include.wording import but, counted, sentence


def too_few_days(gate: AnyGate, evidence: GateInputs) -> GateFinding | None:
    """That the test days with labels are too few for the gate; None if they are enough."""
    if evidence.days >= gate.min_days:
        return None
    reason = f"There are labels of {counted(evidence.days, 'test day')}; this gate needs {gate.min_days}."
    return GateFinding(getattr(gate, "metric", ""), "not judged", reason)


def judge_metric(gate: Gate, evidence: GateInputs, _: DecisionCosts) -> list[GateFinding]:
    """The metric against its limit; a limit itself is within the limit, a baseline must be beaten."""
    name, better_than = gate.metric, gate.better_than
    value = _measured(evidence, MODEL, name)
    limit = _measured(evidence, better_than, name) if better_than else gate.at_most
    limit = gate.at_least if gate.at_least is not None else limit
    if value is None or limit is None:
        lacking = f"the {better_than} baseline" if value is not None else "the model"
        reason = f"Of {lacking} there is no {METRICS[name].label} on the test days."
        return [GateFinding(name, "not judged", reason, value, limit)]
    if better_than:
        higher = METRICS[name].higher_is_better
        passed = value > limit if higher else value < limit
        asked = f"it must be {'above' if higher else 'below'} the {better_than} baseline's {limit:.6g}"
    elif gate.at_least is not None:
        passed, asked = value >= limit, f"at least {limit:.6g} is asked for"
    else:
        passed, asked = value <= limit, f"at most {limit:.6g} is allowed"
    reason = f"On {counted(evidence.days, 'test day')} {METRICS[name].label} is {value:.6g}{but(passed)} {asked}."
    return [GateFinding(name, outcome_word(passed), reason, value, limit)]


def judge_against_champion(gate: ChampionGate, evidence: GateInputs, costs: DecisionCosts) -> list[GateFinding]:
    """The upper confidence bound of the mean difference to the champion against the margin.

    Only on test days that the champion has not seen. With a margin of 0 the bound must lie strictly below.
    """
    compared = compare_with_champion(gate, evidence, costs)
    if isinstance(compared, GateFinding):
        return [compared]
    flying, found = evidence.champion, compared.difference
    assert flying is not None
    passed = found.upper < 0 if gate.margin == 0 else found.upper <= gate.margin
    value = found.upper if math.isfinite(found.upper) else None
    reason = _compared(gate, found, flying, passed)
    return [GateFinding(gate.metric, outcome_word(passed), reason, value, gate.margin)]


@dataclass(frozen=True)
class Comparison:
    """Challenger minus champion on the rows of days that the champion has not seen: each row's, and over all."""

    days: npt.NDArray[np.datetime64]
    differences: Numbers
    difference: bootstrap.PairedDifference


def compare_with_champion(gate: ChampionGate, evidence: GateInputs, costs: DecisionCosts) -> Comparison | GateFinding:
    """The comparison that a gate judges, or a finding where there is nothing to compare."""
    unseen = _unseen_by_champion(gate, gate.metric, evidence)
    if isinstance(unseen, GateFinding):
        return unseen
    rows = evidence.rows
    assert rows is not None
    own, other = (
        metrics.losses(gate.metric, rows.labels[unseen], rows.predicted[subject][unseen], costs)
        for subject in (MODEL, CHAMPION)
    )
    days, differences = rows.days[unseen], own - other
    return Comparison(days, differences, bootstrap.paired_differences(days, differences, confidence=gate.confidence))


def _compared(gate: ChampionGate, found: bootstrap.PairedDifference, flying: ChampionInputs, passed: bool) -> str:
    mean = f"{abs(found.mean):.4g} {'lower' if found.mean < 0 else 'higher'} than" if found.mean else "that of"
    sure = f"with {100 * gate.confidence:g}% confidence"
    if not math.isfinite(found.upper):
        bound = f"{sure} it has no bound"
    elif found.upper < 0:
        bound = f"{sure} at least {-found.upper:.4g} lower"
    else:
        bound = f"{sure} it may be up to {found.upper:.4g} higher"
    if gate.margin > 0:
        asked = f" At most {gate.margin:g} higher is allowed."
    elif gate.margin < 0:
        asked = f" At least {-gate.margin:g} lower is asked for."
    else:
        asked = "" if passed else " It must be lower beyond doubt."
    version = f"version {flying.version}" + ("'s" if found.mean else "")
    return f"On {counted(found.days, 'day')} {METRICS[gate.metric].label} is {mean} {version}; {bound}.{asked}"


def _unseen_by_champion(gate: AnyGate, name: str, evidence: GateInputs) -> npt.NDArray[np.bool_] | GateFinding:
    """Which test rows are of days that the champion has not seen; a finding where there is nothing to compare."""
    flying, rows = evidence.champion, evidence.rows
    if flying is None:
        return GateFinding(name, "not judged", "It was not found out which model flies on that day.")
    if flying.version is None:
        return GateFinding(name, "passed", "No model flies on that day yet, so there is none to be worse than.")
    if flying.same:
        return GateFinding(name, "passed", f"This model is version {flying.version}, which flies on that day itself.")
    if flying.why_not:
        reason = f"Version {flying.version}, which flies on that day, cannot score the test rows: "
        return GateFinding(name, "not judged", reason + sentence(flying.why_not))
    if rows is None or not (_scored(rows, MODEL) and _scored(rows, CHAMPION)):
        reason = f"The test rows have no probabilities of this model, or none of version {flying.version}."
        return GateFinding(name, "not judged", reason)
    unseen = ~np.isin(rows.days.astype("datetime64[D]"), np.array(flying.seen, dtype="datetime64[D]"))
    every, left = len(np.unique(rows.days)), len(np.unique(rows.days[unseen]))
    if left >= gate.min_days:
        return unseen
    reason = (
        f"Of {counted(every, 'test day')} {left} {'is' if left == 1 else 'are'} left to compare on, and this gate needs"
        f" {gate.min_days}: version {flying.version} has seen the other {every - left}."
    )
    return GateFinding(name, "not judged", reason)


def judge_slice(gate: SliceGate, evidence: GateInputs, costs: DecisionCosts) -> list[GateFinding]:
    """How much worse the worst group with enough rows is than what the gate names, against the limit."""
    found = slice_comparisons(gate, evidence, costs)
    return [found if isinstance(found, GateFinding) else _worst(gate, found)]


def slice_comparisons(gate: SliceGate, evidence: GateInputs, costs: DecisionCosts) -> slices.SliceMetrics | GateFinding:
    """The groups that a gate judges, or a finding where there are none to judge."""
    name, rows = gate.metric, evidence.rows
    chosen: npt.NDArray[np.bool_] | GateFinding = np.array(True)
    if gate.than == CHAMPION:
        chosen = _unseen_by_champion(gate, name, evidence)
    if isinstance(chosen, GateFinding):
        return chosen
    other = MODEL if gate.than == ALL_ROWS else gate.than
    lacking = [subject for subject in (MODEL, other) if rows is None or not _scored(rows, subject)]
    if rows is None or lacking:
        return GateFinding(name, "not judged", f"The test rows have no probabilities of the {lacking[0]}.")
    if gate.column not in rows.columns.column_names:
        return GateFinding(name, "not judged", f"The test rows have no column {gate.column}.")
    taken = np.flatnonzero(np.broadcast_to(chosen, rows.labels.shape))
    labels, own = rows.labels[taken], rows.predicted[MODEL][taken]
    than = metrics.compute_metric(name, labels, own, costs) if other == MODEL else rows.predicted[other][taken]
    if than is None:
        return GateFinding(name, "not judged", f"Of all rows there is no {METRICS[name].label}.")
    column = rows.columns[gate.column].take(taken)
    return slices.slice_metrics(column, labels, own, name, than=than, costs=costs, min_rows=gate.min_rows)


def _worst(gate: SliceGate, found: slices.SliceMetrics) -> GateFinding:
    aside = f" {counted(len(found.small), 'group')} had fewer than {gate.min_rows:,} rows." if found.small else ""
    if found.undefined:
        aside += f" In {counted(len(found.undefined), 'group')} {METRICS[gate.metric].label} is not defined."
    if not found.judged:
        reason = f"No group by {gate.column} could be judged.{aside}"
        return GateFinding(gate.metric, "not judged", reason, None, gate.at_most_worse)
    worst = found.judged[0]
    passed = worst.worse <= gate.at_most_worse
    than = f"the {worst.compared:.4g} of {'all rows' if gate.than == ALL_ROWS else f'the {gate.than} there'}"
    how = f"{abs(worst.worse):.4g} {'worse' if worst.worse >= 0 else 'better'} than {than}"
    reason = (
        f"Worst of {counted(len(found.judged), 'group')} is {gate.column} {worst.name} with {worst.rows:,} rows:"
        f" {METRICS[gate.metric].label} {worst.value:.4g}, {how}{but(passed)} at most {gate.at_most_worse:g} worse is"
        f" allowed.{aside}"
    )
    return GateFinding(gate.metric, outcome_word(passed), reason, worst.worse, gate.at_most_worse)


def _measured(evidence: GateInputs, subject: str, metric: str) -> float | None:
    value = evidence.metrics.get(subject, {}).get(metric)
    return value if value is not None and math.isfinite(value) else None


def _scored(rows: TestRows, subject: str) -> bool:
    """Whether there are test rows and each has a probability of the subject."""
    found = rows.predicted.get(subject)
    return found is not None and len(found) > 0 and bool(np.all(np.isfinite(found)))
