"""Cache data files of S3 on disk, because their readers need paths on disk.

A data file of a Delta table never changes, so each is copied once. The copies are removed with the last reference to
the cache.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from include.lake import s3
from include.lake.object_store import StoragePath


class S3Cache:
    """A temporary folder with copies, created for the first file."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._copies: dict[StoragePath, Path] = {}

    def local_paths(self, root: StoragePath, files: Sequence[StoragePath]) -> list[Path]:
        """Return a path on disk for each of these files below `root`, in order.

        A file on disk is returned as it is. Copies keep their path below `root`, because folder names identify
        partitions.

        Raises:
            FileNotFoundError: a file does not exist.
            ObjectStoreError: the server refuses, or cannot be reached.
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
        """Do nothing.

        Registered as a weakref finalizer, whose reference keeps this cache and its files alive.
        """
