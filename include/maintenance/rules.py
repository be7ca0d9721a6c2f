"""Select what may be removed, and why, by the declared retention and a given time.

The time is always a parameter, so that the same state and time give the same plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from include.declaration.period import Period
from include.declaration.retention import Retention
from include.lake.stored_files import StoredFile, TableFile
from include.registry import lifecycle
from include.registry.lifecycle import HasDecision, RegisteredVersion

Kind = Literal[
    "checkpoint", "version", "regained version", "superseded file", "orphan file", "restored run", "run",
    "deleted run", "logged model", "ownerless folder", "orphan artifacts", "task log", "page", "fit", "letter",
    "kept copy", "shard", "cost", "compiled trees", "unfinished file",
]  # fmt: skip
CHANGES: Mapping[Kind, str] = {
    "checkpoint": "tables whose log gets a checkpoint",
    "version": "versions that can no longer be built again",
    "regained version": "versions that can be built again after all",
    "superseded file": "files of days as they were before they were replaced",
    "orphan file": "files that no commit of a table names",
    "restored run": "runs that were restored, whose retention starts again",
    "run": "runs without a version, to be deleted (they can be restored)",
    "deleted run": "deleted runs whose artifacts are removed for good",
    "logged model": "models of deleted runs whose files are removed for good",
    "ownerless folder": "folders of artifacts without run or model, whose retention starts",
    "orphan artifacts": "folders of artifacts without run or model, to be removed",
    "task log": "logs of tasks",
    "page": "Data Docs",
    "fit": "fits of a replay",
    "letter": "alerts that are done",
    "kept copy": "ordered copies of files that no period has read for long",
    "shard": "predictions of shards that no task committed",
    "cost": "records of what steps cost, and of the periods of backfills",
    "compiled trees": "compiled trees, and what was found out about them",
    "unfinished file": "unfinished files of a killed writer",
}
"""Kind of item to its name for a person, in the order in which a plan is applied.

Versions are marked before their data are removed, so that an interrupted run leaves no unmarked version without data.
"""


@dataclass(frozen=True)
class CleanupItem:
    """One change of a plan: something to remove, mark or checkpoint."""

    kind: Kind
    name: str
    bytes: int = 0
    """Bytes that it frees; 0 if none or unknown."""
    reason: str = ""
    table: str = ""
    """Its table, or its folder."""


@dataclass(frozen=True)
class KeptVersion:
    """Whether a version stays reproducible, and why."""

    name: str
    stays: bool
    reason: str


@dataclass(frozen=True)
class VersionNeeds:
    """The days and Delta version of one table on which a model was trained."""

    table: str
    version: int
    since: Period
    until: Period


@dataclass(frozen=True)
class CleanupPlan:
    """The changes that maintenance would make, and what it could not read.

    It has plain values.
    """

    use_case: str
    items: tuple[CleanupItem, ...]
    kept: tuple[KeptVersion, ...] = ()
    entries: int = 0
    """Number of entries of the ledger."""
    problems: tuple[str, ...] = ()

    def items_of(self, kind: Kind) -> list[CleanupItem]:
        """Return the items of one kind, in order."""
        return [item for item in self.items if item.kind == kind]

    def counts(self) -> dict[str, dict[str, int]]:
        """Return `count` and `bytes` of each kind that has items."""
        kinds = [kind for kind in CHANGES if self.items_of(kind)]
        return {
            kind: {"count": len(self.items_of(kind)), "bytes": sum(item.bytes for item in self.items_of(kind))}
            for kind in kinds
        }

    def table(self) -> list[str]:
        """Return a line with count and bytes for each kind, then the problems."""
        lines = [
            f"{totals['count']:>7,}  {size_text(totals['bytes']):>10}  {CHANGES[kind]}"  # type: ignore[index]
            for kind, totals in self.counts().items()
        ]
        lines = lines or ["Nothing is to be done."]
        return lines + [f"not read: {problem}" for problem in self.problems]


def size_text(count: int) -> str:
    """Return a number of bytes as text with a unit."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def cutoff_of(now: datetime, periods: int) -> datetime:
    """Return the time `days` days before `now`."""
    return now - timedelta(days=periods)


