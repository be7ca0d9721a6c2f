"""Score a period with the version that is tried next to the champion.

Its predictions are a table of their own: nothing exports them, and no later step of the champion reads them.
"""

from __future__ import annotations

import time

from include.declaration.period import Period
from include.errors import InvalidRequestError
from include.project import Project
from include.registry import sync, trials
from include.registry.ledger_entry import LedgerEntry
from include.registry.model_record import Version
from include.registry.sync import ModelReplacedError
from include.registry.trials import Trial
from include.scoring import score
from include.scoring.score import SHADOW, PreparedScoring, ScoreResult


class TriedVersionLostError(InvalidRequestError):
    """The registry no longer has the version that is tried."""

    def __init__(self, use_case: str, trial: Trial) -> None:
        self.use_case, self.trial = use_case, trial
        super().__init__(
            f"{use_case}: version {trial.version}, which is tried {trial.what} since {trial.first} (ledger entry"
            f" {trial.entry.number}), is not in the registry any more, or is another model. The champion's predictions"
            f" are not affected. Restore MLflow's database and artifacts, or end the trial: trigger {use_case}__trial"
            " with the action `end`."
        )


def trial_in(project: Project, period: Period) -> Trial | None:
    """Return the trial that the ledger has for a period; None if it has none.

    Raises:
        LedgerCorruptedError: the ledger is damaged or does not match its head.
    """
    return trials.trial_of(period, sync.verified_entries(project.registry, project.ledger))


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
    chosen = tried_version(project, trial, entries)
    model = score.require_fit_to_score(use_case, project.registry, period, chosen)
    score.require_built(use_case, view, period, model)
    version = view.version("features")
    prepared = PreparedScoring(period, view, features, version, chosen, model, None, SHADOW)
    return score.predict_and_commit(project, prepared, cpu_since=began)


def tried_version(project: Project, trial: Trial, entries: list[LedgerEntry]) -> Version:
    """Return the version of a trial from the registry.

    Raises:
        TriedVersionLostError: it has none, or another model under the number.
    """
    try:
        return sync.model_of(project.use_case, trial.entry, project.registry.versions(), entries)
    except ModelReplacedError:
        raise TriedVersionLostError(project.use_case.name, trial) from None
