"""List the files below a folder with size and time of change, and remove files."""

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
    """Return all files below a folder, sorted by their paths relative to it.

    Empty if there is no folder. Files that another process removes meanwhile are left out.

    Raises:
        OSError: a folder on disk cannot be listed.
        ObjectStoreError: a folder on S3 cannot be listed.
    """
    return sorted(_on_disk(place.path) if place.is_local else _on_s3(place), key=lambda file: file.name)


def remove_files(place: StoragePath, names: Iterable[str], *, folders: bool = False) -> None:
    """Remove files below a folder; a file that no longer exists is no error.

    With `folders`, folders on disk that become empty are removed too. Do not use it for tables: a writer may just have
    created the folder.
    """
    for name in names:
        (place / name).remove()
        if folders and place.is_local:
            _remove_empty((place.path / name).parent, place.path)


def _on_disk(root: Path) -> list[StoredFile]:
    files = []
    for folder, _, names in os.walk(root, onerror=_raise_unless_missing):  # Path.walk needs Python 3.12
        for name in names:
            path = Path(folder) / name
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                modified = datetime.fromtimestamp(stat.st_mtime, UTC)
                files.append(StoredFile(path.relative_to(root).as_posix(), stat.st_size, modified))
    return files


def _raise_unless_missing(error: OSError) -> None:
    """Raise the error of listing a folder, unless the folder no longer exists."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _on_s3(place: StoragePath) -> list[StoredFile]:
    bucket, _, key = place.uri.removeprefix("s3://").partition("/")
    prefix = f"{key}/" if key else ""
    pages = s3.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    with s3.translate_s3_errors(place.uri):
        return [
            StoredFile(entry["Key"].removeprefix(prefix), entry["Size"], entry["LastModified"].astimezone(UTC))
            for page in pages
            for entry in page.get("Contents", [])
            if not entry["Key"].endswith("/")
        ]


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove the folder and its parents below the root, as long as they are empty."""
    while folder != root and root in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
