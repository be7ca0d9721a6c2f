"""What may go, and why: versions, files of tables, runs and old files, by the declared policy and an instant.

The instant is asked for by nobody here: it is given, so that the same state and instant make the same plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal

from include.declaration.retention import Retention
from include.lake.stored_files import StoredFile, TableFile
from include.registry import lifecycle
from include.registry.lifecycle import HasDecision, RegisteredVersion

Kind = Literal[
    "checkpoint", "version", "regained version", "superseded file", "orphan file", "restored run", "run",
    "deleted run", "logged model", "ownerless folder", "orphan artifacts", "task log", "page", "fit", "letter",
    "unfinished file",
]  # fmt: skip
CHANGES: Mapping[Kind, str] = {
    "checkpoint": "tables whose log gets a checkpoint",
    "version": "versions that can no longer be built again",
    "regained version": "versions that can be built again after all",
    "superseded file": "files of days as they were before they were replaced",
    "orphan file": "files that no commit of a table names",
    "restored run": "runs that were restored, whose days count anew",
    "run": "runs without a version, to be deleted (they can be restored)",
    "deleted run": "deleted runs whose artifacts go for good",
    "logged model": "models of deleted runs whose files go for good",
    "ownerless folder": "folders of artifacts without run or model, whose days begin to count",
    "orphan artifacts": "folders of artifacts without run or model, to be removed",
    "task log": "logs of tasks",
    "page": "Data Docs",
    "fit": "fits of a replay",
    "letter": "alerts that are done",
    "unfinished file": "files that a killed writer left beside its own",
}
"""Kind of what a plan holds, in the order in which it is carried out, and its name for a person.

A version is told first that it loses its data, and only then the data go: killed between, it says too much, not too
little."""


@dataclass(frozen=True)
class CleanupItem:
    """One thing that would go, or be put in order."""

    kind: Kind
    name: str
    bytes: int = 0
    """What it frees; 0 where nothing is freed, or nobody knows."""
    reason: str = ""
    table: str = ""
    """The table, or the place, that it is in."""


@dataclass(frozen=True)
class KeptVersion:
    """A version, or run, that stays reproducible, or not, and why."""

    name: str
    stays: bool
    reason: str


@dataclass(frozen=True)
class VersionNeeds:
    """What a model was trained on of one table: these days, at that Delta version."""

    table: str
    version: int
    since: date
    until: date


@dataclass(frozen=True)
class CleanupPlan:
    """What maintenance would do, and what it could not look at; plain values."""

    use_case: str
    items: tuple[CleanupItem, ...]
    kept: tuple[KeptVersion, ...] = ()
    entries: int = 0
    """How many entries the ledger had."""
    problems: tuple[str, ...] = ()

    def of(self, kind: Kind) -> list[CleanupItem]:
        """Its items of one kind, in their order."""
        return [item for item in self.items if item.kind == kind]

    def counts(self) -> dict[str, dict[str, int]]:
        """Kind to number of things and bytes, of what there is."""
        kinds = [kind for kind in CHANGES if self.of(kind)]
        return {
            kind: {"count": len(self.of(kind)), "bytes": sum(item.bytes for item in self.of(kind))} for kind in kinds
        }

    def table(self) -> list[str]:
        """Counts and bytes for a person, a line for each kind, then the problems; one line where nothing is to do."""
        lines = [
            f"{told['count']:>7,}  {size_text(told['bytes']):>10}  {CHANGES[kind]}"  # type: ignore[index]
            for kind, told in self.counts().items()
        ]
        lines = lines or ["Nothing is to be done."]
        return lines + [f"not looked at: {problem}" for problem in self.problems]


def size_text(count: int) -> str:
    """Bytes for a person."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def cutoff_of(now: datetime, days: int) -> datetime:
    """The instant so many days ago."""
    return now - timedelta(days=days)


