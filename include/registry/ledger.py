"""The ledger: who flies from which day on, and what was rejected. The only answer to "champion of day D".

Append-only: one JSON file per entry, made whole or not at all and never changed; each holds the hash of the one
before, so that a change to the past shows. The last one's number and hash are also kept elsewhere, as a tag of the
registered model, so that cutting entries off the end shows too. Each entry is signed (see registry/signing.py): one
that somebody else has appended shows, although it chains.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import Any

from include.declaration.use_case import UseCase
from include.errors import AirworthyError, NoChampionError
from include.lake.lake_format import lake_root, mark_format
from include.lake.object_store import StoragePath
from include.lake.signing import Signature, load_signing_keys, require_signing_keys
from include.registry import lifecycle
from include.registry.lifecycle import Action
from include.registry.records import UNREADABLE
from include.registry.tags import LEDGER_HEAD

_NAMED = 5
"""Entries without proof that an error names."""
ATTEMPTS = 100
"""Tries at one entry: every lost race means that another process has written one."""


class LedgerCorruptedError(AirworthyError):
    """An entry was changed, removed or cannot be read."""

    def __init__(self, place: StoragePath, what: str, remedy: str = "") -> None:
        super().__init__(
            f"The ledger is damaged at {place}: {what}. No model is promoted and no day is scored from it."
            f" Restore the folder from a backup; entries are never edited by hand.{remedy}"
        )


class UnprovenEntriesError(LedgerCorruptedError):
    """Entries chain, but were not signed by this installation."""

    def __init__(self, place: StoragePath, flaws: Mapping[int, str]) -> None:
        self.flaws = dict(flaws)
        named = "; ".join(f"entry {number}: {flaw}" for number, flaw in list(flaws.items())[:_NAMED])
        more = f"; and {len(flaws) - _NAMED} more" if len(flaws) > _NAMED else ""
        super().__init__(
            place,
            f"it has entries without proof that this installation wrote them ({named}{more})",
            " If the keys are not those that the entries were signed with, set AIRWORTHY_SIGNING_KEYS to all of them,"
            " the newest first.",
        )


class LedgerConflictError(AirworthyError):
    """Another process has written an entry since the ledger was looked at: what was decided must be decided again."""

    worth_retrying = True


@dataclass(frozen=True, kw_only=True)
class LedgerDecision:
    """One promotion or rollback: `version` is champion from the start of `effective_from` on.

    Or one rejection: the model, trained as of `effective_from`, never becomes one; or one approval: it may. Numbers of
    versions may be given twice, when MLflow is restored from a backup: `trees` and `fingerprint` say which model is
    meant, and `files_digest` which files may be loaded for it.
    """

    version: str
    trees: str
    """Digest of the model's trees."""
    fingerprint: str
    """Digest of all that the model was trained from."""
    effective_from: date
    action: Action
    actor: str
    reason: str
    verdicts: tuple[Mapping[str, Any], ...] = ()
    files_digest: str = ""
    """Digest of every byte of what may be loaded, the day it was trained as of, and the declaration."""
    judged: str = ""
    """What the verdicts were judged by: an approval is of these."""


_STORED_ACTOR = "who"
"""Name of `actor` in an entry's file: entries are signed and chained, so it stays as the first ones have it."""


@dataclass(frozen=True, kw_only=True)
class LedgerEntry(LedgerDecision):
    """A decision as it was recorded."""

    number: int
    previous: str
    """SHA-256 of the entry before; empty for the first."""
    recorded_at: str
    """UTC, ISO 8601."""
    key_id: str = ""
    """The key that it is signed with; empty for an entry that is not signed."""
    mac: str = ""
    """HMAC-SHA256 of all the rest."""

    @property
    def flies(self) -> bool:
        """Whether it makes a champion."""
        return lifecycle.is_promotion(self)

    def content(self) -> bytes:
        """The entry's file, to the byte."""
        return _encoded(self._values())

    def signed_content(self) -> bytes:
        """Return what the signature is of."""
        values = self._values()
        del values["key_id"], values["mac"]
        return _encoded(values)

    def _values(self) -> dict[str, Any]:
        values = asdict(self) | {"effective_from": self.effective_from.isoformat(), "verdicts": list(self.verdicts)}
        values[_STORED_ACTOR] = values.pop("actor")
        return values

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.content()).hexdigest()

    @property
    def head(self) -> str:
        """What is kept elsewhere of the last entry: `number:hash`."""
        return f"{self.number}:{self.hash}"


@dataclass(frozen=True)
class AppendedEntry:
    """The entry that stands, and whether this call has written it."""

    entry: LedgerEntry
    new: bool


