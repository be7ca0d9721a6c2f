"""Derive the life of a version from its tags and the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, TypeVar

from include.declaration.period import Period
from include.registry.tags import AS_OF, FILES_DIGEST, FINGERPRINT, GATES, JUDGED, TREES

LifecycleStatus = Literal["candidate", "challenger", "champion", "archived", "rejected"]
Action = Literal["promotion", "rollback", "rejection", "approval", "restoration", "trial", "trial_end"]


class RegisteredVersion(Protocol):
    """A version of the registry."""

    @property
    def number(self) -> str: ...
    @property
    def tags(self) -> Mapping[str, str]: ...


class HasDecision(Protocol):
    """An entry of the ledger."""

    @property
    def number(self) -> int: ...
    @property
    def version(self) -> str: ...
    @property
    def trees(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def effective_from(self) -> Period: ...
    @property
    def action(self) -> Action: ...
    @property
    def actor(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def files_digest(self) -> str: ...
    @property
    def judged(self) -> str: ...


D = TypeVar("D", bound=HasDecision)
R = TypeVar("R", bound=RegisteredVersion)


@dataclass(frozen=True)
class RecordedApproval:
    """A person's decision on a version."""

    approved: bool
    actor: str
    reason: str

    @classmethod
    def from_entry(cls, entry: HasDecision) -> RecordedApproval:
        """Return the decision of a ledger entry that is an approval or a rejection."""
        return cls(entry.action == "approval", entry.actor, entry.reason)

    def to_tag(self) -> str:
        """Return the decision as JSON for MLflow's page; it is never read back."""
        return json.dumps(asdict(self))

    def __str__(self) -> str:
        verb = "approved" if self.approved else "rejected"
        return f"{verb} by {self.actor}" + (f": {self.reason}" if self.reason else "")


def is_promotion(entry: HasDecision) -> bool:
    """Return whether an entry makes a champion: it is a promotion or a rollback."""
    return entry.action in ("promotion", "rollback")


def champion_of(period: Period, entries: Iterable[D]) -> D | None:
    """Return the entry that makes the champion of `period`; None if there is none.

    That is the entry with the latest effective day up to `period`, and of entries of one day the one with the highest
    number.
    """
    effective = (entry for entry in entries if is_promotion(entry) and entry.effective_from <= period)
    return max(effective, key=lambda entry: (entry.effective_from, entry.number), default=None)


def names_version(entry: HasDecision, version: RegisteredVersion) -> bool:
    """Return whether number, trees, fingerprint and files of both are equal.

    The number alone is not enough, since MLflow can reuse it.
    """
    model = (version.number, *(version.tags.get(name) for name in (TREES, FINGERPRINT, FILES_DIGEST)))
    return (entry.version, entry.trees, entry.fingerprint, entry.files_digest) == model


def is_restoration(version: RegisteredVersion, entries: Iterable[D]) -> D | None:
    """Return the entry that restored this version; None if there is none."""
    return next((entry for entry in entries if entry.action == "restoration" and names_version(entry, version)), None)


def refers_to(entry: HasDecision, version: RegisteredVersion, entries: Iterable[HasDecision]) -> bool:
    """Return whether an entry names this version, or one that it replaces."""
    restored = is_restoration(version, entries)
    return names_version(entry, version) or (restored is not None and restored.trees == entry.trees)


def existing_for(entry: HasDecision, versions: Sequence[R], entries: Sequence[HasDecision]) -> R | None:
    """Return the last version restored for an entry, else the one it names.

    None if the registry has neither, or another model under the number.
    """
    restored = [other for other in entries if other.action == "restoration" and other.trees == entry.trees]
    for named in (*reversed(restored), entry):
        if found := next((version for version in versions if names_version(named, version)), None):
            return found
    return None


def rejection_of(version: RegisteredVersion, entries: Iterable[D]) -> D | None:
    """Return the entry that rejected a version's model; None if there is none.

    The model is identified by its trees and as-of day, whatever its number or the code that made it.
    """
    model = (version.tags.get(TREES), version.tags.get(AS_OF))
    rejected = (entry for entry in entries if entry.action == "rejection")
    return next((entry for entry in rejected if (entry.trees, entry.effective_from.key) == model), None)


def approval_of(version: RegisteredVersion, entries: Sequence[HasDecision]) -> RecordedApproval | None:
    """Return the valid decision on a version, a rejection first; None if none.

    An approval is valid only for the gate results that the person saw.
    """
    if (rejected := rejection_of(version, entries)) is not None:
        return RecordedApproval.from_entry(rejected)
    judged = version.tags.get(JUDGED)
    valid = (entry for entry in approvals(version, entries) if judged and entry.judged == judged)
    return next(map(RecordedApproval.from_entry, valid), None)


def approvals(version: RegisteredVersion, entries: Sequence[D]) -> list[D]:
    """Return all approvals of a version, the newest first."""
    return [entry for entry in reversed(entries) if entry.action == "approval" and names_version(entry, version)]


def blocking_reason(gate_result: Mapping[str, Any]) -> bool:
    """Return whether a gate's result prevents the promotion of its version."""
    return bool(gate_result["blocks"])


def blocking(gate_results: Sequence[Mapping[str, Any]]) -> str:
    """Join the reasons of the gate results that prevent a promotion.

    Empty if none does.
    """
    return " ".join(str(gate_result["reason"]) for gate_result in gate_results if blocking_reason(gate_result))


def lifecycle_states(
    versions: Sequence[RegisteredVersion], entries: Sequence[HasDecision], period: Period
) -> dict[str, LifecycleStatus]:
    """Return the life of each of `versions` on a day, by number.

    A version that the ledger promoted is champion if it is that of `period`, else archived, whatever its gates say now.
    Of the others, those with a failed gate or a rejection are rejected, those that passed all gates are challengers,
    and the rest are candidates. Versions on the ledger that were deleted in MLflow are left out.
    """
    promotions, latest = [entry for entry in entries if is_promotion(entry)], champion_of(period, entries)
    champion = existing_for(latest, versions, entries) if latest is not None else None
    statuses: dict[str, LifecycleStatus] = {}
    for version in versions:
        if champion is not None and version.number == champion.number:
            statuses[version.number] = "champion"
        elif any(refers_to(entry, version, entries) for entry in promotions):
            statuses[version.number] = "archived"
        else:
            statuses[version.number] = _status_without_promotion(version, approval_of(version, entries))
    return statuses


def _status_without_promotion(version: RegisteredVersion, decided: RecordedApproval | None) -> LifecycleStatus:
    gates = version.tags.get(GATES)
    if gates == "failed" or (decided is not None and not decided.approved):
        return "rejected"
    return "challenger" if gates == "passed" else "candidate"
