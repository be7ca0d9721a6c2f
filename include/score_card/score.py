"""Compute the score card of a use case."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from include.project import Project
from include.score_card import judge_data as data
from include.score_card import judge_operation as operation
from include.score_card.definitions import ScoreCard, Verdict
from include.score_card.evidence import Evidence, collect_evidence

JUDGES: Mapping[str, Callable[[Evidence], Verdict]] = {
    "d1": data.judge_schema,
    "d2": data.judge_benefit,
    "d3": data.judge_feature_cost,
    "d4": data.judge_meta,
    "d5": data.judge_privacy,
    "d6": data.judge_new_features,
    "d7": data.judge_feature_code,
    "m1": data.judge_review,
    "m2": data.judge_correlation,
    "m3": data.judge_tuning,
    "m4": data.judge_staleness,
    "m5": data.judge_simpler,
    "m6": data.judge_slices,
    "m7": data.judge_inclusion,
    "i1": operation.judge_reproducible,
    "i2": operation.judge_spec_tests,
    "i3": operation.judge_integration,
    "i4": operation.judge_validated,
    "i5": operation.judge_debuggable,
    "i6": operation.judge_canary,
    "i7": operation.judge_rollback,
    "o1": operation.judge_dependencies,
    "o2": operation.judge_invariants,
    "o3": operation.judge_skew,
    "o4": operation.judge_age,
    "o5": operation.judge_numeric,
    "o6": operation.judge_computing,
    "o7": operation.judge_quality,
}
"""Id of each test to the function that judges it."""


def score_use_case(project: Project) -> ScoreCard:
    """Judge a use case by every test; read only.

    Raises:
        MlflowUnreachableError: MLflow does not answer.
        LedgerCorruptedError: the ledger is damaged.
    """
    return judge_evidence(collect_evidence(project))


def judge_evidence(found: Evidence) -> ScoreCard:
    """Return the score card of the evidence."""
    return ScoreCard(
        use_case=found.use_case.name,
        period=found.period.key,
        version="" if found.entry is None else found.entry.version,
        verdicts={name: judge(found) for name, judge in JUDGES.items()},
        features=found.features,
        offline_and_realised=found.offline_and_realised(),
        dependency_changes=found.dependency_changes,
        staleness=found.staleness,
    )
