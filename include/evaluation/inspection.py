"""How the gates on what a model is made of are judged: robustness, serving, schema, leakage and feature value."""

from __future__ import annotations

import math
from collections.abc import Sequence

from include.declaration.gates import (
    LEAST_TRIED,
    LeakageGate,
    RobustnessGate,
    SchemaGate,
    ServingGate,
    UnusedFeaturesGate,
)
from include.declaration.use_case import DecisionCosts
from include.evaluation.gates.result import GateFinding, outcome_word
from include.evaluation.inputs import GateInputs, RebuiltPeriod, ServingCheckResult
from include.registry.gate_result import Outcome
from include.wording import but, counted, listed, sentence


def judge_robustness(gate: RobustnessGate, evidence: GateInputs, _: DecisionCosts) -> list[GateFinding]:
    """The largest mean change of the probability that one bad feature made; anything that broke the model fails."""
    metric = "change of probability"
    if not evidence.perturbed:
        return [GateFinding(metric, "not judged", "No feature was made bad on purpose.", None, gate.at_most)]
    broken = [one for one in evidence.perturbed if one.error or not math.isfinite(one.change)]
    if broken:
        first, tried = broken[0], len(evidence.perturbed)
        said = sentence(first.error or "the probability changed by no finite number")
        reason = f"Of {counted(tried, 'bad input')} {len(broken)} broke the model. {first.feature} {first.how}: {said}"
        return [GateFinding(metric, "failed", reason, None, gate.at_most)]
    worst = max(evidence.perturbed, key=lambda one: one.change)
    passed = worst.change <= gate.at_most
    reason = (
        f"Of {counted(len(evidence.perturbed), 'bad input')} {worst.feature} {worst.how} moves the probability most,"
        f" by {worst.change:.4g} on average{but(passed)} at most {gate.at_most:g} is allowed."
    )
    return [GateFinding(metric, outcome_word(passed), reason, worst.change, gate.at_most)]


def judge_serving(gate: ServingGate, evidence: GateInputs, _: DecisionCosts) -> list[GateFinding]:
    """Three findings: the same scores bit for bit, time per row, size."""
    found = evidence.rehearsal
    if found is None:
        why = "The model was not loaded from the registry by a fresh process."
    elif found.error:
        why = f"A fresh process could not serve the model from the registry: {sentence(found.error)}"
    elif not found.rows:
        why = "The fresh process scored no row."
    else:
        why = ""
    limits = (
        ("microseconds per row", found.microseconds_per_row if found else math.nan, gate.at_most_microseconds),
        ("megabytes", found.megabytes if found else math.nan, gate.at_most_megabytes),
    )
    if found is None or why:
        said: Outcome = "failed" if found is not None and found.error else "not judged"
        first = GateFinding("differing rows", said, why, None, 0, "same scores")
        return [first, *(GateFinding(unit, "not judged", why, None, limit, unit) for unit, _, limit in limits)]
    return [_same_scores(found), *(_measured(unit, value, limit, found.rows) for unit, value, limit in limits)]


def _same_scores(found: ServingCheckResult) -> GateFinding:
    rows = counted(found.rows, "row")
    if found.differing:
        reason = f"Of {rows} scored by a fresh process {found.differing:,} differ from the scores in training."
    else:
        reason = f"A fresh process scored {rows} as in training, bit for bit."
    return GateFinding("differing rows", outcome_word(not found.differing), reason, found.differing, 0, "same scores")


def _measured(unit: str, value: float, limit: float, rows: int) -> GateFinding:
    if not math.isfinite(value):
        return GateFinding(unit, "not judged", f"The fresh process measured no {unit}.", None, limit, unit)
    passed = value <= limit
    found = f"A row took {value:.4g} microseconds, on average over {rows:,}" if unit != "megabytes" else ""
    reason = f"{found or f'The model has {value:.4g} megabytes'}{but(passed)} at most {limit:g} are allowed."
    return GateFinding(unit, outcome_word(passed), reason, value, limit, unit)


