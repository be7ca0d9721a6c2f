"""Start and end the trial of a version, by entries of the ledger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from include.declaration import form_limits
from include.declaration.period import Period
from include.evaluation.gates.result import GateResult
from include.evaluation.gates.shadow import ShadowGate
from include.features.staleness import table_exists
from include.lake import content_digest
from include.project import Project
from include.promotion.trial_errors import (
    NoTrialError,
    ShareError,
    SplitScoredError,
    TrialReasonMissingError,
    TrialRefusedError,
    TrialRunningError,
)
from include.registry import lifecycle, sync, trials
from include.registry.ledger_entry import AS_OF, LedgerDecision, LedgerEntry, find_existing
from include.registry.model_record import Version
from include.registry.trials import PARTS, SALT, SHARE, Trial
from include.scoring.score import PREDICTIONS


@dataclass(frozen=True)
class TrialResult:
    """What a start or an end of a trial did; plain values."""

    version: str
    first: str
    end: str | None
    """The first period without it; None if it has not ended."""
    share: int
    """Parts of `trials.PARTS` of the rows that get its prediction."""
    entry: int
    reason: str
    """In words: what applies from which period on."""
    new: bool
    """Whether this call has changed the ledger."""


def start_trial(
    project: Project, version: str, effective_from: Period, *, actor: str, reason: str, share: int = 0
) -> TrialResult:
    """Append the start of a version's trial, unless the ledger has it.

    `share` counts parts of `trials.PARTS`: that part of the rows gets the version's prediction as the published one. A
    split may begin with the period after the newest one, and not with one that is scored.

    Raises:
        ShareError: the share is not possible.
        SplitScoredError: a period of the split is scored already.
        TrialRunningError: another trial has not ended by that period.
        TrialRefusedError: the version may have seen the period's outcomes, is its champion, or was rejected.
        InvalidRequestError: no period of the use case, no reason, or an unknown version.
        LedgerConflictError: another process wrote to the ledger; nothing was recorded.
        LedgerCorruptedError: the ledger is damaged.
        ArtifactMissingError: the model cannot be loaded from the registry.
    """
    use_case, text = project.use_case, _reason(project, version, effective_from, reason, split=share != 0)
    require_share(use_case.name, share)
    registry, ledger = project.registry, project.ledger
    entries = sync.verified_entries_and_advance_head(registry, ledger)
    found = registry.version(version)
    values = {AS_OF: found.as_of.key, SHARE: share, SALT: _salt(found, effective_from)}
    decision = _decision(found, effective_from, "trial", actor, text, values)
    existing = find_existing(decision, entries)
    if existing is None:
        _require_free(use_case.name, version, effective_from, entries)
        if share and effective_from < (unscored := first_unscored(project)):
            raise SplitScoredError(use_case.name, version, effective_from, unscored)
        if problem := _obstacle(found, effective_from, entries) or (_split_obstacle(found) if share else ""):
            raise TrialRefusedError(use_case.name, version, effective_from, problem)
        registry.reload(found)
    appended = ledger.append(decision, after=None if existing else len(entries))
    sync.sync_registry(registry, ledger)
    return _result(ledger.entries(), appended.entry, appended.new)


def change_trial(
    project: Project,
    action: str,
    version: str,
    effective_from: Period | None,
    *,
    actor: str,
    reason: str,
    percent: float,
    newest: Period,
) -> TrialResult:
    """Start or end a trial, as a form or command asks.

    Without `effective_from`, it is `newest`; of a split, the first period that is not scored. `percent` is the share of
    a start.
    """
    if action == "start":
        share = round(percent * PARTS / 100) if math.isfinite(percent) else -1
        first = effective_from or (first_unscored(project) if share else newest)
        return start_trial(project, version, first, actor=actor, reason=reason, share=share)
    trial = trials.open_trial(project.ledger.entries())
    split = trial is not None and not trial.is_shadow
    end = effective_from or (first_unscored(project) if split else newest)
    return end_trial(project, version, end, actor=actor, reason=reason)


def end_trial(project: Project, version: str, effective_from: Period, *, actor: str, reason: str) -> TrialResult:
    """Append the end of a version's trial, unless the ledger has it.

    `effective_from` is the first period without it. The version need not exist any more.

    Raises:
        NoTrialError: the version is not tried in that period.
        SplitScoredError: it is a split, and the period is scored already.
        InvalidRequestError: no period of the use case, or no reason.
        LedgerConflictError: another process wrote to the ledger; nothing was recorded.
        LedgerCorruptedError: the ledger is damaged.
    """
    use_case = project.use_case
    entries = sync.verified_entries_and_advance_head(project.registry, project.ledger)
    trial = next((each for each in reversed(trials.list_trials(entries)) if each.version == version), None)
    split = trial is not None and not trial.is_shadow
    text = _reason(project, version, effective_from, reason, split=split)
    if trial is None:
        raise NoTrialError(use_case.name, version, effective_from, trials.trial_of(effective_from, entries))
    decision = _ending(trial, effective_from, actor, text)
    existing = find_existing(decision, entries)
    if existing is None and (trial.ended_by is not None or effective_from < trial.first):
        raise NoTrialError(use_case.name, version, effective_from, trials.trial_of(effective_from, entries))
    if existing is None and split and effective_from < (unscored := first_unscored(project)):
        raise SplitScoredError(use_case.name, version, effective_from, unscored)
    appended = project.ledger.append(decision, after=None if existing else len(entries))
    sync.sync_registry(project.registry, project.ledger)
    return _result(project.ledger.entries(), appended.entry, appended.new)


def first_unscored(project: Project, table: str = PREDICTIONS) -> Period:
    """Return the period after the newest scored one.

    Without any, it is the newest one.
    """
    newest = project.use_case.newest_period()
    scored = project.lake.as_of(newest).partitions(table) if table_exists(project.lake, table) else {}
    return max(scored) + 1 if scored else newest


def require_share(use_case: str, share: int) -> None:
    """Check the share of a trial.

    Raises:
        ShareError: it is negative, or all rows.
    """
    if not 0 <= share < PARTS:
        raise ShareError(use_case, share)


def _reason(project: Project, version: str, effective_from: Period, reason: str, *, split: bool) -> str:
    """Check the fields of the form; return the reason without surrounding spaces."""
    use_case = project.use_case
    if not (split and effective_from == use_case.newest_period() + 1):  # the newest one is often scored already
        use_case.require(effective_from)
    form_limits.require_name("version", version)
    form_limits.require_text("reason", reason)
    if not reason.strip():
        raise TrialReasonMissingError(project.use_case.name)
    return reason.strip()


def _require_free(use_case: str, version: str, first: Period, entries: Sequence[LedgerEntry]) -> None:
    for trial in trials.list_trials(entries):
        if trial.end is None or trial.end > first:
            raise TrialRunningError(use_case, version, trial)


def _obstacle(version: Version, first: Period, entries: Sequence[LedgerEntry]) -> str:
    """Return why a version may not be tried from a period on; empty if it may."""
    if first < version.as_of:
        return (
            f"it was trained as of {version.as_of}, so its training data may include outcomes from then on. Start from"
            f" {version.as_of} or a later period"
        )
    if (rejected := lifecycle.rejection_of(version, entries)) is not None:
        return f"it was rejected by {rejected.actor}, which is final. Train a new version"
    champion = lifecycle.champion_of(first, entries)
    if champion is None:
        return "that period has no champion to compare it with. Start from a period that has one"
    if lifecycle.refers_to(champion, version, entries) or champion.trees == version.trees:
        return "it is the champion of that period itself, or has the same trees. Try another version"
    return ""


def _split_obstacle(version: Version) -> str:
    """Return why a version's predictions may not be published; empty if they may."""
    results = [GateResult.from_json(each) for each in version.gate_results]
    if not results:
        return (
            "it was not evaluated, so none of its predictions may be published. Clear `evaluate` of the run that"
            " trained it"
        )
    blocking = [each.reason for each in results if each.blocks and each.kind != ShadowGate.kind]
    if not blocking:
        return ""
    return (
        f"a gate blocks it, so none of its predictions may be published: {blocking[0].rstrip('.')}. Try it in shadow,"
        " with a share of 0, or train a new version"
    )


