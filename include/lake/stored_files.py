"""What is known of a stored file: in a folder, or as part of a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from include.declaration.period import Period


@dataclass(frozen=True)
class StoredFile:
    """A file in a folder, by its path there."""

    name: str
    bytes: int
    modified: datetime


@dataclass(frozen=True)
class TableFile:
    """A file of a table, from the Delta version that added it up to, not including, the one that removed it."""

    path: str
    period: Period
    digest: str
    bytes: int
    added: int
    removed: int | None = None
    removed_at: datetime | None = None

    def is_in(self, version: int) -> bool:
        """Whether the table holds it at that Delta version."""
        return self.added <= version and (self.removed is None or version < self.removed)
