"""The log of a Delta table, read whole: every file that it ever held, from which version to which.

Log clean-up is off in every table of ours, so its commits are all there as JSON, version 0 and on. The format is that
of the Delta transaction protocol ("Delta Log Entries").
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from include.declaration.period import Period
from include.errors import AirworthyError
from include.lake.object_store import StoragePath
from include.lake.stored_files import TableFile

FOLDER = "_delta_log"
_COMMIT, _CHECKPOINT = re.compile(r"(\d{20})\.json"), re.compile(r"(\d{20})\.checkpoint(\..*)?\.parquet")


class LogIncompleteError(AirworthyError):
    """The log of a table cannot be read whole, so nobody knows which files it still needs."""

    def __init__(self, table: StoragePath, what: str) -> None:
        super().__init__(
            f"The log of {table} {what}, so nothing of that table is removed. Restore its folder"
            f" {FOLDER} from a backup."
        )


@dataclass(frozen=True)
class TransactionLog:
    """What the commits of a table say."""

    parts: tuple[TableFile, ...]
    committed_at: Mapping[int, datetime]
    """Every Delta version to the instant of its commit."""
    checkpoint: int | None
    """The newest version with a checkpoint."""
    cleans_up: bool
    """Whether making a checkpoint would remove old commits, and with them old versions."""

    @property
    def version(self) -> int:
        return max(self.committed_at)


def read_transaction_log(table: StoragePath) -> TransactionLog | None:
    """The log of a table; None where there is no table. Raises LogIncompleteError."""
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
    reading = _Reading(table)
    for version, content in enumerate(folder.read_all(commits)):
        reading.take(version, content)
    return TransactionLog(
        tuple(reading.over + list(reading.live.values())),
        reading.committed_at,
        max(checkpoints, default=None),
        reading.cleans_up,
    )


class _Reading:
    """Goes through the commits in their order."""

    def __init__(self, table: StoragePath) -> None:
        self._table = table
        self.live: dict[str, TableFile] = {}
        self.over: list[TableFile] = []
        self.committed_at: dict[int, datetime] = {}
        self.cleans_up = True  # what Delta does unless the table says otherwise

    def take(self, version: int, content: bytes) -> None:
        try:
            actions = [json.loads(line) for line in content.splitlines() if line.strip()]
            told = [action["commitInfo"]["timestamp"] for action in actions if "commitInfo" in action]
            when = datetime.fromtimestamp(told[0] / 1000, UTC)
            for action in sorted(actions, key=lambda each: "add" in each):  # a commit may replace a file by its name
                self._follow(version, when, action)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise LogIncompleteError(self._table, f"cannot be read at version {version} ({error!r})") from error
        self.committed_at[version] = when

    def _follow(self, version: int, when: datetime, action: Mapping[str, Any]) -> None:
        if "metaData" in action:
            configuration = action["metaData"].get("configuration") or {}
            self.cleans_up = configuration.get("delta.enableExpiredLogCleanup", "true") != "false"
        elif "remove" in action:
            path = unquote(action["remove"]["path"])
            if path in self.live:
                self.over.append(replace(self.live.pop(path), removed=version, removed_at=when))
        elif "add" in action:
            added, path = action["add"], unquote(action["add"]["path"])
            values = added["partitionValues"]
            day = Period(values["day"])
            earlier = self.live.get(path)  # one that is told of again, as with new statistics, was there all the time
            since = earlier.added if earlier else version
            self.live[path] = TableFile(path, day, values["digest"], int(added["size"]), since)
