"""Keep the opened state of each table, since opening reads the table's whole log.

A kept state is used again while it is the newest one. Readers share a state, which then never changes; a writer, whose
commits change its state, takes one that no reader has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from deltalake import DeltaTable

from include.lake.object_store import StoragePath


@dataclass
class OpenedTables:
    """The newest known state of each table of a lake."""

    _kept: dict[str, DeltaTable] = field(default_factory=dict)
    _shared: set[str] = field(default_factory=set)
    """Tables whose kept state has readers."""

    def peek(self, table: str, folder: StoragePath, opened: Callable[[], DeltaTable]) -> DeltaTable:
        """Return the newest state, for a caller that neither changes nor keeps it."""
        delta = self._newest(table, folder)
        if delta is None:
            delta = opened()
            self.give_back(table, delta)
        return delta

    def share(self, table: str, folder: StoragePath, opened: Callable[[], DeltaTable]) -> DeltaTable:
        """Return the newest state, for a reader that keeps it."""
        delta = self.peek(table, folder, opened)
        self._shared.add(table)
        return delta

    def take(self, table: str, folder: StoragePath, opened: Callable[[], DeltaTable]) -> DeltaTable:
        """Return the newest state, for a caller that may change it and gives it back."""
        delta = None if table in self._shared else self._newest(table, folder)
        self._kept.pop(table, None)
        self._shared.discard(table)
        return delta or opened()

    def give_back(self, table: str, delta: DeltaTable) -> None:
        """Keep a state that was taken."""
        self._kept[table] = delta
        self._shared.discard(table)

    def _newest(self, table: str, folder: StoragePath) -> DeltaTable | None:
        """Return the kept state unless the table has a later version."""
        delta = self._kept.get(table)
        if delta is None or (folder / f"_delta_log/{delta.version() + 1:020}.json").exists():
            return None
        return delta
