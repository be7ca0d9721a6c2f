"""Keep the predictions of shards in the lake until one task commits them.

A file is `shards/<period>/<plan>/<number>/<name>`; its signed name has the SHA-256 of its bytes. It also holds what was
counted. Maintenance removes files that a run left.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from include.declaration.period import Period
from include.lake import file_checksum, file_signature, inventory, partition_reader
from include.lake.lake_format import mark_format
from include.lake.object_store import StoragePath
from include.lake.partition_writer import PartitionFile
from include.lake.signing import load_signing_keys
from include.project import Project
from include.scoring.score_errors import ShardMissingError
from include.scoring.shard_plan import ShardPlan

FOLDER = "shards"
COUNTED = "airworthy.counted"
"""Key in the metadata of a file."""
NOT_SCORED = "it was not scored, or its file is not signed by this installation"


@dataclass(frozen=True)
class ShardFiles:
    """The files of the shards of one plan."""

    project: Project
    period: Period
    plan: ShardPlan

    @property
    def folder(self) -> StoragePath:
        """Return the folder of the plan."""
        return self.project.root / FOLDER / self.period.key / self.plan.key

    def store(self, number: int, file: PartitionFile) -> None:
        """Move a written file to its place."""
        mark_format(self.project.root)
        name = file_signature.signed_name(*self._signed(number), file.sha256)
        (self._folder_of(number) / name).put(file.path)

    @contextlib.contextmanager
    def opened(self, number: int) -> Iterator[pq.ParquetFile]:
        """Yield the file of a shard, after checking it.

        Raises:
            ShardMissingError: the shard has no genuine file, or its bytes are not those that were written.
        """
        keys, folder = load_signing_keys(), self._folder_of(number)
        name = next(
            (each for each in folder.names() if file_signature.is_genuine(keys, *self._signed(number), each)), ""
        )
        if not name:
            raise self._missing(number, NOT_SCORED)
        with tempfile.TemporaryDirectory(prefix="airworthy-") as temporary:
            path = (folder / name).path if folder.is_local else self._fetched(folder / name, Path(temporary), number)
            if damage := file_checksum.find_damage(path):
                raise self._missing(number, damage)
            with partition_reader.open_file(path) as file:
                yield file

    def is_scored(self, number: int) -> bool:
        """Return whether a shard has an undamaged file."""
        try:
            with self.opened(number):
                return True
        except ShardMissingError:
            return False

    def remove(self, number: int | None = None) -> None:
        """Remove the files of a shard, or of all."""
        folder = self.folder if number is None else self._folder_of(number)
        inventory.remove_files(folder, [file.name for file in inventory.list_files(folder)], folders=True)
        if folder.is_local:
            with contextlib.suppress(OSError):  # not empty: another run works for this period
                folder.path.rmdir()
                folder.path.parent.rmdir()

    def _fetched(self, place: StoragePath, folder: Path, number: int) -> Path:
        try:
            return place.fetch(folder / place.name)
        except FileNotFoundError:
            raise self._missing(number, NOT_SCORED) from None

    def _folder_of(self, number: int) -> StoragePath:
        return self.folder / f"{number:04}"

    def _signed(self, number: int) -> tuple[str, Period, str, int]:
        """Return what the name of a shard's file is signed for."""
        table = f"{self.project.use_case.name}/{FOLDER}"
        return table, self.period, f"{self.plan.key}.{number}", len(self.plan.rows_of(number))

    def _missing(self, number: int, reason: str) -> ShardMissingError:
        return ShardMissingError(self.project.use_case.name, self.period, number, self.plan.count, reason)


def counted_in(file: pq.ParquetFile) -> dict[str, Any]:
    """Return what was counted while the predictions of a file were made."""
    values: dict[str, Any] = json.loads(file.metadata.metadata[COUNTED.encode()])
    return values
