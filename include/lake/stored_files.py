"""Describe a stored file: in a folder, or in a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from include.declaration.period import Period


@dataclass(frozen=True)
class StoredFile:
    """A file in a folder, by its path relative to the folder."""

    name: str
    bytes: int
    modified: datetime


@dataclass(frozen=True)
class TableFile:
    """A file of a table, from Delta version `added` to before `removed`."""

    path: str
    period: Period
    digest: str
    bytes: int
    added: int
    removed: int | None = None
    removed_at: datetime | None = None

    def is_in(self, version: int) -> bool:
        """Return whether the table has the file at this Delta version."""
        return self.added <= version and (self.removed is None or version < self.removed)
