"""What a Delta table was, and who wrote what when: its old versions, and the notes that each commit carries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from include.declaration.period import Period
from include.errors import AirworthyError
from include.lake import s3
from include.lake.object_store import StoragePath

INPUT, VERSION = "input.", "version."
"""Before the name of what a commit's content was made from: its digest, and the Delta version that was read."""


class TableVersionMissingError(AirworthyError):
    """A table cannot be read as it was at a version."""

    def __init__(self, uri: str, version: int | None, cause: object) -> None:
        which = "" if version is None else f" at Delta version {version}"
        remedy = (
            " If the newest file of its _delta_log is cut off, as by a power cut, move that one away: its commit was"
            " never whole; then run its day again. Else restore the table with its log from a backup."
            if version is None
            else " Restore the table with its log from a backup."
        )
        super().__init__(f"{uri} cannot be read{which}: {str(cause).splitlines()[0].rstrip('.')}.{remedy}")


@dataclass(frozen=True)
class CommitNote:
    """A commit that wrote a day, as it says itself."""

    version: int
    period: Period
    stage: str
    digest: str
    rows: int
    inputs: Mapping[str, str]
    """What the content was made from, by name, to its digest."""
    versions: Mapping[str, int]
    """Table to the Delta version that was read of it."""
    code: str = ""
    """Digest of the code that made the rows; empty where it was not recorded."""

    @property
    def made_from(self) -> tuple[Mapping[str, str], str]:
        """Return what decides whether the day is stale: its inputs and its code."""
        return self.inputs, self.code


def to_metadata(
    *,
    period: Period,
    stage: str,
    digest: str,
    rows: int,
    inputs: Mapping[str, str],
    versions: Mapping[str, int],
    code: str,
) -> dict[str, str]:
    """Return the notes of a commit as Delta keeps them."""
    notes = {"day": period.key, "stage": stage, "digest": digest, "rows": str(rows)}
    notes |= {"code": code} if code else {}
    notes |= {f"{INPUT}{name}": value for name, value in inputs.items()}
    return notes | {f"{VERSION}{name}": str(version) for name, version in versions.items()}


def commit_inputs(metadata: Mapping[str, str]) -> tuple[Mapping[str, str], str]:
    """Return the inputs and the code of notes as Delta keeps them; see `Note.made_from`."""
    return _inputs(metadata), metadata.get("code", "")


def transaction_of(period: Period) -> str:
    """Return the name under which commits of a day are counted in the table's state."""
    return f"day={period.key}"


def newest_version(table: StoragePath, delta: DeltaTable, period: Period) -> CommitNote | None:
    """Return the newest commit that wrote the day, without reading the whole log; None if there is none.

    The table's state has the version that the last writer of the day expected. Its commit is that one, or a later one
    where writers of other days were faster.
    """
    expected = delta.transaction_version(transaction_of(period))
    if expected is None:
        return None
    for version in range(expected, delta.version() + 1):
        content = (table / f"_delta_log/{version:020}.json").read()
        actions = (json.loads(line) for line in content.splitlines() if line.strip())
        for info in (action["commitInfo"] for action in actions if "commitInfo" in action):
            if info.get("day") == period.key and "digest" in info:
                return _note(info | {"version": version})
    return None


def open_table(uri: str, version: int | None = None) -> DeltaTable:
    """The table as it was at that version (None: as it is now); TableVersionMissingError where it cannot be had. Makes
    no table."""
    try:
        return s3.retry_cut_connection(
            uri, lambda: DeltaTable(uri, version=version, storage_options=s3.storage_options(uri))
        )
    except (DeltaError, TableNotFoundError) as error:
        raise TableVersionMissingError(uri, version, error) from error


def read_commit_notes(uri: str) -> list[CommitNote]:
    """Every commit that wrote a day, newest first, in one read of the log; none where there is no table."""
    if not is_table(uri):
        return []
    commits = s3.retry_cut_connection(uri, lambda: open_table(uri).history())
    return [_note(commit) for commit in commits if "day" in commit and "digest" in commit]


def is_table(uri: str) -> bool:
    """Whether there is a table: whoever only looks makes none."""
    return s3.retry_cut_connection(uri, lambda: bool(DeltaTable.is_deltatable(uri, s3.storage_options(uri))))


def commit_that_wrote(
    notes: Sequence[CommitNote], period: Period, digest: str, until: int | None = None
) -> CommitNote | None:
    """Of commits, newest first, the newest that gave a day that content, up to Delta version `until`."""
    found = (note for note in notes if (note.period, note.digest) == (period, digest))
    return next((note for note in found if until is None or note.version <= until), None)


def _note(commit: Mapping[str, str]) -> CommitNote:
    versions = {name.removeprefix(VERSION): int(value) for name, value in commit.items() if name.startswith(VERSION)}
    return CommitNote(
        version=int(commit["version"]),
        period=Period(commit["day"]),
        stage=commit.get("stage", ""),
        digest=commit["digest"],
        rows=int(commit.get("rows", 0)),
        inputs=_inputs(commit),
        versions=versions,
        code=commit.get("code", ""),
    )


def _inputs(commit: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix(INPUT): value for name, value in commit.items() if name.startswith(INPUT)}
