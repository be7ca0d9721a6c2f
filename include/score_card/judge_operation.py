"""Judge the tests about infrastructure and monitoring from the evidence."""

from __future__ import annotations

from include.model.metrics import METRICS
from include.monitoring.definitions import STALENESS
from include.score_card.definitions import Verdict
from include.score_card.evidence import Evidence
from include.score_card.gate_evidence import NO_CHAMPION, judge_gates, named

PIPELINE = ("ingest", "validate", "build_features", "train", "evaluate", "register", "promote", "score", "measure")
"""The steps that a use case runs from its data to its monitoring."""


def judge_reproducible(found: Evidence) -> Verdict:
    """Judge i1: the champion was trained again, with equal trees."""
    outcome = found.reproduced
    if outcome.startswith("equal"):
        remedy = "It is repeated by hand, once for each champion."
        return Verdict("manual", f"The champion was rebuilt from the registry alone: {outcome}.", remedy)
    remedy = f"Trigger {found.use_case.name}__reproduce with the champion's version."
    return Verdict("not met", f"The champion was not rebuilt with equal trees: {outcome or 'not tried'}.", remedy)


def judge_spec_tests(found: Evidence) -> Verdict:
    """Judge i2: the declaration is checked, and the model by its schema gate."""
    return judge_gates(found, "schema", "The declaration is checked whenever it is loaded.")


def judge_integration(found: Evidence) -> Verdict:
    """Judge i3: every step of the use case has run."""
    run = {str(cost.step) for cost in found.costs}
    missing = [step for step in PIPELINE if step not in run]
    if missing:
        return Verdict("not met", f"Never run: {named(missing)}.", f"airworthy check {found.use_case.name} PERIOD")
    newest = max(cost.period for cost in found.costs)
    remedy = "No test runs them on a copy of production after each change: let CI run `airworthy check`."
    return Verdict("manual", f"All {len(PIPELINE)} steps have run, the newest for {newest}.", remedy)


def judge_validated(found: Evidence) -> Verdict:
    """Judge i4: the champion's entry has gate results, and none blocks."""
    if found.entry is None:
        return Verdict("not met", NO_CHAMPION, "Train and promote a model.")
    results = found.entry.gate_results
    if not results or any(result["blocks"] for result in results):
        blocking = [result["gate"] for result in results if result["blocks"]]
        text = f"Entry {found.entry.number} of the ledger has {len(results)} gate results; blocking: {named(blocking)}."
        return Verdict("not met", text, "Train a model that passes its gates.")
    text = f"{len(results)} gate results are in entry {found.entry.number} of the ledger, by {found.entry.actor}."
    return Verdict("passed", text)


def judge_debuggable(found: Evidence) -> Verdict:
    """Judge i5: a prediction can be traced to its model, code and rows."""
    if found.scored is None:
        return Verdict("not met", "No period was scored yet.", f"Run {found.use_case.name}__score.")
    keys = " ".join(f"{key}=…" for key in found.use_case.keys)
    return Verdict("passed", f"airworthy lineage {found.use_case.name} {found.scored} {keys}")


def judge_canary(found: Evidence) -> Verdict:
    """Judge i6: a fresh process loaded the champion before its promotion."""
    return judge_gates(found, "serving", "A fresh process loads the model before its promotion.")


def judge_rollback(found: Evidence) -> Verdict:
    """Judge i7: a rollback was done, or there is a champion to go back to."""
    done = [entry for entry in found.entries if entry.action == "rollback"]
    if done:
        last = done[-1]
        return Verdict("passed", f"Rolled back to version {last.version} by {last.actor} on {last.recorded_at[:10]}.")
    versions = list(dict.fromkeys(entry.version for entry in found.entries if entry.makes_champion))
    if len(versions) > 1:
        remedy = f"Try {found.use_case.name}__rollback once."
        return Verdict("manual", f"Champions so far: {named(versions)}; no rollback was tried.", remedy)
    return Verdict("not met", "There is no earlier champion to go back to.", "Train and promote a second model.")


