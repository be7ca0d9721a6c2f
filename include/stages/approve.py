"""Approve: keep with a version what a person, or the end of the time to answer, decided about its promotion."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from include.errors import BadRequest
from include.logic.lives import APPROVAL, Approval
from include.stages import promote
from include.storage.ledger import Ledger
from include.storage.models import Registry
from include.use_case import UseCase


@dataclass(frozen=True)
class ApproveResult:
    """The decision that stands; plain values."""

    version: str
    approved: bool
    who: str
    why: str
    new: bool
    """Whether this call has recorded it."""


def run(use_case: UseCase, version: str, *, approved: bool, who: str, why: str) -> ApproveResult:
    """Record the decision as a tag of the version; the same decision again changes nothing.

    A rejection is final. An approval may be taken back until the version is promoted: after that it takes a rollback.
    Raises BadRequest for an unknown version, an approval after a rejection, and a rejection after a promotion.
    """
    registry = Registry(use_case)
    before = Approval.of(registry.version(version).tags)
    asked = Approval(approved, who, why)
    if before is not None and before.approved == approved:
        promote.follow(use_case)
        return ApproveResult(version, before.approved, before.who, before.why, new=False)
    if before is not None and approved:
        raise BadRequest(
            f"{use_case.name}: version {version} was {before}. A rejection is final; train a new version to promote"
            " another model."
        )
    entries = Ledger.of(use_case).verify(registry.ledger_head())
    there = next((entry for entry in entries if entry.version == version), None)
    if there is not None and not approved:
        raise BadRequest(
            f"{use_case.name}: version {version} was made champion from {there.effective_from} on by ledger entry"
            f" {there.number} and can no longer be rejected. Trigger {use_case.name}__rollback to go back to another."
        )
    registry.tag_version(version, {APPROVAL: json.dumps(asdict(asked))})
    promote.follow(use_case)
    return ApproveResult(version, approved, who, why, new=True)
