"""Judge the tests about features, data and model development."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.evaluation.gates.metric import Gate
from include.model.metrics import METRICS
from include.registry.tags import COMMIT, TUNED_BY
from include.score_card.definitions import Verdict
from include.score_card.evidence import Evidence
from include.score_card.gate_evidence import NO_CHAMPION, judge_gates, named
from include.score_card.staleness import DECLARED, NEVER, loss_of
from include.training.provenance import UNKNOWN


def judge_schema(found: Evidence) -> Verdict:
    """Judge d1: each feed has types and expectations, and was validated."""
    missing = [feed for feed, count in found.suites.items() if count == 0]
    unchecked = [feed for feed, period in found.validated.items() if period is None]
    if missing or unchecked:
        problem = f"No expectations: {named(missing)}. Never validated: {named(unchecked)}."
        return Verdict("not met", problem, f"Declare them in expectations.py, and run {found.use_case.name}__data.")
    counted = ", ".join(
        f"{feed} {count} expectations, validated until {found.validated[feed]}" for feed, count in found.suites.items()
    )
    return Verdict("passed", f"Columns and types are checked exactly; {counted}.")


def judge_benefit(found: Evidence) -> Verdict:
    """Judge d2: no feature is without gain in the champion's trees."""
    results = [result for result in found.gate_results if result["kind"] == "unused_features"]
    if not results:
        return Verdict(
            "not met", f"No result of UnusedFeaturesGate. {_no_champion(found)}".strip(), "Declare the gate."
        )
    unused = results[0]["value"]
    if unused:
        return Verdict("not met", f"{results[0]['reason']}", "Remove these features, or keep them with a reason.")
    return Verdict("passed", f"{results[0]['reason']}")


def judge_feature_cost(found: Evidence) -> Verdict:
    """Judge d3: no processor time is spent on features of no importance.

    One query builds all features, so a feature's cost is an equal share of the step.
    """
    costs = [row["cpu_seconds"] for row in found.features if row["cpu_seconds"] is not None]
    if not costs:
        return Verdict("not met", "The step build_features was not measured yet.", f"Run {found.use_case.name}__data.")
    idle = [row["feature"] for row in found.features if row["importance"] == 0]
    text = f"An equal share of build_features: {costs[0]:.3g} CPU seconds per feature and period."
    slow = [cost for cost in found.costs if cost.step == "build_features" and any(f.breached for f in cost.figures)]
    if slow:
        return Verdict("not met", f"{text} The step took more than usual on {slow[0].period}.", "See the page's costs.")
    if idle:
        return Verdict("not met", f"{text} Without any importance: {named(idle)}.", "Remove these features.")
    return Verdict("passed", text)


def judge_meta(found: Evidence) -> Verdict:
    """Judge d4: each feature is described, owned, and built without the future."""
    bare = [row["feature"] for row in found.features if not row["description"]]
    if bare:
        remedy = "Declare Feature(type, description=…) for each."
        return Verdict("not met", f"{len(bare)} of {len(found.features)} without a description: {named(bare)}.", remedy)
    return judge_gates(found, "leakage", "Each has an owner and a description.")


def judge_privacy(found: Evidence) -> Verdict:
    """Judge d5: each feed declares its personal columns, or that it has none."""
    silent = [feed.name for feed in found.use_case.feeds if feed.personal is None]
    if silent:
        return Verdict("not met", f"Not declared: {named(silent)}.", "Declare Feed(…, personal=(…)), or personal=().")
    columns = sorted(found.use_case.personal_columns)
    text = f"Personal: {named(columns)}; masked in all that people read." if columns else "No column is personal."
    return Verdict("passed", text)


def judge_new_features(found: Evidence) -> Verdict:
    """Judge d6, which nothing measures."""
    del found
    return Verdict(
        "not available", "Nothing measures the time from an idea to a feature in use.", "Measure it yourself."
    )


def judge_feature_code(found: Evidence) -> Verdict:
    """Judge d7: trainings run the feature code on changed data."""
    return judge_gates(found, "leakage", "Each training runs the feature code on changed data.")