@dataclass(frozen=True)
class Ledger:
    """The entries of one use case."""

    use_case: str
    folder: StoragePath
    lake: StoragePath | None = None
    """The use case's lake, whose format is marked with the first entry; None for entries elsewhere."""

    @classmethod
    def of(cls, use_case: UseCase) -> Ledger:
        """Return the ledger of the lake that the settings name; LakeFormatError if that has another format."""
        root = lake_root(use_case.name)
        return cls(use_case.name, root / "ledger", root)

    def entries(self) -> list[LedgerEntry]:
        """Return all entries, in order.

        Raises:
            LedgerCorruptedError: an entry is missing, unreadable or not chained.
            UnprovenEntriesError: entries were not signed by this installation.
        """
        entries, flaws = self.inspect()
        if flaws:
            raise UnprovenEntriesError(self.folder, flaws)
        return entries

    def inspect(self) -> tuple[list[LedgerEntry], dict[int, str]]:
        """Return all entries in order, and by number what is wrong with those that are not genuine, to be shown.

        Raises:
            LedgerCorruptedError: an entry is missing, unreadable or not chained.
        """
        entries = self._chained()
        return entries, self._flaws(entries)

    def _flaws(self, entries: Sequence[LedgerEntry]) -> dict[int, str]:
        """Return why entries are not genuine, by number.

        An older key signs nothing after a newer one: whoever has got hold of a key that was replaced appends nothing.
        """
        keys, newest, flaws = load_signing_keys(), sys.maxsize, dict[int, str]()
        for entry in entries:
            signature = Signature(entry.key_id, entry.mac)
            if flaw := keys.flaw(self._purpose, entry.signed_content(), signature, on_ledger=True):
                flaws[entry.number] = flaw
                continue
            age = keys.age(entry.key_id)
            assert age is not None
            if age > newest:
                flaws[entry.number] = "it is signed with an older key than an entry before it"
            newest = min(newest, age)
        return flaws

    @property
    def _purpose(self) -> str:
        return f"ledger of {self.use_case}"

    def _signed(self, entry: LedgerEntry) -> LedgerEntry:
        signature = require_signing_keys().sign(self._purpose, entry.signed_content())
        return replace(entry, key_id=signature.key_id, mac=signature.mac)

    def _chained(self) -> list[LedgerEntry]:
        names = sorted(name for name in self.folder.names() if re.fullmatch(r"\d{6,}\.json", name))
        found: list[LedgerEntry] = []
        for number, (name, content) in enumerate(zip(names, self.folder.read_all(names), strict=True), start=1):
            place = self.folder / name
            entry = _entry(place, content)
            if entry.number != number or name != _name(number):
                raise LedgerCorruptedError(place, f"entry {number} is missing")
            if entry.previous != (found[-1].hash if found else ""):
                raise LedgerCorruptedError(
                    place, f"it does not follow from entry {number - 1}, or that one was changed"
                )
            found.append(entry)
        return found

    def verify(self, head: str | None, *, flown: bool = False) -> list[LedgerEntry]:
        """All entries, in order, after holding them against the `head` that is kept elsewhere (None: there is none).

        Read the head before calling this, or an entry appended meanwhile looks cut off. A head that lags behind the
        entries is no damage: who appended was killed before moving it on. A head that is missing is none only where
        the very first entry has just been written; `flown` says that a version's life tells of more.
        Raises LedgerCorruptedError.
        """
        entries = self.entries()
        if head is None:
            if len(entries) > 1 or flown:
                raise self._headless(entries)
            return entries
        number, _, told = head.partition(":")
        if not re.fullmatch(r"[1-9]\d*:[0-9a-f]{64}", head):
            raise LedgerCorruptedError(self.folder, f"its head, kept in MLflow, is {head!r}, which is no `number:hash`")
        place = self.folder / _name(int(number))
        if len(entries) < int(number):
            raise LedgerCorruptedError(
                place,
                f"its head, kept in MLflow, says that there are {number} entries; there are {len(entries)}: the later"
                " ones were cut off",
            )
        if (there := entries[int(number) - 1].hash) != told:
            raise LedgerCorruptedError(
                place,
                f"it has the hash {there[:12]}…, but its head, kept in MLflow, says {told[:12]}…: it was replaced",
            )
        return entries

    def _headless(self, entries: Sequence[LedgerEntry]) -> LedgerCorruptedError:
        remedy = (
            f" If the entries are right and only the head is lost, set the tag `{LEDGER_HEAD.name}` of the"
            f" registered model `{self.use_case}` in MLflow to `{entries[-1].head}`."
            if entries
            else ""
        )
        there = f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}"
        what = f"its head, kept in MLflow, is missing, so nothing shows whether its {there} are all there were"
        return LedgerCorruptedError(self.folder, what, remedy)

    def append(self, decision: LedgerDecision, *, after: int | None = None) -> AppendedEntry:
        """Write the next entry, unless the decision stands already (see `standing`): then that entry is left as it is.

        Call `verify` first. Safe among processes: whoever loses the race for a number looks again and takes the next,
        or, where `after` tells how many entries the decision was made on, raises Overtaken.
        """
        if self.lake is not None:
            mark_format(self.lake)
        for _ in range(ATTEMPTS):
            entries = self.entries()
            if there := find_existing(decision, entries):
                return AppendedEntry(there, new=False)
            if after is not None and len(entries) != after:
                break
            entry = LedgerEntry(
                number=len(entries) + 1,
                previous=entries[-1].hash if entries else "",
                recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
                **{field.name: getattr(decision, field.name) for field in fields(LedgerDecision)},
            )
            entry = self._signed(entry)
            if (self.folder / _name(entry.number)).create(entry.content()):
                return AppendedEntry(entry, new=True)
        raise LedgerConflictError(f"{self.use_case}: others have written to the ledger meanwhile; run the task again.")

    def champion_of(self, day: date) -> LedgerEntry:
        """The entry with the greatest effective day up to `day`, the later entry on a tie; NoChampionError if none."""
        entries = self.entries()
        champion = lifecycle.champion_of(day, entries)
        if champion is None:
            flights = (entry.effective_from for entry in entries if entry.flies)
            raise NoChampionError(self.use_case, day, min(flights, default=None))
        return champion

    def champion_apart_from(self, version: str | None, day: date) -> LedgerEntry | None:
        """The champion of `day` as if `version` had never been one: who it is compared with. None if nobody is left."""
        return lifecycle.champion_of(day, (entry for entry in self.entries() if entry.version != version))


