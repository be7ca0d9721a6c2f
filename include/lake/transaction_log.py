"""Read a Delta table's whole log: every file it ever had, with versions.

Log clean-up is off in all our tables, so all commits from version 0 on exist as JSON. The format is defined by the
Delta transaction protocol ("Delta Log Entries").
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from include.declaration.calendars import Calendar
from include.errors import AirworthyError
from include.lake.object_store import StoragePath
from include.lake.partitions import period_of_value
from include.lake.stored_files import TableFile

FOLDER = "_delta_log"
_COMMIT, _CHECKPOINT = re.compile(r"(\d{20})\.json"), re.compile(r"(\d{20})\.checkpoint(\..*)?\.parquet")


class LogIncompleteError(AirworthyError):
    """The log of a table is incomplete, so the files that it still needs are unknown."""

    def __init__(self, table: StoragePath, what: str) -> None:
        self.table, self.what = table, what
        super().__init__(
            f"The log of {table} {what}, so no file of this table is removed. Restore its folder {FOLDER} from a"
            " backup."
        )


@dataclass(frozen=True)
class TransactionLog:
    """The content of all commits of a table."""

    parts: tuple[TableFile, ...]
    committed_at: Mapping[int, datetime]
    """Every Delta version to the time of its commit."""
    checkpoint: int | None
    """The newest version with a checkpoint."""
    cleans_up: bool
    """Whether writing a checkpoint would remove old commits, and with them old versions."""

    @property
    def version(self) -> int:
        return max(self.committed_at)


def read_transaction_log(table: StoragePath, calendar: Calendar) -> TransactionLog | None:
    """Read the log of a table; None if there is no table.

    Raises:
        LogIncompleteError: commits are missing or cannot be read.
    """
    folder = table / FOLDER
    names = folder.names()
    commits = [name for name in names if _COMMIT.fullmatch(name)]
    if not commits:
        if names:
            raise LogIncompleteError(table, "has no commits")
        return None
    if [int(name.removesuffix(".json")) for name in commits] != list(range(len(commits))):
        raise LogIncompleteError(table, f"lacks some of the commits 0 to {int(commits[-1].removesuffix('.json'))}")
    checkpoints = [int(match[1]) for name in names if (match := _CHECKPOINT.fullmatch(name))]
    reader = _LogReader(table, calendar)
    for version, content in enumerate(folder.read_all(commits)):
        reader.apply_commit(version, content)
    return TransactionLog(
        tuple(reader.removed + list(reader.live.values())),
        reader.committed_at,
        max(checkpoints, default=None),
        reader.cleans_up,
    )


class _LogReader:
    """Apply the commits in order."""

    def __init__(self, table: StoragePath, calendar: Calendar) -> None:
        self._table, self._calendar = table, calendar
        self.live: dict[str, TableFile] = {}
        self.removed: list[TableFile] = []
        self.committed_at: dict[int, datetime] = {}
        self.cleans_up = True  # Delta's default

    def apply_commit(self, version: int, content: bytes) -> None:
        try:
            actions = [json.loads(line) for line in content.splitlines() if line.strip()]
            times = [action["commitInfo"]["timestamp"] for action in actions if "commitInfo" in action]
            committed_at = datetime.fromtimestamp(times[0] / 1000, UTC)
            # Removals first: a commit may replace a file by one of the same name.
            for action in sorted(actions, key=lambda action: "add" in action):
                self._apply_action(version, committed_at, action)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise LogIncompleteError(self._table, f"cannot be read at version {version} ({error!r})") from error
        self.committed_at[version] = committed_at

    def _apply_action(self, version: int, committed_at: datetime, action: Mapping[str, Any]) -> None:
        if "metaData" in action:
            configuration = action["metaData"].get("configuration") or {}
            self.cleans_up = configuration.get("delta.enableExpiredLogCleanup", "true") != "false"
        elif "remove" in action:
            path = unquote(action["remove"]["path"])
            if path in self.live:
                self.removed.append(replace(self.live.pop(path), removed=version, removed_at=committed_at))
        elif "add" in action:
            added, path = action["add"], unquote(action["add"]["path"])
            values = added["partitionValues"]
            period = period_of_value(values["period"], self._calendar)
            earlier = self.live.get(path)  # a file may be added again, as with new statistics
            since = earlier.added if earlier else version
            self.live[path] = TableFile(path, period, values["digest"], int(added["size"]), since)
