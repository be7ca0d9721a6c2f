"""What a Delta table was, and who wrote what when: its old versions, and the notes that each commit carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from include.errors import AirworthyError
from include.storage import s3

INPUT, VERSION = "input.", "version."
"""Before the name of what a commit's content was made from: its digest, and the Delta version that was read."""


class VersionGone(AirworthyError):
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
class Note:
    """A commit that wrote a day, as it says itself."""

    version: int
    day: date
    stage: str
    digest: str
    rows: int
    inputs: Mapping[str, str]
    """What the content was made from, by name, to its digest."""
    versions: Mapping[str, int]
    """Table to the Delta version that was read of it."""


def at(uri: str, version: int | None = None) -> DeltaTable:
    """The table as it was at that version (None: as it is now); VersionGone where it cannot be had. Makes no table."""
    try:
        return s3.again(uri, lambda: DeltaTable(uri, version=version, storage_options=s3.options(uri)))
    except (DeltaError, TableNotFoundError) as error:
        raise VersionGone(uri, version, error) from error


def of(uri: str) -> list[Note]:
    """Every commit that wrote a day, newest first, in one read of the log; none where there is no table."""
    if not is_table(uri):
        return []
    commits = s3.again(uri, lambda: at(uri).history())
    return [_note(commit) for commit in commits if "day" in commit and "digest" in commit]


def is_table(uri: str) -> bool:
    """Whether there is a table: whoever only looks makes none."""
    return s3.again(uri, lambda: bool(DeltaTable.is_deltatable(uri, s3.options(uri))))


def written(notes: Sequence[Note], day: date, digest: str, until: int | None = None) -> Note | None:
    """Of commits, newest first, the newest that gave a day that content, up to Delta version `until`."""
    found = (note for note in notes if (note.day, note.digest) == (day, digest))
    return next((note for note in found if until is None or note.version <= until), None)


def _note(commit: Mapping[str, str]) -> Note:
    inputs = {name.removeprefix(INPUT): value for name, value in commit.items() if name.startswith(INPUT)}
    versions = {name.removeprefix(VERSION): int(value) for name, value in commit.items() if name.startswith(VERSION)}
    return Note(
        version=int(commit["version"]),
        day=date.fromisoformat(commit["day"]),
        stage=commit.get("stage", ""),
        digest=commit["digest"],
        rows=int(commit.get("rows", 0)),
        inputs=inputs,
        versions=versions,
    )