def find_existing(decision: LedgerDecision, entries: Sequence[LedgerEntry]) -> LedgerEntry | None:
    """The entry that has said the same already; None if there is none.

    A promotion stands once its model was promoted as that version from that day on; a rejection, once that model of
    that day was rejected as any version. A rollback stands where the newest flight is one to the same version, day and
    reason, and where the same `who` decided it before: a cleared task does not undo what came after it.
    """
    latest = next((each for each in reversed(entries) if each.flies), None)
    for there in reversed(entries):
        if there.action != decision.action or _key(there) != _key(decision):
            continue
        if decision.action != "rollback" or there is latest or there.actor == decision.actor:
            return there
    return None


def _key(decision: LedgerDecision) -> tuple[object, ...]:
    model = (decision.trees, decision.effective_from)
    if decision.action == "rejection":
        return model
    files = (*model, decision.fingerprint, decision.files_digest)
    if decision.action == "promotion":
        return files  # under any number: whoever writes to MLflow can give the same files another one
    more = {"approval": decision.judged, "rollback": decision.reason}
    return (*files, decision.version, more.get(decision.action, ""))


def entries_until(entry: LedgerEntry, entries: Sequence[LedgerEntry]) -> date | None:
    """The first day that a flight no longer decides; None if there is none, its own day if it was overtaken on that."""
    flights = [each for each in entries if each.flies]
    if any(each.effective_from == entry.effective_from and each.number > entry.number for each in flights):
        return entry.effective_from
    return min((each.effective_from for each in flights if each.effective_from > entry.effective_from), default=None)


def _encoded(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=1, sort_keys=True) + "\n").encode()


def _name(number: int) -> str:
    return f"{number:06d}.json"


def _entry(place: StoragePath, content: bytes) -> LedgerEntry:
    try:
        values = json.loads(content)
        values["actor"] = values.pop(_STORED_ACTOR)
        values |= {
            "effective_from": date.fromisoformat(values["effective_from"]),
            "verdicts": tuple(values["verdicts"]),
        }
        entry = LedgerEntry(**values)
        is_text = isinstance(entry.key_id, str) and isinstance(entry.mac, str)
        is_ours = entry.content() == content
    except UNREADABLE as error:
        raise LedgerCorruptedError(place, f"it cannot be read ({error})") from error
    if not is_text:
        raise LedgerCorruptedError(place, "its signature is no text")
    if not is_ours and {"key_id", "mac"} <= values.keys():
        raise LedgerCorruptedError(place, "it was changed by hand")
    return entry
