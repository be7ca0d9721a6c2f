"""Promote: make a version that passed every gate the champion, from the day as of which it was trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.declaration import form_limits
from include.declaration.use_case import UseCase
from include.evaluation import evaluate
from include.project import Project
from include.promotion import register, restore
from include.registry import lifecycle, sync
from include.registry.ledger import (
    AppendedEntry,
    LedgerConflictError,
    LedgerDecision,
    LedgerEntry,
    find_existing,
)
from include.registry.lifecycle import StandingApproval
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version
from include.registry.tags import GATES, JUDGED, NOT_PROMOTED, REASON


@dataclass(frozen=True)
class PromoteResult:
    """Whether a version stands on the ledger, and why; plain values."""

    version: str
    promoted: bool
    reason: str
    effective_from: str | None
    entry: int | None
    """Number of its ledger entry."""
    champion: str | None
    """The version that the alias `champion` points to afterwards."""
    new: bool
    """Whether this call has changed the ledger."""


def promote_version(
    project: Project, version: str, *, actor: str, reason: str = "", approval_required: bool = False
) -> PromoteResult:
    """Append the promotion to the ledger and let the registry follow it; or say why not, and keep that with it.

    It takes gates that are passed by what holds now (else it is judged again), no rejection by a person, with
    `approval_required` an approval, and a model that can be loaded from the registry. Killed anywhere, the next run
    goes on; run again, it changes nothing. A version with the trees of a champion that is gone is restored in its place
    instead (see promotion/restore.py). `who` is the Airflow run or the person that promotes. Raises InvalidRequestError
    (unknown version, or trained as of a day to come), LedgerCorruptedError, ModelReplacedError, ArtifactMissingError,
    and what evaluate raises.
    """
    use_case = project.use_case
    form_limits.require_name("version", version)
    form_limits.require_text("reason", reason)
    registry, ledger = project.registry, project.ledger
    if restored := restore.restore_champions(project, version, actor=actor):
        return _restored(use_case, version, restored)
    for _ in range(sync.ROUNDS):
        entries = sync.verified_entries_and_advance_head(registry, ledger)
        found = registry.version(version)
        _check(use_case, registry, found, entries)
        decision = _decision(found, entries, actor, reason)
        stands = find_existing(decision, entries) is not None
        if not stands and lifecycle.rejection_of(found, entries) is None and not evaluate.is_current(project, found):
            evaluate.evaluate_run(project, found.run_id)
            register.register_run(project, found.run_id)
            found = registry.version(version)
            decision = _decision(found, entries, actor, reason)
        if not stands and (obstacle := _why_not(project, found, entries, approval_required)):
            _explain(registry, found, obstacle)
            return PromoteResult(version, False, obstacle, None, None, sync.sync_registry(use_case), new=False)
        if not stands:
            if found.as_of > use_case.newest_period():
                use_case.require(found.as_of)
            registry.reload(found)
        try:
            appended = ledger.append(decision, after=len(entries))
        except LedgerConflictError:  # by a champion, perhaps, that it must be compared with
            continue
        champion, entry = sync.sync_registry(use_case), appended.entry
        same = f"It has the files of version {entry.version}, byte for byte. " if entry.version != version else ""
        explanation = f"{same}{_judged(entry)} {_standing(entry, ledger.champion_of(found.as_of))}"
        since = entry.effective_from.isoformat()
        return PromoteResult(version, True, explanation, since, entry.number, champion, new=appended.new)
    raise LedgerConflictError(f"{use_case.name}: others have written to the ledger meanwhile; run the task again.")


def _restored(use_case: UseCase, version: str, restored: AppendedEntry) -> PromoteResult:
    """Let the registry follow a restoration. Who is champion of which day is as it was."""
    champion, entry = sync.sync_registry(use_case), restored.entry
    reason = f"Restored by ledger entry {entry.number}: {entry.reason}. The days that it is champion of stay the same."
    since = entry.effective_from.isoformat()
    return PromoteResult(version, True, reason, since, entry.number, champion, new=restored.new)


def _check(use_case: UseCase, registry: Registry, version: Version, entries: Sequence[LedgerEntry]) -> None:
    """ModelReplacedError where the champion is not in the registry, or the ledger names another model by this
    number."""
    versions = registry.versions()
    sync.champion_version(use_case, versions, entries)
    for entry in entries:
        if entry.makes_champion and entry.version == version.number:
            sync.model_of(use_case, entry, versions, entries)


def _decision(version: Version, entries: Sequence[LedgerEntry], actor: str, reason: str) -> LedgerDecision:
    approval = lifecycle.approval_of(version, entries)
    approved = approval if approval is not None and approval.approved else None
    return LedgerDecision(
        version=version.number,
        trees=version.trees,
        fingerprint=version.fingerprint,
        effective_from=version.as_of,
        action="promotion",
        actor=f"{actor}, approved by {approved.actor}" if approved else actor,
        reason=_reason(reason or version.tags.get(REASON, ""), approved),
        verdicts=version.verdicts,
        files_digest=version.files_digest,
        judged=version.tags.get(JUDGED, ""),
    )


def _why_not(project: Project, version: Version, entries: Sequence[LedgerEntry], approval_required: bool) -> str:
    """Why a version is not promoted; empty if it may be. A person's rejection is the last word, whatever came after."""
    rejected, decided = lifecycle.rejection_of(version, entries), lifecycle.approval_of(version, entries)
    if rejected is not None and not lifecycle.names_version(rejected, version):
        reason = f": {rejected.reason}" if rejected.reason else ""
        return f"The same trees were rejected as version {rejected.version} by {rejected.actor}{reason}."
    if decided is not None and not decided.approved:
        return f"It was {decided}."
    told = version.tags.get(GATES)
    if told is None:
        return "It was not judged by its gates yet: run evaluate and register for it."
    if told != "passed":
        return lifecycle.blocking(version.verdicts) or f"Its gates are {told}."
    if not evaluate.is_current(project, version):
        return "Its verdicts are not those of the gates and the champion of now, though it was judged again: run again."
    if approval_required and decided is None:
        earlier = " The approval that it has was of other verdicts." if lifecycle.approvals(version, entries) else ""
        return f"It waits for a person's approval.{earlier}"
    return ""


