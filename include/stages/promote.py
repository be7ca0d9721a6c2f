"""Promote: make a version that passed every gate the champion, from the day as of which it was trained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from include.errors import AirworthyError
from include.logic import lives
from include.logic.lives import APPROVAL, GATES, LIFE, NOT_PROMOTED, Approval
from include.storage.ledger import Entry, Ledger
from include.storage.models import Registry, Version
from include.use_case import UseCase

ROUNDS = 20
"""Times that registry and ledger are looked at again: every further one means that another process has changed them."""
_HEADING = "\n\n**Not promoted**: "


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


def run(
    use_case: UseCase, version: str, *, who: str, reason: str = "", approval_required: bool = False
) -> PromoteResult:
    """Append the promotion to the ledger and let the registry follow it; or say why not, and keep that with it.

    It takes passed gates, no rejection by a person, with `approval_required` an approval, and a model that can be
    loaded from the registry. Killed anywhere, the next run goes on; run again, it changes nothing. `who` is the Airflow
    run or the person that promotes. Raises BadRequest (unknown version), LedgerDamaged, ArtifactMissing.
    """
    registry, ledger = Registry(use_case), Ledger.of(use_case)
    head = registry.ledger_head()
    entries = ledger.verify(head)
    found = registry.version(version)
    stands = any((entry.version, entry.action) == (version, "promotion") for entry in entries)
    if not stands and (why := _why_not(found, approval_required)):
        _explain(registry, found, why)
        return PromoteResult(version, False, why, None, None, follow(use_case), new=False)
    if not stands:
        registry.load_anew(found)
    approval = Approval.of(found.tags)
    appended = ledger.append(
        version,
        found.as_of,
        action="promotion",
        who=f"{who}, approved by {approval.who}" if approval else who,
        reason=_reason(reason or found.tags.get("reason", ""), approval),
        verdicts=json.loads(found.tags["verdicts"]),
    )
    champion, entry = follow(use_case), appended.entry
    why = f"{_judged(entry)} {_standing(entry, ledger.champion_of(found.as_of))}"
    return PromoteResult(version, True, why, entry.effective_from.isoformat(), entry.number, champion, new=appended.new)


def follow(use_case: UseCase) -> str | None:
    """Let the registry say what the ledger says: its head, the alias `champion`, every version's life; the champion.

    None where the ledger is empty or its champion was deleted. Where nothing differs, nothing is written. Whoever has
    written looks again: of two at once, the slower would else leave there what it had read before. LedgerDamaged where
    the ledger does not bear out the head.
    """
    registry, ledger = Registry(use_case), Ledger.of(use_case)
    for _ in range(ROUNDS):
        champion, changed = _repair(registry, ledger)
        if not changed:
            return champion
    raise AirworthyError(
        f"{use_case.name}: others changed the registry while it was made to follow the ledger, {ROUNDS} times over;"
        " run the task again."
    )


def _repair(registry: Registry, ledger: Ledger) -> tuple[str | None, bool]:
    """One look at everything and the writes that it takes; the champion, and whether anything was written."""
    head = registry.ledger_head()  # before the entries: one appended in between would look cut off
    entries = ledger.verify(head)
    versions = registry.versions()
    told = lives.lives(versions, entries)
    champion = next((number for number, life in told.items() if life == "champion"), None)
    changed = False
    if entries and head != entries[-1].head:
        registry.set_ledger_head(entries[-1].head)
        changed = True
    if registry.champion() != champion:
        registry.unset_champion() if champion is None else registry.set_champion(champion)
        changed = True
    promoted = {entry.version for entry in entries}
    for version in versions:
        if version.tags.get(LIFE) != told[version.number]:
            registry.tag_version(version.number, {LIFE: told[version.number]})
            changed = True
        if version.number in promoted and (NOT_PROMOTED in version.tags or _HEADING in version.description):
            registry.tag_version(version.number, {}, version.description.partition(_HEADING)[0])
            registry.untag_version(version.number, NOT_PROMOTED)
            changed = True
    return champion, changed


def _why_not(version: Version, approval_required: bool) -> str:
    """Why a version is not promoted; empty if it may be. A person's rejection is the last word, whatever came after."""
    approval, gates = Approval.of(version.tags), version.tags.get(GATES)
    if approval is not None and not approval.approved:
        return f"It was {approval}."
    if gates is None:
        return "It was not judged by its gates yet: run evaluate and register for it."
    if gates != "passed":
        return _blocking(json.loads(version.tags["verdicts"])) or f"Its gates are {gates}."
    if approval_required and APPROVAL not in version.tags:
        return "It waits for a person's approval."
    return ""


def _blocking(verdicts: Sequence[dict[str, object]]) -> str:
    return " ".join(
        str(each["reason"]) for each in verdicts if each["blocks"] and each["outcome"] in ("failed", "not judged")
    )


def _explain(registry: Registry, version: Version, why: str) -> None:
    """Keep with a version why it is not promoted, where that is not what it says already."""
    description = version.description.partition(_HEADING)[0] + _HEADING + why
    if (version.tags.get(NOT_PROMOTED), version.description) != (why, description):
        registry.tag_version(version.number, {NOT_PROMOTED: why}, description)


def _reason(reason: str, approval: Approval | None) -> str:
    return "; ".join(
        part for part in (reason, f"approved: {approval.why}" if approval and approval.why else "") if part
    )


def _judged(entry: Entry) -> str:
    passed, all_of_them = sum(verdict["outcome"] == "passed" for verdict in entry.verdicts), len(entry.verdicts)
    if passed == all_of_them:
        return f"All {passed} gates are passed;"
    return f"{passed} of {all_of_them} gates are passed, and none of the others blocks;"


def _standing(entry: Entry, champion: Entry) -> str:
    """Whether an entry decides who flies from its day on, or a later one of the same day does."""
    since = entry.effective_from
    if champion.number == entry.number:
        return f"champion from {since} on by ledger entry {entry.number}."
    return (
        f"promoted from {since} on by ledger entry {entry.number}, but the later entry {champion.number}"
        f" ({champion.action} by {champion.who}: {champion.reason or 'no reason given'}) makes version"
        f" {champion.version} the champion of that day."
    )
