"""Define why a trial cannot be started, ended or judged."""

from __future__ import annotations

from include.declaration.period import Period
from include.errors import InvalidRequestError
from include.registry.trials import PARTS, Trial


class TrialReasonMissingError(InvalidRequestError):
    """A trial has no reason."""

    def __init__(self, use_case: str) -> None:
        self.use_case = use_case
        super().__init__(
            f"{use_case}: a trial needs a reason, which is stored on the ledger: write why it starts or ends. Nothing"
            " was written."
        )


class ShareError(InvalidRequestError):
    """A trial asks for an impossible share of the rows."""

    def __init__(self, use_case: str, share: int) -> None:
        self.use_case, self.share = use_case, share
        super().__init__(
            f"{use_case}: a trial cannot have {100 * share / PARTS:g}% of the rows: write 0, for a trial in shadow, to"
            f" {100 - 100 / PARTS:g}. Nothing was written."
        )


class SplitScoredError(InvalidRequestError):
    """A split would begin or end with a period that is scored already."""

    def __init__(self, use_case: str, version: str, period: Period, unscored: Period) -> None:
        self.use_case, self.version, self.period, self.unscored = use_case, version, period, unscored
        super().__init__(
            f"{use_case}: a split with version {version} can neither begin nor end with {period}: periods before"
            f" {unscored} are scored, and their rows keep their versions. Name {unscored} or a later period. Nothing"
            " was written."
        )


class TrialRunningError(InvalidRequestError):
    """Another trial has not ended."""

    def __init__(self, use_case: str, version: str, trial: Trial) -> None:
        self.use_case, self.version, self.trial = use_case, version, trial
        until = f"until {trial.end}" if trial.end else "and has not ended"
        super().__init__(
            f"{use_case}: a trial of version {version} cannot start: version {trial.version} is tried {trial.what}"
            f" since {trial.first} {until} (ledger entry {trial.entry.number}). Only one version is tried at a time."
            f" End that trial first: trigger {use_case}__trial with the action `end`. Nothing was written."
        )


class NoTrialError(InvalidRequestError):
    """No version, or another one, is tried in a period."""

    def __init__(self, use_case: str, version: str, period: Period, trial: Trial | None) -> None:
        self.use_case, self.version, self.period, self.trial = use_case, version, period, trial
        found = f"version {trial.version} is tried since {trial.first}" if trial else "no version is tried"
        super().__init__(
            f"{use_case}: version {version!r} is not tried in {period}: {found}. Nothing was written. Name a"
            f" {period.unit.name} of a trial that has not ended, or start one: trigger {use_case}__trial with the"
            " action `start`."
        )


class TrialRefusedError(InvalidRequestError):
    """A version may not be tried from a period on."""

    def __init__(self, use_case: str, version: str, period: Period, problem: str) -> None:
        self.use_case, self.version, self.period, self.problem = use_case, version, period, problem
        super().__init__(
            f"{use_case}: version {version} cannot be tried from {period} on: {problem}. Nothing was written."
        )
