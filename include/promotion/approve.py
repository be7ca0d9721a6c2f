"""Approve: keep what a person, or the end of the time to answer, decided about a version's promotion."""

from __future__ import annotations

from dataclasses import dataclass

from include.declaration import form_limits
from include.errors import InvalidRequestError
from include.project import Project
from include.registry import lifecycle, sync
from include.registry.ledger import Ledger, LedgerConflictError, LedgerDecision, LedgerEntry
from include.registry.lifecycle import StandingApproval
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version
from include.registry.tags import JUDGED


@dataclass(frozen=True)
class ApproveResult:
    """The decision that stands; plain values."""

    version: str
    approved: bool
    actor: str
    reason: str
    new: bool
    """Whether this call has recorded it."""


def record_approval(
    project: Project, version: str, *, approved: bool, actor: str, reason: str, timed_out: bool = False
) -> ApproveResult:
    """Record the decision on the ledger; the same again changes nothing. A rejection is final.

    An approval holds for the verdicts that the version has now. It may be taken back until the version is promoted:
    after that it takes a rollback. With `timed_out` nobody has answered: then an approval that was recorded before
    stands, whatever it was of. Raises InvalidRequestError for an unknown version, an approval after a rejection, and a
    rejection after a promotion; LedgerCorruptedError, ModelReplacedError.
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
            before = StandingApproval.of(approvals[0])
        if before is not None and (before.approved == approved or (timed_out and before.approved)):
            sync.sync_registry(use_case)
            return ApproveResult(version, before.approved, before.actor, before.reason, new=False)
        if before is not None and approved:
            raise InvalidRequestError(
                f"{use_case.name}: version {version} was {before}. A rejection is final; train a new version to promote"
                " another model."
            )
        try:
            _record(registry, ledger, found, entries, StandingApproval(approved, actor, reason))
        except LedgerConflictError:
            continue
        sync.sync_registry(use_case)
        return ApproveResult(version, approved, actor, reason, new=True)
    raise LedgerConflictError(f"{use_case.name}: others have written to the ledger meanwhile; run the task again.")


def approval_decision(project: Project, version: str) -> StandingApproval | None:
    """What was decided on the version and still counts; None where a person is to be asked.

    A rejection always counts, also one of the same trees as another version; an approval, while the verdicts are those
    that the person saw. Raises InvalidRequestError for an unknown version; LedgerCorruptedError.
    """
    registry = project.registry
    entries = sync.verified_entries(registry, project.ledger)
    return lifecycle.approval_of(registry.version(version), entries)


def approval_question(project: Project, version: str) -> str:
    """Name what a person is asked to decide: the version, its files, and by what its verdicts were judged.

    An answer counts for these files alone: numbers of versions are MLflow's, and can be given to another model.

    Raises InvalidRequestError for an unknown version.
    """
    found = project.registry.version(version)
    return f"version {found.number} ({found.files_digest[:16]}), judged by {found.tags.get(JUDGED, 'nothing')[:16]}"


def _record(
    registry: Registry, ledger: Ledger, version: Version, entries: list[LedgerEntry], decided: StandingApproval
) -> None:
    """Append the decision to the ledger; the version's tag follows."""
    there = next((entry for entry in entries if entry.makes_champion and lifecycle.names_version(entry, version)), None)
    if there is not None and not decided.approved:
        name = registry.use_case.name
        raise InvalidRequestError(
            f"{name}: version {version.number} was made champion from {there.effective_from} on by ledger entry"
            f" {there.number} and can no longer be rejected. Trigger {name}__rollback to go back to another."
        )
    ledger.append(
        LedgerDecision(
            version=version.number,
            trees=version.trees,
            fingerprint=version.fingerprint,
            effective_from=version.as_of,
            action="approval" if decided.approved else "rejection",
            actor=decided.actor,
            reason=decided.reason,
            verdicts=version.verdicts,
            files_digest=version.files_digest,
            judged=version.tags.get(JUDGED, ""),
        ),
        after=len(entries),
    )