def judge_dependencies(found: Evidence) -> Verdict:
    """Judge o1: changes since the champion's training are listed."""
    if found.version is None:
        return Verdict("not met", NO_CHAMPION, "Train and promote a model.")
    changes = found.dependency_changes
    text = f"Changed since the champion's training: {named(changes)}" if changes else "Nothing changed since then."
    remedy = "Columns of feeds are compared at each ingestion, which alerts; libraries and features by this command."
    return Verdict("manual", f"A feed with other columns or types is refused, with an alert. {text}", remedy)


def judge_invariants(found: Evidence) -> Verdict:
    """Judge o2: the newest measured period has no breach about data."""
    if not found.measured:
        return Verdict("not met", "No period was measured yet.", f"Run {found.use_case.name}__monitor.")
    newest = found.measured[-1].period
    if broken := found.breaches("data", "scoring"):
        names = dict.fromkeys(f"{row.metric} of {row.subject}" for row in broken)
        return Verdict("not met", f"Broken on {newest}: {named(names)}.", "See the page and Data Docs.")
    return Verdict("passed", f"Rows, nulls and categories of {newest} are within their limits.")


def judge_skew(found: Evidence) -> Verdict:
    """Judge o3: trainings and scorings compute the same values."""
    return judge_gates(found, "serving", "One function builds the features of both.")


def judge_age(found: Evidence) -> Verdict:
    """Judge o4: the champion is younger than its declared limit."""
    rows = [row for row in found.newest(STALENESS, "model") if row.value is not None]
    if not rows or rows[-1].limit is None:
        remedy = "Declare Monitoring(max_age_periods=…), and run the DAG monitor."
        return Verdict("not met", "The age of the model is not measured against a limit.", remedy)
    row = rows[-1]
    text = f"{row.value:.0f} periods old on {row.period}, with a limit of {row.limit:.0f}."
    return Verdict("not met", text, "Train a new model.") if row.breached else Verdict("passed", text)


def judge_numeric(found: Evidence) -> Verdict:
    """Judge o5: no prediction is null, NaN or infinite."""
    if found.scored is None:
        return Verdict("not met", "No period was scored yet.", f"Run {found.use_case.name}__score.")
    text = f"Each period until {found.scored} has finite predictions: another is refused as a whole."
    return Verdict("passed", text)


def judge_computing(found: Evidence) -> Verdict:
    """Judge o6: no step takes more time or memory than usual."""
    judged = [cost for cost in found.costs if any(figure.limit is not None for figure in cost.figures)]
    if not {"train", "score"} & {str(cost.step) for cost in judged}:
        text = f"Measured steps: {named(cost.step for cost in found.costs)}; too few periods for a limit."
        return Verdict("not met", text, "Run more periods.")
    slow = [f"{cost.step} of {cost.period}" for cost in judged if any(figure.breached for figure in cost.figures)]
    if slow:
        return Verdict("not met", f"More than usual: {named(slow)}.", "See the page's costs.")
    return Verdict("passed", f"Within their limits: {named(cost.step for cost in judged)}.")


def judge_quality(found: Evidence) -> Verdict:
    """Judge o7: realised metrics are within their limits."""
    name = found.use_case.task.main_metric
    rows = [row for row in found.measured if row.metric.endswith(f"/{name}") and row.value is not None]
    if not rows:
        remedy = f"Run {found.use_case.name}__monitor for periods whose labels are known."
        return Verdict("not met", f"No {METRICS[name].label} of labelled predictions is measured yet.", remedy)
    if broken := found.breaches("performance"):
        names = dict.fromkeys(row.metric for row in broken)
        text = f"Broken on {broken[0].period}: {named(names)}."
        return Verdict("not met", text, f"See the decision of {found.use_case.name}__retrain.")
    return Verdict("passed", f"Measured until {rows[-1].measured_period}, within the declared limits.")