def judge_review(found: Evidence) -> Verdict:
    """Judge m1: the champion names the commit of its declaration."""
    if found.version is None:
        return Verdict("not met", NO_CHAMPION, "Train and promote a model.")
    commit = found.version.tags.get(COMMIT, UNKNOWN)
    if commit.startswith(UNKNOWN) or "+" in commit:
        remedy = "Train from committed code, or set AIRWORTHY_COMMIT in the image."
        return Verdict("not met", f"The champion was trained from uncommitted code: {commit}.", remedy)
    remedy = "Whether the commit was reviewed is known by the repository alone."
    return Verdict("manual", f"The declaration is code, and the champion's is in commit {commit}.", remedy)


def judge_correlation(found: Evidence) -> Verdict:
    """Judge m2: the realised cost is not worse than measured offline."""
    compared = {row["metric"]: row for row in found.offline_and_realised()}
    task = found.use_case.task
    name = task.cost_metric if task.cost_metric in compared else task.main_metric
    if name not in compared:
        remedy = f"Run {found.use_case.name}__monitor for periods whose labels are known."
        return Verdict("not met", "The champion's realised metrics are not measured yet.", remedy)
    row, metric = compared[name], METRICS[name]
    text = (
        f"{metric.label}: {row['offline']:.4g} on the test days, {row['realised']:.4g} realised in the"
        f" {row['periods']} periods until {row['until']}."
    )
    if broken := found.breaches("performance"):
        remedy = "Compare the window with the test days on the page."
        return Verdict("not met", f"{text} The limit of {broken[0].metric} is broken.", remedy)
    limits = [each.name for each in found.use_case.monitoring.limits]
    if not limits:
        return Verdict("manual", f"{text} No limit of performance is declared.", "Declare Monitoring(performance=…).")
    return Verdict("passed", f"{text} Compared with the test days after each period: {named(limits)}.")


def judge_tuning(found: Evidence) -> Verdict:
    """Judge m3: a study chose the champion's parameters."""
    study = found.version.tags.get(TUNED_BY, "") if found.version else ""
    if study:
        remedy = "A study runs only on request: it is repeated by hand."
        return Verdict("manual", f"The study {study} chose the champion's parameters.", remedy)
    remedy = f"Trigger {found.use_case.name}__train with tune_trials."
    return Verdict("not met", "The champion's parameters are the declared ones.", remedy)


def judge_staleness(found: Evidence) -> Verdict:
    """Judge m4: a backtest of a model that is never replaced is kept."""
    kept = found.staleness
    if kept is None:
        remedy = f"airworthy score-card {found.use_case.name} --staleness"
        return Verdict("not met", "No backtest of a model that is never replaced is kept.", remedy)
    remedy = "A backtest runs only on request: it is repeated by hand."
    return Verdict("manual", _staleness_text(kept), remedy)


def judge_simpler(found: Evidence) -> Verdict:
    """Judge m5: the champion is better than every baseline of its gates."""
    baselines = [gate.better_than for gate in found.use_case.gates if isinstance(gate, Gate) and gate.better_than]
    if not set(baselines) & set(found.use_case.task.baselines[1:]):
        simplest = found.use_case.task.baselines[-1]
        return Verdict(
            "not met", "No gate compares with a simpler model.", f"Declare Gate(…, better_than={simplest!r})."
        )
    return judge_gates(found, "metric", f"Compared with {named(dict.fromkeys(baselines))}.")


def judge_slices(found: Evidence) -> Verdict:
    """Judge m6: the champion is good enough on every declared slice."""
    return judge_gates(found, "slice", "")


def judge_inclusion(found: Evidence) -> Verdict:
    """Judge m7, which nothing tests."""
    del found
    remedy = "Declare SliceGate for groups of people, if the data may name them, and judge its results yourself."
    return Verdict("not available", "Nothing tests whether the model treats groups of people differently.", remedy)


def _staleness_text(kept: Mapping[str, Any]) -> str:
    label = METRICS[kept["metric"]].label
    text = f"{kept['first']} to {kept['last']}: {label} {loss_of(kept, NEVER):.4g} with a model that is never replaced"
    if DECLARED in kept["policies"]:
        text += f", {loss_of(kept, DECLARED):.4g} with the declared policy"
    return f"{text} (measured {kept['recorded_at'][:10]})."


def _no_champion(found: Evidence) -> str:
    return "" if found.gate_results else NO_CHAMPION
