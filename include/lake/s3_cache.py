"""Fetched: files of a place on S3 that were copied to disk, because those who read them read files on disk.

A data file of a Delta table never changes, so each is fetched once. The copies go when the last who holds this is gone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from include.lake import s3
from include.lake.object_store import StoragePath


class S3Cache:
    """A temporary folder, made when the first file is fetched."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._copies: dict[StoragePath, Path] = {}

    def paths(self, root: StoragePath, files: Sequence[StoragePath]) -> list[Path]:
        """A path on disk for each of these files below `root`, in their order; their own where they are on disk.

        Below the folder the paths are as below `root`: partitions are told by the names of folders. Raises
        FileNotFoundError, and s3.StoreFailed.
        """
        if root.is_local:
            return [file.path for file in files]
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="airworthy-fetched-")
        folder = Path(self._folder.name)

        def fetch(file: StoragePath) -> tuple[StoragePath, Path]:
            return file, file.fetch(folder / file.uri.removeprefix(f"{root}/"))

        self._copies.update(s3.map_concurrently(fetch, [file for file in files if file not in self._copies]))
        return [self._copies[file] for file in files]

    def keep_alive(self) -> None:
        """Nothing to do: whoever promises to call this later holds the files until then."""
