"""Keep the ledger of promotions, rollbacks, rejections and approvals.

It alone defines the champion of each day. Append-only: one JSON file per entry, created atomically and never changed.
Each entry holds the hash of the one before, so a change to an earlier entry is detected. The last entry's number and
hash are also a tag of the registered model, so removing entries at the end is detected. Each entry is signed (see
lake/signing.py), so an entry appended without the key is detected even if its hash is right.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.errors import AirworthyError, NoChampionError
from include.lake import record_store
from include.lake.lake_format import lake_root, mark_format
from include.lake.object_store import StoragePath
from include.lake.record_store import (
    ATTEMPTS,
    Link,
    RecordCorruptedError,
    RecordStore,
)
from include.lake.signing import load_signing_keys
from include.registry import lifecycle
from include.registry.ledger_entry import LedgerDecision, LedgerEntry, decode_entry, find_existing
from include.registry.tags import LEDGER_HEAD

_NAMED = 5
"""Most unproven entries that an error lists."""


class LedgerCorruptedError(RecordCorruptedError):
    """An entry was changed, removed or cannot be read."""

    damaged = "The ledger is damaged"
    consequence = "No model is promoted and no period is scored from it."


class UnprovenEntriesError(LedgerCorruptedError):
    """The hashes of entries are right, but this installation did not sign them."""

    def __init__(self, place: StoragePath, flaws: Mapping[int, str]) -> None:
        self.flaws = dict(flaws)
        named = "; ".join(f"entry {number}: {flaw}" for number, flaw in list(flaws.items())[:_NAMED])
        more = f"; and {len(flaws) - _NAMED} more" if len(flaws) > _NAMED else ""
        super().__init__(
            place,
            f"it has entries without proof that this installation wrote them ({named}{more})",
            " If the entries were signed with other keys, set AIRWORTHY_SIGNING_KEYS to all of them, the newest first.",
        )


class HeadInvalidError(LedgerCorruptedError):
    """The ledger's head in MLflow is not the head of any ledger."""

    def __init__(self, place: StoragePath, head: str) -> None:
        self.head = head
        super().__init__(place, f"its head in MLflow is {head!r}, which is not `number:hash`")


class HeadMissingError(LedgerCorruptedError):
    """MLflow has no head of a ledger that had a champion or several entries."""

    def __init__(self, place: StoragePath, model: str, count: int, head: str | None) -> None:
        """Build the message.

        `head` is the one of the ledger's `count` entries, or None if it has none.
        """
        self.model, self.count, self.head = model, count, head
        counted = f"{count} {'entry' if count == 1 else 'entries'}"
        super().__init__(
            place,
            f"its head in MLflow is missing; it has {counted}, and later ones may have been removed",
            f" If the entries are right and only the head is lost, set the tag `{LEDGER_HEAD.name}` of the registered"
            f" model `{model}` in MLflow to `{head}`."
            if head
            else "",
        )


class EntriesCutError(LedgerCorruptedError):
    """The ledger has fewer entries than its head in MLflow says."""

    def __init__(self, place: StoragePath, stated: int, count: int) -> None:
        self.stated, self.count = stated, count
        super().__init__(
            place,
            f"according to its head in MLflow there are {stated} entries, but there are {count}: the later ones were"
            " cut off",
        )


class EntryReplacedError(LedgerCorruptedError):
    """An entry has another hash than the ledger's head in MLflow says."""

    def __init__(self, place: StoragePath, entry_hash: str, head_hash: str) -> None:
        self.entry_hash, self.head_hash = entry_hash, head_hash
        super().__init__(
            place,
            f"it has the hash {entry_hash[:12]}…, but its head in MLflow has {head_hash[:12]}…: it was replaced",
        )


class LedgerConflictError(AirworthyError):
    """Another process appended an entry; the decision must be made again."""

    retryable = True

    def __init__(self, use_case: str) -> None:
        self.use_case = use_case
        super().__init__(
            f"{use_case}: another process wrote to the ledger at the same time. Nothing was recorded. Run the task"
            " again."
        )


