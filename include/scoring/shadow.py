"""Score a period with the version that is tried next to the champion.

Its predictions are a table of their own: nothing exports them, and no later step of the champion reads them.
"""

from __future__ import annotations

import time

from include.declaration.names import SHADOW
from include.declaration.period import Period
from include.project import Project
from include.registry import sync, trials
from include.scoring import score, tried
from include.scoring.score import PreparedScoring, ScoreResult


def score_shadow(project: Project, period: Period) -> ScoreResult | None:
    """Predict every row of `period` with the version that is tried, and store that.

    Returns None if no version is tried in the period. The ledger alone says which version it is, so a rerun finds the
    same one.

    Raises:
        FeaturesMissingError: the period has no features.
        FeaturesOutdatedError: the features lack a column that the model reads.
        TriedVersionLostError: the registry no longer has the version.
        InvalidRequestError: the version makes other predictions than declared, or reads other features.
        LedgerCorruptedError, ArtifactMissingError: the ledger or the model fails its checks.
        MlflowUnreachableError: MLflow cannot be reached.
        PeriodRefusedError: the predictions break an expectation; nothing is stored.
    """
    began, use_case = time.process_time(), project.use_case
    use_case.require(period)
    entries = sync.verified_entries(project.registry, project.ledger)
    trial = trials.trial_of(period, entries)
    if trial is None:
        return None
    view, features = score.open_features(project, period)
    chosen = tried.tried_version(project, trial, entries)
    model = score.require_fit_to_score(use_case, project.registry, period, chosen)
    score.require_built(use_case, view, period, model)
    version = view.version("features")
    prepared = PreparedScoring(period, view, features, version, chosen, model, None, SHADOW)
    return score.predict_and_commit(project, prepared, cpu_since=began)
