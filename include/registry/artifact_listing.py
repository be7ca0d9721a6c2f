"""List what MLflow says that it keeps, before anything of it is fetched: anybody who reaches MLflow can add to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from mlflow.entities import FileInfo


@dataclass(frozen=True)
class ListedFile:
    """A file or a folder, as MLflow lists it."""

    path: str
    is_folder: bool
    size: int
    """Bytes; 0 of a folder."""


def list_files(listing: Callable[[str], Iterable[FileInfo]], start: str = "") -> Iterator[ListedFile]:
    """Yield what is in a folder and below it; no folder is listed before its own entry was taken.

    `listing` returns the entries of one folder, by its path.
    """
    waiting = [start]
    while waiting:
        inside = waiting.pop()
        for found in listing(inside):
            path = str(PurePosixPath(inside) / PurePosixPath(found.path).name)
            yield ListedFile(path, bool(found.is_dir), found.file_size or 0)
            if found.is_dir:
                waiting.append(path)