@dataclass(frozen=True)
class AppendedEntry:
    """The entry of a decision, and whether this call has written it."""

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
    def open(cls, use_case: UseCase, lake: str = "") -> Ledger:
        """Return the ledger in `lake`; without one, in the lake that the settings name.

        Raises:
            LakeFormatError: the lake has another format.
        """
        root = lake_root(use_case.name, lake)
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
        """Return all entries in order, and flaws by the number of their entry.

        Raises:
            LedgerCorruptedError: an entry is missing, unreadable or not chained.
        """
        entries = self.store.numbered()
        return entries, self._flaws(entries)

    @property
    def store(self) -> RecordStore[LedgerEntry]:
        """The files of the entries."""
        return RecordStore(
            self.folder, decode_entry, LedgerCorruptedError, link=lambda entry: Link(entry.previous, entry.hash)
        )

    def _flaws(self, entries: Sequence[LedgerEntry]) -> dict[int, str]:
        """Return why entries are not genuine, by number.

        An entry signed with an older key than an earlier entry is not genuine: a stolen key that was replaced must not
        append.
        """
        keys, newest, flaws = load_signing_keys(), sys.maxsize, dict[int, str]()
        for entry in entries:
            if flaw := record_store.seal_flaw(keys, self._purpose, entry.stored_values(), on_ledger=True):
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
        sealed = record_store.seal_record(self._purpose, entry.stored_values())
        return replace(entry, key_id=sealed["key_id"], mac=sealed["mac"])

    def verify(self, head: str | None, *, had_champion: bool = False) -> list[LedgerEntry]:
        """Compare the entries with MLflow's `head` (None: no head); return them.

        Read the head before calling this; otherwise an entry appended in between looks removed. A head older than the
        last entry is valid: a process was stopped after appending and before updating the head. A missing head is valid
        only while the ledger has at most one entry and, according to MLflow, no version was champion (`had_champion`).

        Raises:
            LedgerCorruptedError: entries are damaged, or do not match the head.
        """
        entries = self.entries()
        if head is None:
            if len(entries) > 1 or had_champion:
                last = entries[-1].head if entries else None
                raise HeadMissingError(self.folder, self.use_case, len(entries), last)
            return entries
        number, _, head_hash = head.partition(":")
        if not re.fullmatch(r"[1-9]\d*:[0-9a-f]{64}", head):
            raise HeadInvalidError(self.folder, head)
        place = self.store.path(self.store.key(int(number)))
        if len(entries) < int(number):
            raise EntriesCutError(place, int(number), len(entries))
        if (entry_hash := entries[int(number) - 1].hash) != head_hash:
            raise EntryReplacedError(place, entry_hash, head_hash)
        return entries

    def append(self, decision: LedgerDecision, *, after: int | None = None) -> AppendedEntry:
        """Append the decision, unless the ledger has it already (see `find_existing`).

        Call `verify` first. Safe for concurrent processes: if another one takes the number, the next is tried.

        Raises:
            LedgerConflictError: there are more entries than the `after` on which the decision was based.
            UnprovenEntriesError: entries were not signed by this installation.
            LedgerCorruptedError: an entry is missing, unreadable or not chained.
        """
        if self.lake is not None:
            mark_format(self.lake)
        for _ in range(ATTEMPTS):
            entries = self.entries()
            if existing := find_existing(decision, entries):
                return AppendedEntry(existing, new=False)
            if after is not None and len(entries) != after:
                break
            entry = LedgerEntry(
                number=len(entries) + 1,
                previous=entries[-1].hash if entries else "",
                recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
                **{field.name: getattr(decision, field.name) for field in fields(LedgerDecision)},
            )
            entry = self._signed(entry)
            if self.store.append(entry.number, entry.content()):
                return AppendedEntry(entry, new=True)
        raise LedgerConflictError(self.use_case)

    def champion_of(self, period: Period) -> LedgerEntry:
        """Return the entry that makes the champion of `period`.

        That is the entry with the latest effective day up to `period`, and of entries of one day the one with the
        highest number.

        Raises:
            NoChampionError: no entry is effective on `period`.
        """
        entries = self.entries()
        champion = lifecycle.champion_of(period, entries)
        if champion is None:
            effective_periods = (entry.effective_from for entry in entries if entry.makes_champion)
            raise NoChampionError(self.use_case, period, min(effective_periods, default=None))
        return champion

    def champion_apart_from(self, version: str | None, period: Period) -> LedgerEntry | None:
        """Return the champion of `period` without the entries of `version`.

        Returns None if none is left. This is the champion that `version` is compared with.
        """
        return lifecycle.champion_of(period, (entry for entry in self.entries() if entry.version != version))
