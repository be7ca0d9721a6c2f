"""Read old versions of a Delta table, and the notes stored with each commit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from include.declaration.period import Period
from include.errors import AirworthyError
from include.lake import s3
from include.lake.object_store import StoragePath

INPUT, VERSION, COUNT = "input.", "version.", "count."
"""Prefixes of the keys that name an input of a commit (its digest), the Delta version that was read, and a count."""


class TableVersionMissingError(AirworthyError):
    """A version of a table cannot be read."""

    def __init__(self, uri: str, version: int | None, cause: object) -> None:
        self.uri, self.version = uri, version
        which = "" if version is None else f" at Delta version {version}"
        remedy = (
            " If the newest file of its _delta_log is incomplete, as after a power cut, move that file away: its commit"
            " was never complete; then run its period again. Otherwise restore the table with its log from a backup."
            if version is None
            else " Restore the table with its log from a backup."
        )
        super().__init__(f"{uri} cannot be read{which}: {str(cause).splitlines()[0].rstrip('.')}.{remedy}")


@dataclass(frozen=True)
class CommitNote:
    """The notes stored with a commit that wrote a day."""

    version: int
    period: Period
    stage: str
    digest: str
    rows: int
    inputs: Mapping[str, str]
    """Name to digest of each input of the content."""
    versions: Mapping[str, int]
    """Table to the Delta version that was read."""
    code: str = ""
    """Digest of the code that made the rows; empty if not recorded."""
    cpu_seconds: float | None = None
    """Processor time of the step that made the rows; None if not recorded."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Name to what was counted while the rows were made."""


def to_metadata(
    *,
    period: Period,
    stage: str,
    digest: str,
    rows: int,
    inputs: Mapping[str, str],
    versions: Mapping[str, int],
    code: str,
    cpu_seconds: float | None = None,
    counts: Mapping[str, int] | None = None,
) -> dict[str, str]:
    """Return the notes of a commit as Delta stores them."""
    notes = {"period": period.key, "stage": stage, "digest": digest, "rows": str(rows)}
    notes |= {"code": code} if code else {}
    notes |= {"cpu_seconds": f"{cpu_seconds:.3f}"} if cpu_seconds is not None else {}
    notes |= {f"{INPUT}{name}": value for name, value in inputs.items()}
    notes |= {f"{COUNT}{name}": str(number) for name, number in (counts or {}).items()}
    return notes | {f"{VERSION}{name}": str(version) for name, version in versions.items()}


def says_the_same(note: CommitNote, metadata: Mapping[str, str]) -> bool:
    """Return whether a note has the inputs, the code and the counts of stored notes."""
    stored = _values(metadata, INPUT), metadata.get("code", ""), _counts(metadata)
    return (note.inputs, note.code, note.counts) == stored


def transaction_id(period: Period) -> str:
    """Return the application id under which the table counts the commits of a day."""
    return f"period={period.key}"


def newest_version(table: StoragePath, delta: DeltaTable, period: Period) -> CommitNote | None:
    """Return the newest commit that wrote the day.

    Returns None if there is none. Does not read the whole log. The table's state has the version that the last writer
    of the day expected. Its commit has this version, or a later one if writers of other days committed first.
    """
    expected = delta.transaction_version(transaction_id(period))
    if expected is None:
        return None
    for version in range(expected, delta.version() + 1):
        content = (table / f"_delta_log/{version:020}.json").read()
        actions = (json.loads(line) for line in content.splitlines() if line.strip())
        for info in (action["commitInfo"] for action in actions if "commitInfo" in action):
            if info.get("period") == period.key and "digest" in info:
                return _note(info | {"version": version})
    return None


def open_table(uri: str, version: int | None = None) -> DeltaTable:
    """Open a table at a version (None: the newest); create no table.

    Raises:
        TableVersionMissingError: there is no table, or the version cannot be read.
    """
    try:
        return s3.retry_cut_connection(
            uri, lambda: DeltaTable(uri, version=version, storage_options=s3.storage_options(uri))
        )
    except (DeltaError, TableNotFoundError) as error:
        raise TableVersionMissingError(uri, version, error) from error


def read_commit_notes(uri: str) -> list[CommitNote]:
    """Return every commit that wrote a day, newest first; empty if there is no table."""
    if not is_table(uri):
        return []
    commits = s3.retry_cut_connection(uri, lambda: open_table(uri).history())
    return [_note(commit) for commit in commits if "period" in commit and "digest" in commit]


def is_table(uri: str) -> bool:
    """Return whether there is a table; create none."""
    return s3.retry_cut_connection(uri, lambda: bool(DeltaTable.is_deltatable(uri, s3.storage_options(uri))))


def commit_that_wrote(
    notes: Sequence[CommitNote], period: Period, digest: str, until: int | None = None
) -> CommitNote | None:
    """Return the newest commit that wrote this content of a day.

    Commits after Delta version `until` are ignored. `notes` are sorted, the newest first. Returns None if there is
    none.
    """
    matching = (note for note in notes if (note.period, note.digest) == (period, digest))
    return next((note for note in matching if until is None or note.version <= until), None)


def _note(commit: Mapping[str, str]) -> CommitNote:
    versions = {name.removeprefix(VERSION): int(value) for name, value in commit.items() if name.startswith(VERSION)}
    return CommitNote(
        version=int(commit["version"]),
        period=Period(commit["period"]),
        stage=commit.get("stage", ""),
        digest=commit["digest"],
        rows=int(commit.get("rows", 0)),
        inputs=_values(commit, INPUT),
        versions=versions,
        code=commit.get("code", ""),
        cpu_seconds=float(commit["cpu_seconds"]) if "cpu_seconds" in commit else None,
        counts=_counts(commit),
    )


def _values(commit: Mapping[str, str], kind: str) -> dict[str, str]:
    return {name.removeprefix(kind): value for name, value in commit.items() if name.startswith(kind)}


def _counts(commit: Mapping[str, str]) -> dict[str, int]:
    return {name: int(number) for name, number in _values(commit, COUNT).items()}
