"""Survey: look at all that a use case has stored, and plan what would go and what would be put in order.

Only reads: no table, folder or experiment is made by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

from include.backtest.model_cache import ModelCache
from include.errors import AirworthyError
from include.ingestion import data_docs
from include.lake import inventory, schemas, transaction_log
from include.lake.object_store import StoragePath, is_unfinished
from include.lake.stored_files import StoredFile
from include.lake.transaction_log import TransactionLog
from include.maintenance import mlflow_rules, rules
from include.maintenance.mlflow_cleanup import MlflowCleanup, model_folder, run_folder
from include.maintenance.mlflow_rules import StoredRun
from include.maintenance.rules import CleanupItem, CleanupPlan, KeptVersion, Kind, VersionNeeds
from include.notifications.queue import NotificationQueue
from include.project import Project
from include.registry import tags
from include.registry.ledger import LedgerEntry
from include.registry.model_record import Version
from include.training.recipe import TrainingSpec, TrainingSpecError

TRAINED_ON = ("features", "labels")
RECORDS = ("decisions", "retrainings")
"""Tables of what was decided: nothing that they ever held is removed."""
CHECKPOINT_AFTER = 50
"""Commits after which opening a table is worth a checkpoint."""
_VERSION_TAGS = {"features": tags.FEATURES_VERSION, "labels": tags.LABELS_VERSION}
"""Table to the tag that says which of its Delta versions a model was trained on."""
_DONE = ".all.done"


def build_cleanup_plan(project: Project, now: datetime, logs: Sequence[str] = ()) -> CleanupPlan:
    """The plan of that instant; `logs` are the folders, or addresses on S3, of the logs of Airflow's tasks.

    Raises MlflowUnreachableError and LedgerCorruptedError: without versions and ledger nobody knows what is needed.
    """
    return _CleanupPlanner(project, now).plan([StoragePath.of(each) for each in logs])


class _CleanupPlanner:
    """One look at everything."""

    def __init__(self, project: Project, now: datetime) -> None:
        use_case = project.use_case
        self._use_case, self._policy, self._now = use_case, use_case.retention, now
        self._lake, self._upkeep = project.lake, MlflowCleanup(use_case)
        self._versions = project.registry.versions()
        self._runs_of_versions, self._models_of_versions = project.registry.runs_and_models()
        self._entries: list[LedgerEntry] = project.ledger.entries()
        self._experiment = self._upkeep.experiment()
        self._runs = self._upkeep.runs(self._experiment) if self._experiment else []
        self._logs: dict[str, TransactionLog] = {}
        self._problems: list[str] = []
        trees = {entry.trees for entry in self._entries}
        self._protected = mlflow_rules.protected_runs(self._runs, self._runs_of_versions, trees)
        self._kept = rules.kept_versions(
            self._versions,
            self._trained_at(),
            self._entries,
            {entry.number: datetime.fromisoformat(entry.recorded_at) for entry in self._entries},
            self._policy,
            now,
            use_case.newest_period(),
        )

    def plan(self, logs: Sequence[StoragePath]) -> CleanupPlan:
        items = [*self._tables(), *self._mlflow(), *self._files(logs)]
        order = list(rules.CHANGES)
        return CleanupPlan(
            self._use_case.name,
            tuple(sorted(items, key=lambda item: (order.index(item.kind), item.table, item.name))),
            tuple(self._kept),
            len(self._entries),
            tuple(self._problems),
        )

    # -- tables

    def _tables(self) -> Iterator[CleanupItem]:
        needed, there = self._needed(), {}
        for table in schemas.tables(self._use_case):
            place = self._lake.root / table
            try:
                files = inventory.list_files(place)  # before the log: what is committed meanwhile is in the log
                log = transaction_log.read_transaction_log(place)
            except (AirworthyError, OSError) as error:
                self._problems.append(str(error))
                continue
            if log is None:
                continue
            self._logs[table] = log
            yield from self._in_order(table, log)
            gone = [] if table in RECORDS else list(self._gone(table, log, files, needed))
            yield from gone
            there[table] = {file.name for file in files} - {item.name for item in gone}
        yield from self._lost(there)

    def _in_order(self, table: str, log: TransactionLog) -> Iterator[CleanupItem]:
        """Whether a checkpoint is due."""
        if not log.cleans_up and log.version - (log.checkpoint or 0) >= CHECKPOINT_AFTER:
            yield CleanupItem(
                "checkpoint", f"{log.version}", 0, f"{log.version - (log.checkpoint or 0)} commits", table
            )

    def _gone(
        self, table: str, log: TransactionLog, files: Sequence[StoredFile], needed: Mapping[str, set[int]] | None
    ) -> Iterator[CleanupItem]:
        there = {file.name for file in files}
        if needed is not None or table not in TRAINED_ON:
            for part in rules.superseded_files(log.parts, (needed or {}).get(table, ()), self._policy, self._now):
                if part.path in there:
                    reason = f"{part.day} was replaced at Delta version {part.removed}"
                    yield CleanupItem("superseded file", part.path, part.bytes, reason, table)
        known, data = {part.path for part in log.parts}, [file for file in files if _is_data(file.name)]
        for file in rules.orphaned_files(data, known, self._policy, self._now):
            yield CleanupItem("orphan file", file.name, file.bytes, "no commit names it", table)

    def _needed(self) -> dict[str, set[int]] | None:
        """Table to the Delta versions that stay; None where one model does not say what it was trained on."""
        stays = {kept.name for kept in self._kept if kept.stays}
        known = {f"version {each.number}": each.tags for each in self._versions if each.number in stays}
        leaving = {run.run_id for run in self._to_purge()}  # one that can be restored keeps its data
        known |= {
            f"run {run.run_id}": run.tags
            for run in self._runs
            if run.complete and tags.TREES in run.tags and run.run_id not in leaving | self._runs_of_versions
        }
        needed: dict[str, set[int]] = {}
        for name, told in known.items():
            for table in TRAINED_ON:
                tag = _VERSION_TAGS[table]
                if not told.get(tag, "").isdecimal():
                    self._problems.append(
                        f"{name} of {self._use_case.name} has no tag {tag.name}, so nobody knows which data it"
                        f" needs, and nothing that was replaced in {' and '.join(TRAINED_ON)} is removed."
                    )
                    return None
                needed.setdefault(table, set()).add(int(told[tag]))
        return needed

    def _lost(self, there: Mapping[str, set[str]]) -> Iterator[CleanupItem]:
        """Versions that could not be built again from the files that stay, and do not say so yet; and those that say
        so, and stay after all with all their files."""
        kept = {each.name: each for each in self._kept}
        for version in self._versions:
            if kept[version.number].stays or tags.NOT_REPRODUCIBLE in version.tags:
                if kept[version.number].stays and self._is_regained(version, there):
                    yield CleanupItem(
                        "regained version", version.number, 0, f"{kept[version.number].reason}; its data are there"
                    )
                continue
            for needs in _needs(version):
                log = self._logs.get(needs.table)
                if log and (days := rules.versions_losing_data(needs, log.parts, there[needs.table])):
                    reason = self._farewell(needs, days, kept[version.number])
                    yield CleanupItem("version", version.number, 0, reason, needs.table)
                    break

    def _is_regained(self, version: Version, there: Mapping[str, set[str]]) -> bool:
        needed = _needs(version)
        return (
            tags.NOT_REPRODUCIBLE in version.tags
            and bool(needed)
            and all(needs.table in there for needs in needed)
            and not any(
                rules.versions_losing_data(each, self._logs[each.table].parts, there[each.table]) for each in needed
            )
        )

    def _farewell(self, needs: VersionNeeds, days: Sequence[date], kept: KeptVersion) -> str:
        return (
            f"since {self._now.date()}, because of the declared retention: what {needs.table} held of"
            f" {_named(days)} at Delta version {needs.version} was replaced more than {self._policy.superseded_days}"
            f" days"
            f" ago and is removed; of this version, {kept.reason}."
        )

    # -- MLflow

    def _mlflow(self) -> Iterator[CleanupItem]:
        if self._experiment is None:
            return
        for run in mlflow_rules.restored_runs(self._runs, self._old_runs(), self._now):
            yield CleanupItem("restored run", run.run_id, 0, f"{run.name}, deleted {run.deleted_on:%Y-%m-%d}, is back")
        for run in self._old_runs():
            yield CleanupItem("run", run.run_id, 0, f"{run.name}, ended {run.ended_at:%Y-%m-%d}, became no version")
        logged, of_versions = self._upkeep.logged_models(self._experiment), self._models_of_versions
        for run in self._to_purge():
            reason = f"{run.name}, deleted {run.deleted_on:%Y-%m-%d}"
            if bytes_ := self._upkeep.size(self._experiment, run_folder(run.run_id)):
                yield CleanupItem("deleted run", run.run_id, bytes_, reason)
            model = run.tags.get(tags.MODEL_ID)
            models = {model} | {model for model, source in logged.items() if source == run.run_id}
            for name in sorted(filter(None, models - of_versions)):
                if (bytes_ := self._upkeep.size(self._experiment, model_folder(name))) or name in logged:
                    yield CleanupItem("logged model", name, bytes_, reason)
        yield from self._ownerless(self._experiment, logged, of_versions)

    def _ownerless(self, experiment: str, logged: Mapping[str, str], of_versions: set[str]) -> Iterator[CleanupItem]:
        """Folders first, then runs and models anew: whoever makes a folder has made its run before."""
        folders = self._upkeep.artifact_folders(experiment)
        runs, logged = self._upkeep.runs(experiment), {**logged, **self._upkeep.logged_models(experiment)}
        found = [run_folder(name) for name in mlflow_rules.orphan_folders(folders["runs"], runs)]
        found += [model_folder(n) for n in mlflow_rules.orphan_models(folders["models"], logged, runs, of_versions)]
        seen, last = self._upkeep.ownerless(experiment), rules.cutoff_of(self._now, self._policy.deleted_run_days)
        for path in found:
            if path not in seen:
                yield CleanupItem("ownerless folder", path, 0, "no run or model has it")
            elif seen[path] < last:
                reason = f"no run or model had it on {seen[path]:%Y-%m-%d}, nor has one now"
                yield CleanupItem("orphan artifacts", path, self._upkeep.size(experiment, path), reason)

    def _old_runs(self) -> list[StoredRun]:
        return mlflow_rules.runs_to_delete(self._runs, self._protected, self._policy, self._now)

    def _to_purge(self) -> list[StoredRun]:
        return mlflow_rules.runs_to_purge(self._runs, self._protected, self._policy, self._now)

    def _trained_at(self) -> dict[str, datetime]:
        ended = {run.run_id: run.ended_at for run in self._runs}
        return {version.number: ended[version.run_id] for version in self._versions if version.run_id in ended}

    # -- files

    def _files(self, logs: Sequence[StoragePath]) -> Iterator[CleanupItem]:
        name, policy = self._use_case.name, self._policy
        pages = self._old(
            "page", data_docs.data_docs_folder(name), policy.data_docs_days, ".html", besides=("index.html",)
        )
        fits = self._old("fit", ModelCache.of(self._use_case).folder, policy.backtest_cache_days, ".json")
        left = (self._unfinished(place) for place in (self._lake.root, data_docs.data_docs_folder(name)))
        for found in (pages, fits, self._letters(), *left, *(self._task_logs(base) for base in logs)):
            yield from self._as_far(found)

    def _task_logs(self, base: StoragePath) -> Iterator[CleanupItem]:
        for folder in base.names():
            if folder.startswith(f"dag_id={self._use_case.name}__"):
                yield from self._as_far(self._old("task log", base / folder, self._policy.log_days))

    def _as_far(self, items: Iterator[CleanupItem]) -> Iterator[CleanupItem]:
        """The items of a place, or a problem: one that cannot be listed does not stop the others."""
        try:
            yield from items
        except (AirworthyError, OSError) as error:
            if str(error) not in self._problems:  # a place is looked at for more than one kind
                self._problems.append(str(error))

    def _old(
        self, kind: Kind, place: StoragePath, days: int, ending: str = "", besides: Sequence[str] = ()
    ) -> Iterator[CleanupItem]:
        for file in rules.outdated_files(inventory.list_files(place), days, self._now):
            if file.name.endswith(ending) and file.name not in besides:
                yield CleanupItem(kind, file.name, file.bytes, f"of {file.modified:%Y-%m-%d}", place.uri)

    def _unfinished(self, place: StoragePath) -> Iterator[CleanupItem]:
        """What a writer on disk that was killed has left under a name for the time of writing."""
        files = inventory.list_files(place) if place.is_local else []
        for file in rules.outdated_files(files, self._policy.superseded_days, self._now):
            if is_unfinished(file.name):
                yield CleanupItem("unfinished file", file.name, file.bytes, f"of {file.modified:%Y-%m-%d}", place.uri)

    def _letters(self) -> Iterator[CleanupItem]:
        """Of alerts that are done and old, all but the mark that they are: with it, they are never sent again."""
        place = NotificationQueue.of(self._use_case).folder
        files = inventory.list_files(place)
        done = {file.name.removesuffix(_DONE) for file in files if file.name.endswith(_DONE)}
        old = rules.outdated_files(files, self._policy.notification_days, self._now)
        for file in old:
            key = file.name.removesuffix(".json") if file.name.endswith(".json") else file.name.rsplit(".", 2)[0]
            if key in done and not file.name.endswith(_DONE):
                yield CleanupItem("letter", file.name, file.bytes, f"of {file.modified:%Y-%m-%d}", place.uri)


def _needs(version: Version) -> list[VersionNeeds]:
    """What a version was trained on; nothing where its recipe does not say."""
    try:
        known = TrainingSpec.from_tag(version.tags.get(tags.RECIPE, ""))
        return [
            VersionNeeds("features", known.versions["features"], known.first, known.last),
            VersionNeeds("labels", known.versions["labels"], known.first, known.as_of),
        ]
    except (TrainingSpecError, KeyError, ValueError):
        return []


def _is_data(name: str) -> bool:
    """Whether a file of a table's folder may be one of its rows: neither its log nor hidden."""
    return not any(part.startswith(("_", ".")) for part in name.split("/"))


def _named(days: Sequence[date]) -> str:
    return str(days[0]) if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"
