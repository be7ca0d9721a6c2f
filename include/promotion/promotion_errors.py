"""Define why a version cannot be registered, decided or rolled back to."""

from __future__ import annotations

from collections.abc import Sequence

from include.declaration.period import Period
from include.errors import InvalidRequestError, NotReadyError
from include.registry.ledger_entry import LedgerEntry


class NotEvaluatedError(NotReadyError):
    """A run has no gate results."""

    def __init__(self, use_case: str, run_id: str) -> None:
        self.use_case, self.run_id = use_case, run_id
        super().__init__(
            f"{use_case}: run {run_id} has no gate results, or not all of them were written. Run the task `evaluate`"
            " for it, then `register` again."
        )


class VersionRejectedError(InvalidRequestError):
    """A rejected version is approved."""

    def __init__(self, use_case: str, version: str, actor: str, decision: str) -> None:
        self.use_case, self.version, self.actor, self.decision = use_case, version, actor, decision
        super().__init__(
            f"{use_case}: version {version} was {decision}. A rejection is final; train a new version to promote"
            " another model."
        )


class VersionPromotedError(InvalidRequestError):
    """A promoted version is rejected."""

    def __init__(self, use_case: str, version: str, first: Period, entry: int) -> None:
        self.use_case, self.version, self.first, self.entry = use_case, version, first, entry
        super().__init__(
            f"{use_case}: version {version} was made champion from {first} on by ledger entry {entry} and can no longer"
            f" be rejected. Trigger {use_case}__rollback to go back to another version."
        )


class RollbackReasonMissingError(InvalidRequestError):
    """A rollback has no reason."""

    def __init__(self, use_case: str) -> None:
        self.use_case = use_case
        super().__init__(f"{use_case}: a rollback needs a reason; it is stored on the ledger.")


class TrainedLaterError(InvalidRequestError):
    """The training of a version may have seen days of its rollback."""

    def __init__(self, use_case: str, version: str, as_of: Period, period: Period) -> None:
        self.use_case, self.version, self.as_of, self.period = use_case, version, as_of, period
        super().__init__(
            f"{use_case}: version {version} was trained as of {as_of}, so its training data may include the outcomes of"
            f" {period}. Roll back to it from {as_of} or a later period on, or choose an older version."
        )


class NeverChampionError(InvalidRequestError):
    """A version was never champion, so no rollback to it is possible."""

    def __init__(self, use_case: str, version: str, exists: bool, champions: Sequence[LedgerEntry]) -> None:
        self.use_case, self.version, self.exists, self.champions = use_case, version, exists, tuple(champions)
        choices = [
            f"{entry.version} (from {entry.effective_from}, entry {entry.number}, {entry.action})"
            for entry in champions
        ]
        super().__init__(
            f"{use_case}: version {version!r} {'was never champion' if exists else 'does not exist'}, so you cannot"
            f" roll back to it. Former champions: {', '.join(choices) or 'none'}."
        )
