"""The life of a version: candidate, challenger, champion, archived or rejected, told from its tags and the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal, Protocol, TypeVar

from include.registry.tags import AS_OF, FILES_DIGEST, FINGERPRINT, GATES, JUDGED, TREES

Life = Literal["candidate", "challenger", "champion", "archived", "rejected"]
Action = Literal["promotion", "rollback", "rejection", "approval", "restoration"]


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
    def effective_from(self) -> date: ...
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
class StandingApproval:
    """What a person said of a version."""

    approved: bool
    actor: str
    reason: str

    @classmethod
    def of(cls, entry: HasDecision) -> StandingApproval:
        """The decision of an entry of the ledger: an approval, or a rejection."""
        return cls(entry.action == "approval", entry.actor, entry.reason)

    def to_tag(self) -> str:
        """Return what MLflow's page shows of the decision; it is never read back."""
        return json.dumps(asdict(self))

    def __str__(self) -> str:
        verb = "approved" if self.approved else "rejected"
        return f"{verb} by {self.actor}" + (f": {self.reason}" if self.reason else "")


def is_promotion(entry: HasDecision) -> bool:
    """Whether an entry makes a champion: a promotion or a rollback does, and nothing else."""
    return entry.action in ("promotion", "rollback")


def champion_of(day: date, entries: Iterable[D]) -> D | None:
    """Return the flight with the greatest effective day up to `day`, the later entry of two; None if there is none.

    An entry of a later day decides nothing before that day, however it came to be.
    """
    flights = (entry for entry in entries if is_promotion(entry) and entry.effective_from <= day)
    return max(flights, key=lambda entry: (entry.effective_from, entry.number), default=None)


def names_version(entry: HasDecision, version: RegisteredVersion) -> bool:
    """Whether an entry speaks of this version: number and model are equal, byte for byte.

    A number alone may be given twice.
    """
    model = (version.number, *(version.tags.get(name) for name in (TREES, FINGERPRINT, FILES_DIGEST)))
    return (entry.version, entry.trees, entry.fingerprint, entry.files_digest) == model


def is_restoration(version: RegisteredVersion, entries: Iterable[D]) -> D | None:
    """Return the entry by which a version stands for one that is gone; None if there is none."""
    return next((entry for entry in entries if entry.action == "restoration" and names_version(entry, version)), None)


def refers_to(entry: HasDecision, version: RegisteredVersion, entries: Iterable[HasDecision]) -> bool:
    """Whether a flight is of this version: it names it, or the version was restored in its place."""
    restored = is_restoration(version, entries)
    return names_version(entry, version) or (restored is not None and restored.trees == entry.trees)


def existing_for(entry: HasDecision, versions: Sequence[R], entries: Sequence[HasDecision]) -> R | None:
    """Return the version that a flight is of: the last that was restored in its place, or that which it names.

    None where the registry has neither, or another model under the number.
    """
    restored = [each for each in entries if each.action == "restoration" and each.trees == entry.trees]
    for named in (*reversed(restored), entry):
        if found := next((version for version in versions if names_version(named, version)), None):
            return found
    return None


def rejection_of(version: RegisteredVersion, entries: Iterable[D]) -> D | None:
    """The entry by which a version's model was rejected, under whatever number and by whatever code it was made.

    A model is its trees and the day as of which they were trained.
    """
    model = (version.tags.get(TREES), version.tags.get(AS_OF))
    rejected = (entry for entry in entries if entry.action == "rejection")
    return next((entry for entry in rejected if (entry.trees, entry.effective_from.isoformat()) == model), None)


def approval_of(version: RegisteredVersion, entries: Sequence[HasDecision]) -> StandingApproval | None:
    """Return what the ledger says was decided on a version and still counts: a rejection, or else an approval.

    An approval counts for the verdicts that were shown to the person who gave it.
    """
    if (rejected := rejection_of(version, entries)) is not None:
        return StandingApproval.of(rejected)
    judged = version.tags.get(JUDGED)
    counting = (entry for entry in approvals(version, entries) if judged and entry.judged == judged)
    return next(map(StandingApproval.of, counting), None)


def approvals(version: RegisteredVersion, entries: Sequence[D]) -> list[D]:
    """Return the entries by which a version was approved, whatever it was judged by then, the newest first."""
    return [entry for entry in reversed(entries) if entry.action == "approval" and names_version(entry, version)]


def blocking_reason(verdict: Mapping[str, Any]) -> bool:
    """Whether a gate's verdict keeps a version from being promoted."""
    return bool(verdict["blocks"])


def blocking(verdicts: Sequence[Mapping[str, Any]]) -> str:
    """Join the reasons of the verdicts that keep a version from being promoted; empty where none does."""
    return " ".join(str(each["reason"]) for each in verdicts if blocking_reason(each))


def lifecycle_states(
    versions: Sequence[RegisteredVersion], entries: Sequence[HasDecision], day: date
) -> dict[str, Life]:
    """Return the life of each of `versions` on a day; others that the ledger names were deleted and are left out.

    Whatever the gates of a version on the ledger say now, it is the champion if it is that of `day`, else archived. Of
    the others, a failed gate or a rejection rejects, passed gates make a challenger, and the rest are candidates.
    """
    flights, latest = [entry for entry in entries if is_promotion(entry)], champion_of(day, entries)
    champion = existing_for(latest, versions, entries) if latest is not None else None
    told: dict[str, Life] = {}
    for version in versions:
        if champion is not None and version.number == champion.number:
            told[version.number] = "champion"
        elif any(refers_to(entry, version, entries) for entry in flights):
            told[version.number] = "archived"
        else:
            told[version.number] = _on_the_ground(version, approval_of(version, entries))
    return told


def _on_the_ground(version: RegisteredVersion, decided: StandingApproval | None) -> Life:
    gates = version.tags.get(GATES)
    if gates == "failed" or (decided is not None and not decided.approved):
        return "rejected"
    return "challenger" if gates == "passed" else "candidate"
