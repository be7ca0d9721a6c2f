"""Define the ledger's entries: their content, and which mean the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from include.declaration.period import Period
from include.lake import record_store
from include.lake.record_store import FlawedRecordError, encode_record
from include.registry import lifecycle
from include.registry.lifecycle import Action

AS_OF = "as_of"
"""Name in `LedgerDecision.trial` of the as-of day of the version's training."""


@dataclass(frozen=True, kw_only=True)
class LedgerDecision:
    """A decision on a version.

    Promotion or rollback: `version` is champion from the start of `effective_from` on. Rejection: the model, trained as
    of `effective_from`, never becomes champion. Approval: it may become champion. Trial and end of a trial: it is tried
    from `effective_from` on, or no longer (see `include.registry.trials`). MLflow can reuse a version's number
    after a restore from a backup, so `trees` and `fingerprint` identify the model and `files_digest` the files that may
    be loaded for it.
    """

    version: str
    trees: str
    """Digest of the model's trees."""
    fingerprint: str
    """Digest of all inputs of the training."""
    effective_from: Period
    action: Action
    actor: str
    reason: str
    gate_results: tuple[Mapping[str, Any], ...] = ()
    files_digest: str = ""
    """Digest of every byte of the model's files, the as-of day of its training, and the declaration."""
    judged: str = ""
    """Identifies the gates and champion that the results came from; an approval is valid for these alone."""
    trial: Mapping[str, Any] = field(default_factory=dict)
    """Values about a trial, by the names in `include.registry.trials`; stored only if there are any."""


@dataclass(frozen=True, kw_only=True)
class LedgerEntry(LedgerDecision):
    """A decision as it was recorded."""

    number: int
    previous: str
    """SHA-256 of the entry before; empty for the first."""
    recorded_at: str
    """UTC, ISO 8601."""
    key_id: str = ""
    """Id of the signing key; empty if the entry is not signed."""
    mac: str = ""
    """HMAC-SHA256 of all other fields but `key_id`."""
    has_former_names: bool = False
    """Whether the entry's file has the names of lake format 1, with which it was hashed and signed. Not stored."""

    @property
    def trained_as_of(self) -> Period:
        """Return the as-of day of the training, by a model's first promotion.

        A promotion is effective from that day, but for one after a trial, which names it.
        """
        return Period(self.trial[AS_OF]) if AS_OF in self.trial else self.effective_from

    @property
    def makes_champion(self) -> bool:
        """Return whether the entry makes its version champion."""
        return lifecycle.is_promotion(self)

    def content(self) -> bytes:
        """Return the exact content of the entry's file."""
        return encode_record(self.stored_values())

    def stored_values(self) -> dict[str, Any]:
        """Return the values of the entry's file."""
        values = asdict(self) | {"effective_from": self.effective_from.key, "gate_results": list(self.gate_results)}
        del values["has_former_names"]
        if not self.trial:  # entries without it have the content, hash and signature that they always had
            del values["trial"]
        return record_store.former_names(values) if self.has_former_names else values

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.content()).hexdigest()

    @property
    def head(self) -> str:
        """Return `number:hash`, which MLflow stores for the last entry."""
        return f"{self.number}:{self.hash}"


def find_existing(decision: LedgerDecision, entries: Sequence[LedgerEntry]) -> LedgerEntry | None:
    """Return the newest entry with the same decision; None if there is none.

    Equal promotions have the same files and effective day, whatever the version's number. Equal rejections have the
    same trees and day. Equal rollbacks, trials and ends of trials have the same version, files, day and reason; one
    counts only if it is the newest entry of its sort or has the same actor, so that a cleared task does not undo later
    entries.
    """
    actions = _OF_SAME_SORT.get(decision.action, ())
    latest = next((entry for entry in reversed(entries) if entry.action in actions), None)
    for entry in reversed(entries):
        if entry.action != decision.action or _key(entry) != _key(decision):
            continue
        if not actions or entry is latest or entry.actor == decision.actor:
            return entry
    return None


_OF_SAME_SORT: Mapping[Action, tuple[Action, ...]] = {
    "rollback": ("promotion", "rollback"),
    "trial": ("trial", "trial_end"),
    "trial_end": ("trial", "trial_end"),
}
"""Actions that can be repeated on purpose, with those that replace what they did."""


def _key(decision: LedgerDecision) -> tuple[object, ...]:
    model = (decision.trees, decision.effective_from)
    if decision.action == "rejection":
        return model
    files = (*model, decision.fingerprint, decision.files_digest)
    if decision.action == "promotion":
        return files  # under any number: in MLflow the same files can get another one
    if decision.action in ("rollback", "trial", "trial_end"):
        return (*files, decision.version, decision.reason, *sorted(decision.trial.items()))
    return (*files, decision.version, decision.judged if decision.action == "approval" else "")


def entries_until(entry: LedgerEntry, entries: Sequence[LedgerEntry]) -> Period | None:
    """Return the first day on which an entry no longer makes the champion.

    That is its own effective day if a later entry has the same one.
    """
    promotions = [other for other in entries if other.makes_champion]
    if any(other.effective_from == entry.effective_from and other.number > entry.number for other in promotions):
        return entry.effective_from
    later_periods = (other.effective_from for other in promotions if other.effective_from > entry.effective_from)
    return min(later_periods, default=None)


def decode_entry(key: str, content: bytes) -> LedgerEntry:
    stored = json.loads(content)
    values = record_store.current_names(stored)
    values |= {"effective_from": Period(values["effective_from"]), "gate_results": tuple(values["gate_results"])}
    entry = LedgerEntry(**values, has_former_names=record_store.has_former_names(stored))
    if entry.number != int(key):
        raise FlawedRecordError(f"it holds entry {entry.number}")
    if not (isinstance(entry.key_id, str) and isinstance(entry.mac, str)):
        raise FlawedRecordError("its signature is not text")
    if not isinstance(entry.trial, dict):
        raise FlawedRecordError("its values about a trial are no mapping")
    if entry.content() != content and {"key_id", "mac"} <= values.keys():
        raise FlawedRecordError("it was changed by hand")
    return entry
