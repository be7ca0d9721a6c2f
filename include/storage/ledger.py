"""The ledger: who flies from which day on. Append-only; the only answer to "champion of day D".

One JSON file per entry, made whole or not at all and never changed; each holds the hash of the one before, so that a
change to the past shows.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

from include import settings
from include.errors import AirworthyError, NoChampion
from include.use_case import UseCase

ATTEMPTS = 100
"""Tries at one entry: every lost race means that another process has written one."""
Action = Literal["promotion", "rollback"]


class LedgerDamaged(AirworthyError):
    """An entry was changed, removed or cannot be read."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"The ledger is damaged at {path}: {what}. No model is promoted and no day is scored from it."
            " Restore the folder from a backup; entries are never edited by hand."
        )


@dataclass(frozen=True)
class Entry:
    """One promotion or rollback: `version` is champion from the start of `effective_from` on."""

    number: int
    previous: str
    """SHA-256 of the entry before; empty for the first."""
    version: str
    effective_from: date
    action: Action
    who: str
    reason: str
    verdicts: tuple[Mapping[str, Any], ...]
    recorded_at: str
    """UTC, ISO 8601."""

    def content(self) -> bytes:
        """The entry's file, to the byte."""
        values = asdict(self) | {"effective_from": self.effective_from.isoformat(), "verdicts": list(self.verdicts)}
        return (json.dumps(values, indent=1, sort_keys=True) + "\n").encode()

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.content()).hexdigest()


@dataclass(frozen=True)
class Appended:
    """The entry that stands, and whether this call has written it."""

    entry: Entry
    new: bool


@dataclass(frozen=True)
class Ledger:
    """The entries of one use case."""

    use_case: str
    folder: Path

    @classmethod
    def of(cls, use_case: UseCase) -> Ledger:
        return cls(use_case.name, Path(settings.current().lake) / use_case.name / "ledger")

    def entries(self) -> list[Entry]:
        """All entries, in order. Raises LedgerDamaged for one that is missing, unreadable or not chained."""
        if not self.folder.exists():
            return []
        paths = sorted(path for path in self.folder.iterdir() if re.fullmatch(r"\d{6,}\.json", path.name))
        found: list[Entry] = []
        for number, path in enumerate(paths, start=1):
            entry = _read(path)
            if entry.number != number or path.name != _name(number):
                raise LedgerDamaged(path, f"entry {number} is missing")
            if entry.previous != (found[-1].hash if found else ""):
                raise LedgerDamaged(path, f"it does not follow from entry {number - 1}, or that one was changed")
            found.append(entry)
        return found

    def append(
        self,
        version: str,
        effective_from: date,
        *,
        action: Action,
        who: str,
        reason: str,
        verdicts: Sequence[Mapping[str, Any]] = (),
    ) -> Appended:
        """Write the next entry; a promotion of this version from this day on that stands already is left as it is.

        Safe among processes: whoever loses the race for a number looks again and takes the next.
        """
        for _ in range(ATTEMPTS):
            entries = self.entries()
            if action == "promotion":
                for there in entries:
                    if (there.action, there.version, there.effective_from) == (action, version, effective_from):
                        return Appended(there, new=False)
            entry = Entry(
                number=len(entries) + 1,
                previous=entries[-1].hash if entries else "",
                version=version,
                effective_from=effective_from,
                action=action,
                who=who,
                reason=reason,
                verdicts=tuple(verdicts),
                recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            if _create(self.folder / _name(entry.number), entry.content()):
                return Appended(entry, new=True)
        raise AirworthyError(f"{self.use_case}: lost the race for a ledger entry {ATTEMPTS} times; run the task again.")

    def champion_of(self, day: date) -> Entry:
        """The entry with the greatest effective day up to `day`, the later entry on a tie; NoChampion if none."""
        entries = self.entries()
        effective = [entry for entry in entries if entry.effective_from <= day]
        if not effective:
            raise NoChampion(self.use_case, day, min((entry.effective_from for entry in entries), default=None))
        return max(effective, key=lambda entry: (entry.effective_from, entry.number))

    def newest(self) -> Entry | None:
        """The champion of the latest day that any entry speaks of; None for an empty ledger."""
        return max(self.entries(), key=lambda entry: (entry.effective_from, entry.number), default=None)


def _name(number: int) -> str:
    return f"{number:06d}.json"


def _read(path: Path) -> Entry:
    content = path.read_bytes()
    try:
        values = json.loads(content)
        values |= {
            "effective_from": date.fromisoformat(values["effective_from"]),
            "verdicts": tuple(values["verdicts"]),
        }
        entry = Entry(**values)
    except (ValueError, TypeError, KeyError) as error:
        raise LedgerDamaged(path, f"it cannot be read ({error})") from error
    if entry.content() != content:
        raise LedgerDamaged(path, "it was changed by hand")
    return entry


def _create(path: Path, content: bytes) -> bool:
    """Make the file with all of its content, unless it is there already; whether it was made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".tmp", delete=True) as temporary:
        temporary.write(content)
        temporary.flush()
        os.fsync(temporary.fileno())
        try:
            os.link(temporary.name, path)  # fails where the name is taken: a rename would replace it
        except FileExistsError:
            return False
    return True