def _explain(registry: Registry, version: Version, reason: str) -> None:
    """Keep with a version why it is not promoted, where that is not what it says already."""
    description = version.description.partition(sync.HEADING)[0] + sync.HEADING + reason
    if (version.tags.get(NOT_PROMOTED), version.description) != (reason, description):
        registry.tag_version(version.number, {NOT_PROMOTED: reason}, description)


def _reason(reason: str, approval: StandingApproval | None) -> str:
    return "; ".join(
        part for part in (reason, f"approved: {approval.reason}" if approval and approval.reason else "") if part
    )


def _judged(entry: LedgerEntry) -> str:
    passed, all_of_them = sum(verdict["outcome"] == "passed" for verdict in entry.verdicts), len(entry.verdicts)
    if passed == all_of_them:
        return f"All {passed} gates are passed;"
    blocking = sum(lifecycle.blocking_reason(verdict) for verdict in entry.verdicts)
    others = f"{blocking} of the others" if blocking else "none of the others"
    return f"{passed} of {all_of_them} gates are passed, and {others} {'block' if blocking > 1 else 'blocks'};"


def _standing(entry: LedgerEntry, champion: LedgerEntry) -> str:
    """Whether an entry decides who flies from its day on, or a later one of the same day does."""
    since = entry.effective_from
    if champion.number == entry.number:
        return f"champion from {since} on by ledger entry {entry.number}."
    return (
        f"promoted from {since} on by ledger entry {entry.number}, but the later entry {champion.number}"
        f" ({champion.action} by {champion.actor}: {champion.reason or 'no reason given'}) makes version"
        f" {champion.version} the champion of that day."
    )
