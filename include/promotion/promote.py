"""Make a version that passed every gate the champion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.declaration import form_limits
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.evaluation import evaluate
from include.project import Project
from include.promotion import register, restore
from include.registry import lifecycle, sync, trials
from include.registry.ledger import AppendedEntry, LedgerConflictError
from include.registry.ledger_entry import AS_OF, LedgerDecision, LedgerEntry, find_existing
from include.registry.lifecycle import RecordedApproval
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version
from include.registry.tags import GATES, JUDGED, NOT_PROMOTED
from include.registry.version_summary import summarise_version


@dataclass(frozen=True)
class PromoteResult:
    """Whether a version was promoted, and why; plain values."""

    version: str
    promoted: bool
    reason: str
    effective_from: str | None
    entry: int | None
    """Number of its ledger entry."""
    champion: str | None
    """The version with the alias `champion` afterwards."""
    new: bool
    """Whether this call has changed the ledger."""


def promote_version(
    project: Project,
    version: str,
    *,
    actor: str,
    reason: str = "",
    approval_required: bool = False,
    after_trial: Period | None = None,
) -> PromoteResult:
    """Append the promotion and sync the registry, or record why not.

    A promotion needs passed gates (outdated gate results are evaluated again), no rejection by a person, an approval if
    `approval_required`, and a model that can be loaded from the registry. A version with the trees of a lost champion
    is restored in its place instead (see promotion/restore.py). A version that was judged in its trial is champion from
    the period of that judgement; `after_trial` requires that it is this one. `actor` is the Airflow run or the
    person. An interrupted run can be repeated; a repeated run changes nothing.

    Raises:
        InvalidRequestError: unknown version, or one trained as of a future day.
        LedgerCorruptedError: the ledger is damaged.
        LedgerConflictError: other processes kept writing to the ledger.
        ModelReplacedError: the registry has another model under a number of the ledger, or not the champion.
        ArtifactMissingError: the model cannot be loaded.
        AirworthyError: the evaluation failed, see `evaluate_run`.
    """
    use_case = project.use_case
    form_limits.require_name("version", version)
    form_limits.require_text("reason", reason)
    registry, ledger = project.registry, project.ledger
    if restored := restore.restore_champions(project, version, actor=actor):
        return _restored(project, version, restored)
    for _ in range(sync.ROUNDS):
        entries = sync.verified_entries_and_advance_head(registry, ledger)
        found = registry.version(version)
        _check(use_case, registry, found, entries)
        decision = _decision(found, entries, actor, reason)
        exists = find_existing(decision, entries) is not None
        if not exists and lifecycle.rejection_of(found, entries) is None and not evaluate.is_current(project, found):
            evaluate.evaluate_run(project, found.run_id)
            register.register_run(project, found.run_id)
            found = registry.version(version)
            decision = _decision(found, entries, actor, reason)
        if not exists and (obstacle := _obstacle(project, found, entries, approval_required, after_trial)):
            _record_obstacle(registry, found, obstacle)
            return PromoteResult(
                version, False, obstacle, None, None, sync.sync_registry(project.registry, project.ledger), new=False
            )
        if not exists:
            if found.as_of > use_case.newest_period():
                use_case.require(found.as_of)
            registry.reload(found)
        try:
            appended = ledger.append(decision, after=len(entries))
        except LedgerConflictError:  # perhaps a new champion, with which it must be compared
            continue
        champion, entry = sync.sync_registry(project.registry, project.ledger), appended.entry
        same = f"It has the files of version {entry.version}, byte for byte. " if entry.version != version else ""
        explanation = f"{same}{_passed_gates(entry)} {_effect(entry, ledger.champion_of(entry.effective_from))}"
        since = entry.effective_from.key
        return PromoteResult(version, True, explanation, since, entry.number, champion, new=appended.new)
    raise LedgerConflictError(use_case.name)


def _restored(project: Project, version: str, restored: AppendedEntry) -> PromoteResult:
    """Sync the registry after a restoration, which changes the champion of no day."""
    champion, entry = sync.sync_registry(project.registry, project.ledger), restored.entry
    reason = f"Restored by ledger entry {entry.number}: {entry.reason}. The champion of each period stays the same."
    since = entry.effective_from.key
    return PromoteResult(version, True, reason, since, entry.number, champion, new=restored.new)


def _check(use_case: UseCase, registry: Registry, version: Version, entries: Sequence[LedgerEntry]) -> None:
    """Check that the registry has the models that the ledger names.

    Raises:
        ModelReplacedError: it has not.
    """
    versions = registry.versions()
    sync.champion_version(use_case, versions, entries)
    for entry in entries:
        if entry.makes_champion and entry.version == version.number:
            sync.model_of(use_case, entry, versions, entries)


def _decision(version: Version, entries: Sequence[LedgerEntry], actor: str, reason: str) -> LedgerDecision:
    summary = summarise_version(version, entries)
    approved = summary.approval if summary.approval is not None and summary.approval.approved else None
    return LedgerDecision(
        version=version.number,
        trees=version.trees,
        fingerprint=version.fingerprint,
        # After a trial not from the day of the training: the days of the trial keep their champion.
        effective_from=version.judged_in or version.as_of,
        action="promotion",
        actor=f"{actor}, approved by {approved.actor}" if approved else actor,
        reason=_reason(reason or summary.training_reason, approved),
        gate_results=version.gate_results,
        files_digest=version.files_digest,
        judged=version.tags.get(JUDGED, ""),
        trial={AS_OF: version.as_of.key} if version.judged_in else {},
    )


def _obstacle(
    project: Project,
    version: Version,
    entries: Sequence[LedgerEntry],
    approval_required: bool,
    after_trial: Period | None,
) -> str:
    """Return why a version is not promoted; empty if it may be."""
    rejected, decided = lifecycle.rejection_of(version, entries), lifecycle.approval_of(version, entries)
    if rejected is not None and not lifecycle.names_version(rejected, version):
        reason = f": {rejected.reason}" if rejected.reason else ""
        return f"The same trees were rejected as version {rejected.version} by {rejected.actor}{reason}."
    if decided is not None and not decided.approved:
        return f"It was {decided}."
    outcome = version.tags.get(GATES)
    if outcome is None:
        return "It was not evaluated yet: run evaluate and register for it."
    if outcome != "passed":
        return lifecycle.blocking(version.gate_results) or f"Its gates are {outcome}."
    if not evaluate.is_current(project, version):
        return "Gates or champion changed again after it was evaluated: run the task again."
    if after_trial is not None:
        trial = trials.trial_of(after_trial, entries)
        if trial is None or trial.entry.trees != version.trees:
            return f"Its trial does not reach {after_trial} any more."
        if version.judged_in != after_trial:
            return f"What its trial showed as of {after_trial} was not judged, or was judged again: run the task again."
    if approval_required and decided is None:
        earlier = " Its earlier approval was for other gate results." if lifecycle.approvals(version, entries) else ""
        return f"It waits for a person's approval.{earlier}"
    return ""


def _record_obstacle(registry: Registry, version: Version, reason: str) -> None:
    """Record in MLflow why a version is not promoted, unless it is recorded already."""
    description = version.description.partition(sync.HEADING)[0] + sync.HEADING + reason
    if (summarise_version(version, ()).not_promoted, version.description) != (reason, description):
        registry.tag_version(version.number, {NOT_PROMOTED: reason}, description)


def _reason(reason: str, approval: RecordedApproval | None) -> str:
    return "; ".join(
        part for part in (reason, f"approved: {approval.reason}" if approval and approval.reason else "") if part
    )


def _passed_gates(entry: LedgerEntry) -> str:
    passed, gates = (
        sum(gate_result["outcome"] == "passed" for gate_result in entry.gate_results),
        len(entry.gate_results),
    )
    if passed == gates:
        return f"All {passed} gates passed;"
    blocking = sum(lifecycle.blocking_reason(gate_result) for gate_result in entry.gate_results)
    others = f"{blocking} of the others" if blocking else "none of the others"
    return f"{passed} of {gates} gates passed, and {others} {'block' if blocking > 1 else 'blocks'};"


def _effect(entry: LedgerEntry, champion: LedgerEntry) -> str:
    """Return whether an entry or a later one makes the champion of its day."""
    since = entry.effective_from
    if champion.number == entry.number:
        return f"champion from {since} on by ledger entry {entry.number}."
    return (
        f"promoted from {since} on by ledger entry {entry.number}, but the later entry {champion.number}"
        f" ({champion.action} by {champion.actor}: {champion.reason or 'no reason given'}) makes version"
        f" {champion.version} the champion of that period."
    )
