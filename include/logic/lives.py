"""The life of a version: candidate, challenger, champion, archived or rejected, told from its tags and the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol, TypeVar

Life = Literal["candidate", "challenger", "champion", "archived", "rejected"]
GATES, LIFE, APPROVAL, NOT_PROMOTED = "gates", "life", "approval", "not_promoted"
"""Tags of a version: what the gates say in sum, its life, a person's decision, and why it was not promoted."""


class Registered(Protocol):
    """A version of the registry."""

    @property
    def number(self) -> str: ...
    @property
    def tags(self) -> Mapping[str, str]: ...


class Decided(Protocol):
    """An entry of the ledger."""

    @property
    def number(self) -> int: ...
    @property
    def version(self) -> str: ...
    @property
    def effective_from(self) -> date: ...


D = TypeVar("D", bound=Decided)


@dataclass(frozen=True)
class Approval:
    """What a person said of a version."""

    approved: bool
    who: str
    why: str

    @classmethod
    def of(cls, tags: Mapping[str, str]) -> Approval | None:
        """The decision among a version's tags; None if nobody has decided."""
        return cls(**json.loads(tags[APPROVAL])) if APPROVAL in tags else None

    def __str__(self) -> str:
        verb = "approved" if self.approved else "rejected"
        return f"{verb} by {self.who}" + (f": {self.why}" if self.why else "")


def newest(entries: Sequence[D]) -> D | None:
    """The entry with the greatest effective day, the later entry where two tie; None if there is none."""
    return max(entries, key=lambda entry: (entry.effective_from, entry.number), default=None)


def lives(versions: Sequence[Registered], entries: Sequence[Decided]) -> dict[str, Life]:
    """Version to life, for each of `versions`; others that the ledger names were deleted and are left out.

    Who stands on the ledger is the champion, if the newest entry names it, or archived, whatever its gates say now.
    Of the others, a failed gate or a refusal rejects, passed gates make a challenger, and the rest are candidates.
    """
    latest, named = newest(entries), {entry.version for entry in entries}
    return {version.number: _life(version, latest.version if latest else None, named) for version in versions}


def _life(version: Registered, champion: str | None, named: set[str]) -> Life:
    if version.number == champion:
        return "champion"
    if version.number in named:
        return "archived"
    approval, gates = Approval.of(version.tags), version.tags.get(GATES)
    if gates == "failed" or (approval is not None and not approval.approved):
        return "rejected"
    return "challenger" if gates == "passed" else "candidate"
