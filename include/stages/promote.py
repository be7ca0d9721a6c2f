"""Promote: make a version that passed every gate the champion, from the day as of which it was trained."""

from __future__ import annotations

import json
from dataclasses import dataclass

from include.stages.register import NOT_PROMOTED
from include.storage.ledger import Entry, Ledger
from include.storage.models import Registry
from include.use_case import UseCase

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


def run(use_case: UseCase, version: str, *, who: str, reason: str = "") -> PromoteResult:
    """Append the promotion to the ledger and let the alias follow it; without every gate passed, say why not.

    The ledger decides, the alias follows: killed in between, the next run repairs the alias. Run again, it changes
    nothing. `who` is the Airflow run or the person that promotes. BadRequest for an unknown version.
    """
    registry, ledger = Registry(use_case), Ledger.of(use_case)
    found = registry.version(version)
    verdicts = json.loads(found.tags["verdicts"])
    if found.tags["passed"] != "true":
        why = " ".join(verdict["reason"] for verdict in verdicts if not verdict["passed"])
        if found.tags.get(NOT_PROMOTED) != why:
            description = found.description.partition(_HEADING)[0] + _HEADING + why
            registry.tag_version(version, {NOT_PROMOTED: why}, description)
        return PromoteResult(version, False, why, None, None, follow(registry, ledger), new=False)
    reason = reason or found.tags.get("reason", "")
    appended = ledger.append(version, found.as_of, action="promotion", who=who, reason=reason, verdicts=verdicts)
    champion, entry = follow(registry, ledger), appended.entry
    why = f"All {len(verdicts)} gates are passed; {_standing(entry, ledger.champion_of(found.as_of))}"
    return PromoteResult(version, True, why, entry.effective_from.isoformat(), entry.number, champion, new=appended.new)


def follow(registry: Registry, ledger: Ledger) -> str | None:
    """Point the alias to the champion of the latest day that the ledger speaks of; that version.

    Whoever has set it reads the ledger again: of two at once, the slower would else leave the older champion there.
    """
    newest = ledger.newest()
    if newest is None:
        return registry.champion()
    while True:
        if registry.champion() != newest.version:
            registry.set_champion(newest.version)
        told, newest = newest, ledger.newest() or newest
        if newest.version == told.version:
            return newest.version


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
