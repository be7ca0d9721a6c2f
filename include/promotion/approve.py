"""Record the decision of a person, or of the timeout, on a promotion."""

from __future__ import annotations

from dataclasses import dataclass

from include.declaration import form_limits
from include.declaration.names import SHADOW
from include.project import Project
from include.promotion import trial
from include.promotion.promotion_errors import VersionPromotedError, VersionRejectedError
from include.registry import lifecycle, sync, trials
from include.registry.ledger import LedgerConflictError
from include.registry.ledger_entry import LedgerDecision, LedgerEntry
from include.registry.lifecycle import RecordedApproval
from include.registry.model_record import Version
from include.registry.tags import JUDGED
from include.registry.trials import ENDS
from include.scoring.score import PREDICTIONS


@dataclass(frozen=True)
class ApproveResult:
    """The valid decision; plain values."""

    version: str
    approved: bool
    actor: str
    reason: str
    new: bool
    """Whether this call has recorded it."""


def record_approval(
    project: Project, version: str, *, approved: bool, actor: str, reason: str, timed_out: bool = False
) -> ApproveResult:
    """Record the decision on the ledger; an equal decision again changes nothing.

    A rejection is final. An approval is valid for the version's current gate results, and can be withdrawn until the
    version is promoted; after that a rollback is needed. With `timed_out` (no answer) an earlier approval stays valid,
    even one of other gate results.

    Raises:
        InvalidRequestError: unknown version, approval after a rejection, or rejection after a promotion.
        LedgerCorruptedError: the ledger is damaged.
        LedgerConflictError: other processes kept writing to the ledger.
        ModelReplacedError: the champion is not in the registry.
    """
    use_case = project.use_case
    form_limits.require_name("version", version)
    form_limits.require_text("reason", reason)
    registry, ledger = project.registry, project.ledger
    for _ in range(sync.ROUNDS):
        entries = sync.verified_entries_and_advance_head(registry, ledger)
        found = registry.version(version)
        before = lifecycle.approval_of(found, entries)
        if timed_out and before is None and (approvals := lifecycle.approvals(found, entries)):
            before = RecordedApproval.from_entry(approvals[0])
        if before is not None and (before.approved == approved or (timed_out and before.approved)):
            sync.sync_registry(project.registry, project.ledger)
            return ApproveResult(version, before.approved, before.actor, before.reason, new=False)
        if before is not None and approved:
            raise VersionRejectedError(use_case.name, version, before.actor, str(before))
        try:
            _record(project, found, entries, RecordedApproval(approved, actor, reason))
        except LedgerConflictError:
            continue
        sync.sync_registry(project.registry, project.ledger)
        return ApproveResult(version, approved, actor, reason, new=True)
    raise LedgerConflictError(use_case.name)


def approval_decision(project: Project, version: str) -> RecordedApproval | None:
    """Return the valid decision on the version; None if a person must be asked.

    A rejection is always valid, also one of another version with the same trees. An approval is valid only for the
    gate results that the person saw.

    Raises:
        InvalidRequestError: there is no such version.
        LedgerCorruptedError: the ledger is damaged.
    """
    registry = project.registry
    entries = sync.verified_entries(registry, project.ledger)
    return lifecycle.approval_of(registry.version(version), entries)


def approval_question(project: Project, version: str) -> str:
    """Return what a decision is about: version, files and evaluation.

    An answer is valid only for these files, since MLflow can reuse a version's number for another model.

    Raises:
        InvalidRequestError: there is no such version.
    """
    found = project.registry.version(version)
    trial = f", in its trial as of {found.judged_in}" if found.judged_in else ""
    return f"version {found.number} ({found.files_digest[:16]}), judged by {(found.judged_by or 'nothing')[:16]}{trial}"


def _record(project: Project, version: Version, entries: list[LedgerEntry], decided: RecordedApproval) -> None:
    """Append the decision to the ledger."""
    promotion = next(
        (entry for entry in entries if entry.makes_champion and lifecycle.names_version(entry, version)), None
    )
    if promotion is not None and not decided.approved:
        name, first = project.use_case.name, promotion.effective_from
        raise VersionPromotedError(name, version.number, first, promotion.number)
    project.ledger.append(
        LedgerDecision(
            version=version.number,
            trees=version.trees,
            fingerprint=version.fingerprint,
            effective_from=version.as_of,
            action="approval" if decided.approved else "rejection",
            actor=decided.actor,
            reason=decided.reason,
            gate_results=version.gate_results,
            files_digest=version.files_digest,
            judged=version.tags.get(JUDGED, ""),
            trial={} if decided.approved else _end_of_trial(project, version, entries),
        ),
        after=len(entries),
    )


def _end_of_trial(project: Project, version: Version, entries: list[LedgerEntry]) -> dict[str, str]:
    """Return the values of a rejection that ends the version's trial now.

    There are none if it is not tried. The trial ends with the first period that is not scored in it.
    """
    tried = trials.open_trial(entries)
    if tried is None or tried.entry.trees != version.trees:
        return {}
    unscored = trial.first_unscored(project, SHADOW if tried.is_shadow else PREDICTIONS)
    return {ENDS: min(unscored, project.use_case.newest_period() + 1).key}
