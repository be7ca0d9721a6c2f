"""Plan the removal of pages, cached models, alerts, task logs and other files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from include.backfill import states
from include.backtest.model_cache import ModelCache
from include.errors import AirworthyError
from include.ingestion import data_docs
from include.ingestion.sources import kept_rows
from include.lake import inventory
from include.lake.object_store import StoragePath, is_unfinished
from include.maintenance import rules
from include.maintenance.rules import CleanupItem, Kind
from include.monitoring import durations
from include.notifications.queue import NotificationQueue
from include.project import DataProject, Project
from include.scoring import engine_store, shard_files

RECORDS = (durations.FOLDER, states.FOLDER)
"""Folders of records of what was done, which nothing is built from."""
_DONE = ".all.done"
"""End of the name of a mark: all channels of an alert have sent it."""


class FilePlanner:
    """Finds the files that the declared retention no longer keeps."""

    def __init__(self, project: DataProject, now: datetime, problems: list[str]) -> None:
        """Plan for this time.

        The reasons why folders cannot be listed are added to `problems`.
        """
        self._project, self._policy, self._now = project, project.use_case.retention, now
        self._problems = problems

    def items(self, logs: Sequence[StoragePath]) -> Iterator[CleanupItem]:
        """Yield the files to remove; `logs` are the places of task logs."""
        name, policy = self._project.use_case.name, self._policy
        pages = self._old(
            "page", data_docs.data_docs_folder(name), policy.data_docs_days, ".html", besides=("index.html",)
        )
        unfinished = (self._unfinished(place) for place in (self._project.lake.root, data_docs.data_docs_folder(name)))
        shards = self._old("shard", self._project.root / shard_files.FOLDER, policy.superseded_days, ".parquet")
        costs = (self._old("cost", self._project.root / each, policy.cost_days, ".json") for each in RECORDS)
        tasks = (self._task_logs(base) for base in logs)
        others = (*costs, self._compiled(), *unfinished, *tasks)
        for items in (pages, self._fits(), self._letters(), self._kept_copies(), shards, *others):
            yield from self._while_readable(items)

    def _fits(self) -> Iterator[CleanupItem]:
        """Yield the models of replays; a feature group has none."""
        if isinstance(self._project, Project):
            folder = ModelCache.open(self._project).folder
            yield from self._old("fit", folder, self._policy.backtest_cache_days, ".json")

    def _compiled(self) -> Iterator[CleanupItem]:
        """Yield the compiled trees of this machine; a feature group has none."""
        if isinstance(self._project, Project):
            folder = StoragePath.parse(self._project.settings.home / engine_store.FOLDER)
            yield from self._old("compiled trees", folder, self._policy.compiled_days)

    def _task_logs(self, base: StoragePath) -> Iterator[CleanupItem]:
        for folder in base.names():
            if folder.startswith(f"dag_id={self._project.use_case.name}__"):
                yield from self._while_readable(self._old("task log", base / folder, self._policy.log_days))

    def _while_readable(self, items: Iterator[CleanupItem]) -> Iterator[CleanupItem]:
        """Yield items; if a folder cannot be listed, record the problem."""
        try:
            yield from items
        except (AirworthyError, OSError) as error:
            if str(error) not in self._problems:  # a folder is listed for more than one kind
                self._problems.append(str(error))

    def _old(
        self, kind: Kind, place: StoragePath, periods: int, ending: str = "", besides: Sequence[str] = ()
    ) -> Iterator[CleanupItem]:
        for file in rules.outdated_files(inventory.list_files(place), periods, self._now):
            if file.name.endswith(ending) and file.name not in besides:
                yield CleanupItem(kind, file.name, file.bytes, f"of {file.modified:%Y-%m-%d}", place.uri)

    def _unfinished(self, place: StoragePath) -> Iterator[CleanupItem]:
        """Yield the temporary files that a killed writer left on disk."""
        files = inventory.list_files(place) if place.is_local else []
        for file in rules.outdated_files(files, self._policy.superseded_days, self._now):
            if is_unfinished(file.name):
                yield CleanupItem("unfinished file", file.name, file.bytes, f"of {file.modified:%Y-%m-%d}", place.uri)

    def _kept_copies(self) -> Iterator[CleanupItem]:
        """Yield the copies of files that no period has read for long."""
        last = rules.cutoff_of(self._now, self._policy.kept_rows_days)
        for copy in kept_rows.list_copies(self._project.settings.home, self._project.use_case.name):
            if copy.last_read < last:
                reason = f"last read on {copy.last_read:%Y-%m-%d}"
                yield CleanupItem("kept copy", copy.folder.name, copy.bytes, reason, str(copy.folder.parent))

    def _letters(self) -> Iterator[CleanupItem]:
        """Yield the files of old alerts that are done, except their marks."""
        place = NotificationQueue.open(self._project).folder
        files = inventory.list_files(place)
        done = {file.name.removesuffix(_DONE) for file in files if file.name.endswith(_DONE)}
        old = rules.outdated_files(files, self._policy.notification_days, self._now)
        for file in old:
            key = file.name.removesuffix(".json") if file.name.endswith(".json") else file.name.rsplit(".", 2)[0]
            if key in done and not file.name.endswith(_DONE):
                yield CleanupItem("letter", file.name, file.bytes, f"of {file.modified:%Y-%m-%d}", place.uri)