def _salt(version: Version, first: Period) -> str:
    """Return the salt of a trial.

    Each trial has another one; it is the same if the start is repeated.
    """
    return content_digest.digest_values({"trees": version.trees, "first": first.key})[:16]


def _decision(
    version: Version, first: Period, action: lifecycle.Action, actor: str, reason: str, values: dict[str, object]
) -> LedgerDecision:
    return LedgerDecision(
        version=version.number,
        trees=version.trees,
        fingerprint=version.fingerprint,
        effective_from=first,
        action=action,
        actor=actor,
        reason=reason,
        files_digest=version.files_digest,
        trial=values,
    )


def _ending(trial: Trial, end: Period, actor: str, reason: str) -> LedgerDecision:
    return LedgerDecision(
        version=trial.version,
        trees=trial.entry.trees,
        fingerprint=trial.entry.fingerprint,
        effective_from=end,
        action="trial_end",
        actor=actor,
        reason=reason,
        files_digest=trial.entry.files_digest,
        trial={AS_OF: trial.entry.trained_as_of.key},
    )


def _result(entries: Sequence[LedgerEntry], entry: LedgerEntry, new: bool) -> TrialResult:
    started = (each for each in reversed(trials.list_trials(entries)) if each.entry.number <= entry.number)
    trial = next(each for each in started if each.entry.trees == entry.trees)
    end = trial.end
    text = f"Version {trial.version} is tried {trial.what} from {trial.first}"
    text += " on." if end is None else f" to {end - 1}." if end > trial.first else ": the trial has no period."
    return TrialResult(trial.version, trial.first.key, end.key if end else None, trial.share, entry.number, text, new)
