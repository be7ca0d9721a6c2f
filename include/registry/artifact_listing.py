"""List artifacts in MLflow, to check them before they are downloaded.

Every client that reaches MLflow can add files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from mlflow.entities import FileInfo


@dataclass(frozen=True)
class ListedFile:
    """A file or a folder in MLflow's listing."""

    path: str
    is_folder: bool
    size: int
    """Bytes; 0 for a folder."""


def list_files(listing: Callable[[str], Iterable[FileInfo]], start: str = "") -> Iterator[ListedFile]:
    """Yield all files and folders below a folder, each folder before its content.

    `listing` returns the entries of one folder, by its path.
    """
    pending = [start]
    while pending:
        folder = pending.pop()
        for entry in listing(folder):
            path = str(PurePosixPath(folder) / PurePosixPath(entry.path).name)
            yield ListedFile(path, bool(entry.is_dir), entry.file_size or 0)
            if entry.is_dir:
                pending.append(path)