def kept_versions(
    versions: Sequence[RegisteredVersion],
    trained_at: Mapping[str, datetime],
    entries: Sequence[HasDecision],
    named_at: Mapping[int, datetime],
    policy: Retention,
    now: datetime,
    today: date,
) -> list[KeptVersion]:
    """Each version, in its order, with whether its data are kept.

    `trained_at` has a version's number to the instant of its training (one that lacks it counts as new), `named_at` an
    entry's number to when it was recorded. `today` is the day whose champion is the champion.
    """
    flights = [entry for entry in entries if lifecycle.is_promotion(entry)]
    # A champion has flown until another was named: when the next entry was recorded.
    until = {each.number: named_at[after.number] for each, after in pairwise(flights)}
    flying, told = lifecycle.champion_of(today, flights), {}
    for version in versions:
        mine = [entry for entry in flights if lifecycle.refers_to(entry, version, entries)]
        if flying in mine:
            told[version.number] = KeptVersion(version.number, True, "it is the champion")
        elif mine and policy.champion_days is None:
            told[version.number] = KeptVersion(version.number, True, "it was the champion")
        elif any(until.get(entry.number, now) >= cutoff_of(now, policy.champion_days or 0) for entry in mine):
            told[version.number] = KeptVersion(version.number, True, f"it flew within {policy.champion_days} days")
        elif trained_at.get(version.number, now) >= cutoff_of(now, policy.run_days):
            told[version.number] = KeptVersion(version.number, True, f"it is younger than {policy.run_days} days")
    others = [version.number for version in versions if version.number not in told]
    newest = set(sorted(others, key=int)[-policy.newest_versions :])
    for number in others:
        stays = number in newest
        reason = "it is among" if stays else "it never flew, or too long ago, and is not among"
        told[number] = KeptVersion(number, stays, f"{reason} the newest {policy.newest_versions} of the other versions")
    return [told[version.number] for version in versions]


def superseded_files(
    parts: Iterable[TableFile], needed: Collection[int], policy: Retention, now: datetime
) -> list[TableFile]:
    """Files that the table held, but not within `superseded_days`, and at no needed Delta version."""
    since = cutoff_of(now, policy.superseded_days)
    needed_paths, gone = set(), {}
    for part in parts:
        replaced = part.removed is not None and part.removed_at is not None and part.removed_at <= since
        if not replaced or any(part.is_in(version) for version in needed):
            needed_paths.add(part.path)  # a file that was added twice goes only where both times are over
        else:
            gone[part.path] = part
    return [part for path, part in sorted(gone.items()) if path not in needed_paths]


def orphaned_files(
    files: Iterable[StoredFile], known: Collection[str], policy: Retention, now: datetime
) -> list[StoredFile]:
    """Files of a table's folder that no commit names and that were written before `superseded_days`: of a killed
    writer.

    Younger ones may be of a writer that is about to commit.
    """
    return [file for file in outdated_files(files, policy.superseded_days, now) if file.name not in known]


def outdated_files(files: Iterable[StoredFile], days: int, now: datetime) -> list[StoredFile]:
    """Files that were last written more than so many days ago."""
    return [file for file in files if file.modified < cutoff_of(now, days)]


def versions_losing_data(needs: VersionNeeds, parts: Sequence[TableFile], there: Collection[str]) -> list[date]:
    """The days of `needs` that could not be read any more if only the files `there` stayed.

    None, although files of that Delta version are not there, where all of the days hold the same content today: a
    rebuild reads that.
    """
    mine = [part for part in parts if needs.since <= part.day <= needs.until]
    then = [part for part in mine if part.is_in(needs.version)]
    now = [part for part in mine if part.removed is None]
    if _contents(then) == _contents(now) and all(part.path in there for part in now):
        return []
    return sorted({part.day for part in then if part.path not in there})


def _contents(parts: Iterable[TableFile]) -> set[tuple[date, str]]:
    return {(part.day, part.digest) for part in parts}
