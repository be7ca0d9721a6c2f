"""Find the version that is tried in the registry."""

from __future__ import annotations

from collections.abc import Sequence

from include.errors import InvalidRequestError
from include.project import Project
from include.registry import sync
from include.registry.ledger_entry import LedgerEntry
from include.registry.model_record import Version
from include.registry.sync import ModelReplacedError
from include.registry.trials import Trial


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


def tried_version(project: Project, trial: Trial, entries: Sequence[LedgerEntry]) -> Version:
    """Return the version of a trial from the registry.

    Raises:
        TriedVersionLostError: it has none, or another model under the number.
    """
    try:
        return sync.model_of(project.use_case, trial.entry, project.registry.versions(), entries)
    except ModelReplacedError:
        raise TriedVersionLostError(project.use_case.name, trial) from None
