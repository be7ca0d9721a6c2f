"""Inventory: every file below a place, with its size and when it was last written; and removing some of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from include.lake import s3
from include.lake.object_store import StoragePath
from include.lake.stored_files import StoredFile


def list_files(place: StoragePath) -> list[StoredFile]:
    """All files of a folder and those below it, by their paths from there, sorted; none where there is no folder.

    What is removed by others meanwhile is left out. OSError, or s3.StoreFailed, where it cannot be listed.
    """
    return sorted(_on_disk(place.path) if place.is_local else _on_s3(place), key=lambda file: file.name)


def remove_files(place: StoragePath, names: Iterable[str], *, folders: bool = False) -> None:
    """Remove files below a place; one that is gone already is no error. With `folders`, folders on disk go too that
    are empty then: not of tables, whose writers may just have made one."""
    for name in names:
        (place / name).remove()
        if folders and place.is_local:
            _remove_empty((place.path / name).parent, place.path)


def _on_disk(root: Path) -> list[StoredFile]:
    found = []
    for folder, _, names in os.walk(root, onerror=_unless_gone):  # Path.walk is of Python 3.12
        for name in names:
            path = Path(folder) / name
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                modified = datetime.fromtimestamp(stat.st_mtime, UTC)
                found.append(StoredFile(path.relative_to(root).as_posix(), stat.st_size, modified))
    return found


def _unless_gone(error: OSError) -> None:
    """A folder that cannot be listed is not an empty one."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _on_s3(place: StoragePath) -> list[StoredFile]:
    bucket, _, key = place.uri.removeprefix("s3://").partition("/")
    prefix = f"{key}/" if key else ""
    pages = s3.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    with s3.translate_s3_errors(place.uri):
        return [
            StoredFile(each["Key"].removeprefix(prefix), each["Size"], each["LastModified"].astimezone(UTC))
            for page in pages
            for each in page.get("Contents", [])
            if not each["Key"].endswith("/")
        ]


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove the folder and those above it, up to the root, as far as they are empty."""
    while folder != root and root in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
