"""Promote: make a version that passed every gate the champion, from the day as of which it was trained."""

from __future__ import annotations

import json
from dataclasses import dataclass

from include.storage.ledger import Ledger
from include.storage.models import Registry
from include.use_case import UseCase

NOT_PROMOTED = "\n\n**Not promoted**: "


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
        if found.tags.get("not_promoted") != why:
            description = found.description.partition(NOT_PROMOTED)[0] + NOT_PROMOTED + why
            registry.tag_version(version, {"not_promoted": why}, description)
        return PromoteResult(version, False, why, None, None, registry.champion(), new=False)
    reason = reason or found.tags.get("reason", "")
    appended = ledger.append(version, found.as_of, action="promotion", who=who, reason=reason, verdicts=verdicts)
    champion, number, since = follow(registry, ledger), appended.entry.number, found.as_of.isoformat()
    why = f"All {len(verdicts)} gates are passed; champion from {since} on by ledger entry {number}."
    return PromoteResult(version, True, why, since, number, champion, new=appended.new)


def follow(registry: Registry, ledger: Ledger) -> str | None:
    """Point the alias to the champion of the latest day that the ledger speaks of; that version."""
    newest = ledger.newest()
    if newest is None:
        return registry.champion()
    if registry.champion() != newest.version:
        registry.set_champion(newest.version)
    return newest.version
