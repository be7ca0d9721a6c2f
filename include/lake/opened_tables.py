"""Keep the opened state of each table, since opening reads the table's whole log.

A kept state is used again while it is the newest one. Readers share a state, which does not change while one of them
exists; a writer, whose commits change its state, takes one that no reader has.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

from deltalake import DeltaTable

from include.lake.object_store import StoragePath


@dataclass
class OpenedTables:
    """The newest known state of each table of a lake."""

    _kept: dict[str, DeltaTable] = field(default_factory=dict)
    _readers: dict[str, list[weakref.ref[DeltaTable]]] = field(default_factory=dict)
    """Table to the readers of its kept state; some may be gone."""

    def peek(self, table: str, folder: StoragePath, opened: Callable[[], DeltaTable]) -> DeltaTable:
        """Return the newest state, for a caller that neither changes nor keeps it."""
        delta = self._newest(table, folder)
        if delta is None:
            delta = opened()
            self.give_back(table, delta)
        return delta

    def share(self, table: str, folder: StoragePath, opened: Callable[[], DeltaTable]) -> DeltaTable:
        """Return the newest state, for a reader that keeps it."""
        # A copy has the same state as the one that is kept, and is gone with its reader.
        reader = copy.copy(self.peek(table, folder, opened))
        self._readers[table] = [*self._existing(table), weakref.ref(reader)]
        return reader

    def take(self, table: str, folder: StoragePath, opened: Callable[[], DeltaTable]) -> DeltaTable:
        """Return the newest state, for a caller that may change it and gives it back."""
        delta = None if self._existing(table) else self._newest(table, folder)
        self._kept.pop(table, None)
        self._readers.pop(table, None)
        return delta or opened()

    def give_back(self, table: str, delta: DeltaTable) -> None:
        """Keep a state that was taken."""
        self._kept[table] = delta
        self._readers.pop(table, None)

    def _existing(self, table: str) -> list[weakref.ref[DeltaTable]]:
        """Return the readers of a table's kept state that exist."""
        return [reader for reader in self._readers.get(table, ()) if reader() is not None]

    def _newest(self, table: str, folder: StoragePath) -> DeltaTable | None:
        """Return the kept state unless the table has a later version."""
        delta = self._kept.get(table)
        if delta is None or (folder / f"_delta_log/{delta.version() + 1:020}.json").exists():
            return None
        return delta