def kept_versions(
    versions: Sequence[RegisteredVersion],
    trained_at: Mapping[str, datetime],
    entries: Sequence[HasDecision],
    named_at: Mapping[int, datetime],
    policy: Retention,
    now: datetime,
    today: Period,
) -> list[KeptVersion]:
    """Return for each version, in order, whether its data are kept.

    `trained_at` maps a version's number to the time of its training (a missing one counts as new), `named_at` an
    entry's number to the time when it was recorded. The champion of `today` is kept.
    """
    promotions = [entry for entry in entries if lifecycle.is_promotion(entry)]
    # A version was champion until the next entry was recorded.
    until = {entry.number: named_at[following.number] for entry, following in pairwise(promotions)}
    latest = lifecycle.champion_of(today, promotions)
    kept: dict[str, KeptVersion] = {}
    for version in versions:
        own = [entry for entry in promotions if lifecycle.refers_to(entry, version, entries)]
        if latest in own:
            kept[version.number] = KeptVersion(version.number, True, "it is the champion")
        elif own and policy.champion_days is None:
            kept[version.number] = KeptVersion(version.number, True, "it was the champion")
        elif any(until.get(entry.number, now) >= cutoff_of(now, policy.champion_days or 0) for entry in own):
            reason = f"it was champion within {policy.champion_days} days"
            kept[version.number] = KeptVersion(version.number, True, reason)
        elif trained_at.get(version.number, now) >= cutoff_of(now, policy.run_days):
            kept[version.number] = KeptVersion(version.number, True, f"it is younger than {policy.run_days} days")
    others = [version.number for version in versions if version.number not in kept]
    newest = set(sorted(others, key=int)[-policy.newest_versions :])
    for number in others:
        stays = number in newest
        reason = "it is among" if stays else "it was never champion, or too long ago, and is not among"
        kept[number] = KeptVersion(number, stays, f"{reason} the newest {policy.newest_versions} of the other versions")
    return [kept[version.number] for version in versions]


def superseded_files(
    parts: Iterable[TableFile], needed: Collection[int], policy: Retention, now: datetime
) -> list[TableFile]:
    """Return the replaced files that no needed Delta version contains.

    Only files that left the table more than `superseded_days` ago.
    """
    since = cutoff_of(now, policy.superseded_days)
    needed_paths, superseded = set(), {}
    for part in parts:
        replaced = part.removed is not None and part.removed_at is not None and part.removed_at <= since
        if not replaced or any(part.is_in(version) for version in needed):
            needed_paths.add(part.path)  # a file that was added twice is needed if one of the two parts is
        else:
            superseded[part.path] = part
    return [part for path, part in sorted(superseded.items()) if path not in needed_paths]


def orphaned_files(
    files: Iterable[StoredFile], known: Collection[str], policy: Retention, now: datetime
) -> list[StoredFile]:
    """Return the old files of a table's folder that no commit names.

    A killed writer left them. Files younger than `superseded_days` may belong to a writer that is about to commit.
    """
    return [file for file in outdated_files(files, policy.superseded_days, now) if file.name not in known]


def outdated_files(files: Iterable[StoredFile], periods: int, now: datetime) -> list[StoredFile]:
    """Return the files that were last written more than `days` days ago."""
    return [file for file in files if file.modified < cutoff_of(now, periods)]


def versions_losing_data(needs: VersionNeeds, parts: Sequence[TableFile], stored: Collection[str]) -> list[Period]:
    """Return the days of `needs` that cannot be read if only the files `stored` exist.

    Empty if today's files have equal content for all of the days, since a rebuild then reads these.
    """
    in_days = [part for part in parts if needs.since <= part.period <= needs.until]
    then = [part for part in in_days if part.is_in(needs.version)]
    now = [part for part in in_days if part.removed is None]
    if _contents(then) == _contents(now) and all(part.path in stored for part in now):
        return []
    return sorted({part.period for part in then if part.path not in stored})


def _contents(parts: Iterable[TableFile]) -> set[tuple[Period, str]]:
    return {(part.period, part.digest) for part in parts}
