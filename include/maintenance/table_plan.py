"""Plan checkpoints of tables, and the removal of files that they no longer need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from include.declaration.data_declaration import DataDeclaration
from include.errors import AirworthyError
from include.lake import inventory, schemas, transaction_log
from include.lake.stored_files import StoredFile
from include.lake.transaction_log import TransactionLog
from include.maintenance import rules
from include.maintenance.rules import CleanupItem
from include.project import DataProject

TRAINED_ON = ("features", "labels")
"""Tables on which models of a use case are trained."""
RECORDS = ("decisions", "retrainings")
"""Tables of decisions, whose files are never removed."""
CHECKPOINT_AFTER = 50
"""Number of commits without a checkpoint after which a new one is written, to open the table faster."""


class TablePlanner:
    """Finds what the tables of a use case or feature group no longer need."""

    def __init__(self, project: DataProject, now: datetime, problems: list[str]) -> None:
        """Plan for this time.

        The reasons why tables cannot be read are added to `problems`.
        """
        self._project, self._policy, self._now = project, project.use_case.retention, now
        self._problems = problems
        self.logs: dict[str, TransactionLog] = {}
        """Table to its log, of those that were read."""
        self.remaining: dict[str, set[str]] = {}
        """Table to the files that stay, of those that were read."""

    def items(self, needed: Mapping[str, set[int]] | None) -> Iterator[CleanupItem]:
        """Yield the changes of all tables.

        `needed` has the Delta versions to keep by table; None if they are unknown.
        """
        for table in schemas.table_names(self._project.use_case):
            place = self._project.lake.root / table
            try:
                files = inventory.list_files(place)  # before the log, so that the log names all committed files
                log = transaction_log.read_transaction_log(place, self._project.use_case.calendar)
            except (AirworthyError, OSError) as error:
                self._problems.append(str(error))
                continue
            if log is None:
                continue
            self.logs[table] = log
            yield from self._checkpoint(table, log)
            removable = [] if table in RECORDS else list(self._removable(table, log, files, needed))
            yield from removable
            self.remaining[table] = {file.name for file in files} - {item.name for item in removable}

    def _checkpoint(self, table: str, log: TransactionLog) -> Iterator[CleanupItem]:
        """Yield an item if a checkpoint is due."""
        commits = log.version - (log.checkpoint or 0)
        if not log.cleans_up and commits >= CHECKPOINT_AFTER:
            yield CleanupItem("checkpoint", f"{log.version}", 0, f"{commits} commits", table)

    def _removable(
        self, table: str, log: TransactionLog, files: Sequence[StoredFile], needed: Mapping[str, set[int]] | None
    ) -> Iterator[CleanupItem]:
        stored = {file.name for file in files}
        if (needed is not None or table not in TRAINED_ON) and not _is_only_copy(self._project.use_case, table):
            for part in rules.superseded_files(log.parts, (needed or {}).get(table, ()), self._policy, self._now):
                if part.path in stored:
                    reason = f"{part.period} was replaced at Delta version {part.removed}"
                    yield CleanupItem("superseded file", part.path, part.bytes, reason, table)
        known, data = {part.path for part in log.parts}, [file for file in files if _is_data(file.name)]
        for file in rules.orphaned_files(data, known, self._policy, self._now):
            yield CleanupItem("orphan file", file.name, file.bytes, "no commit names it", table)


def _is_only_copy(declared: DataDeclaration, table: str) -> bool:
    """Return whether no source can deliver the rows of a table again.

    So they are never removed: a period that reads them may be built again, and a rebuilt table still has them in an
    earlier version.
    """
    kind, _, feed = table.partition("/")
    return kind == "raw" and declared.feed(feed).is_first_seen


def _is_data(name: str) -> bool:
    """Return whether a file of a table's folder may hold rows."""
    return not any(part.startswith(("_", ".")) for part in name.split("/"))