def judge_schema(gate: SchemaGate, evidence: GateInputs, _: DecisionCosts) -> list[GateFinding]:
    """How many features the model reads that are not declared so, or reads otherwise than the champion."""
    metric, reads, flying = "differing features", evidence.features, evidence.champion
    if not reads:
        return [GateFinding(metric, "not judged", "It is not known which features the model reads.", None, 0)]
    stray = {name for name, kind in reads.items() if evidence.declared.get(name) != kind}
    if stray:
        reason = f"The model reads {listed(stray)}, which the use case does not declare, or with another type."
        return [GateFinding(metric, "failed", reason, len(stray), 0)]
    if flying is None:
        return [GateFinding(metric, "not judged", "It was not found out which model flies on that day.", None, 0)]
    declared = f"All {counted(len(reads), 'feature')} are declared"
    if flying.version is None:
        return [GateFinding(metric, "passed", f"{declared}, and no model flies on that day yet.", 0, 0)]
    if not flying.features:
        why = f": {sentence(flying.why_not)}" if flying.why_not else "."
        reason = f"It is not known which features version {flying.version} reads{why}"
        return [GateFinding(metric, "not judged", reason, None, 0)]
    names = set(reads) | set(flying.features)
    other = {name for name in names if reads.get(name) != flying.features.get(name)}
    if unforeseen := other - gate.changed:
        reason = (
            f"{listed(unforeseen)} {'differs' if len(unforeseen) == 1 else 'differ'} from what version"
            f" {flying.version} reads. What is meant so belongs into the gate's `changed`."
        )
        return [GateFinding(metric, "failed", reason, len(unforeseen), 0)]
    meant = f", but for {listed(other)}, changed on purpose" if other else ""
    reason = f"{declared}, and are those that version {flying.version} reads{meant}."
    return [GateFinding(metric, "passed", reason, 0, 0)]


def judge_leakage(_gate: LeakageGate, evidence: GateInputs, _: DecisionCosts) -> list[GateFinding]:
    """Count what has seen the future: features, labels, quarantine decisions, and what was read besides.

    A day that could not be built again, or not to the same, is no proof and fails; one without rows is not judged.
    """
    metric, rebuilt = "leaks", evidence.rebuilt
    if not rebuilt:
        return [GateFinding(metric, "not judged", "No day was built again.", None, 0)]
    seen = {name for one in rebuilt for name in (*one.leaking, *one.read)}
    if seen:
        return [GateFinding(metric, "failed", _leaks(rebuilt), len(seen), 0)]
    for one in rebuilt:
        if why := _proves_nothing(one):
            return [GateFinding(metric, "failed", why, None, 0)]
    tried = [str(one.day) for one in rebuilt if one.rows]
    if len(tried) < LEAST_TRIED:
        empty = [str(one.day) for one in rebuilt if not one.rows]
        reason = f"Only {counted(len(tried), 'day')} could be tried, and {LEAST_TRIED} are needed."
        reason += f" Of {listed(empty)} there are no rows." if empty else ""
        return [GateFinding(metric, "not judged", reason, None, 0)]
    reason = (
        f"Everything that became known later was changed on {counted(len(tried), 'day')} ({listed(tried)}), and no"
        " feature, label or quarantine decision moved."
    )
    return [GateFinding(metric, "passed", reason, 0, 0)]


def _leaks(rebuilt: Sequence[RebuiltPeriod]) -> str:
    parts = []
    if leaking := {name for one in rebuilt for name in one.leaking}:
        days = listed([str(one.day) for one in rebuilt if one.leaking])
        parts.append(f"On {days} {listed(leaking)} changed when only what became known later was changed.")
    if read := {name for one in rebuilt for name in one.read}:
        days = listed([str(one.day) for one in rebuilt if one.read])
        parts.append(
            f"On {days} the use case's functions read {listed(read)}, which they were not given and which may know the"
            " future. Use the feeds that the functions are given; what they share with source.py belongs into a module"
            " of its own, constants into the use case's package."
        )
    return " ".join(parts)


def _proves_nothing(one: RebuiltPeriod) -> str:
    """Say why a day that was built again says nothing about leakage; empty if it does."""
    if one.error:
        return f"{one.day} could not be built again: {sentence(one.error)}"
    if one.non_deterministic:
        return (
            f"{one.day} is not the same when built twice from the same, so whether it leaks cannot be decided:"
            f" {listed(one.non_deterministic)}. Remove from the use case's functions what is left to chance: random"
            " numbers, the clock, the order of rows."
        )
    if one.outdated:
        return (
            f"What is stored of {one.day} was built by other code than there is now, or from what these functions are"
            " not given, so it proves nothing. Build it again with the use case's data DAG, then train again."
        )
    return ""


def judge_unused_features(gate: UnusedFeaturesGate, evidence: GateInputs, _: DecisionCosts) -> list[GateFinding]:
    """How many of the features that the model reads brought it no gain."""
    metric = "features without gain"
    if not evidence.gains or not evidence.features:
        return [GateFinding(metric, "not judged", "It is not known what each feature brought.", None, gate.at_most)]
    idle = [name for name in evidence.features if not evidence.gains.get(name, 0.0) > 0]
    found = f"{len(idle)} of {counted(len(evidence.features), 'feature')} brought no gain"
    found += f": {listed(idle)}" if idle else ""
    if gate.at_most is None:
        return [GateFinding(metric, "reported", f"{found}.", len(idle), None)]
    passed = len(idle) <= gate.at_most
    return [
        GateFinding(
            metric, outcome_word(passed), f"{found}{but(passed)} at most {gate.at_most} may.", len(idle), gate.at_most
        )
    ]
