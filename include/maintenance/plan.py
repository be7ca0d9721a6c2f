"""Plan the clean-up of the storage of a use case or feature group.

Only reads: creates no table, folder or experiment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from include.declaration.period import Period
from include.lake.object_store import StoragePath
from include.maintenance import mlflow_rules, rules
from include.maintenance.file_plan import FilePlanner
from include.maintenance.mlflow_cleanup import MlflowCleanup, model_folder, run_folder
from include.maintenance.mlflow_rules import StoredRun
from include.maintenance.rules import CleanupItem, CleanupPlan, KeptVersion, VersionNeeds
from include.maintenance.table_plan import TRAINED_ON, TablePlanner
from include.project import DataProject, Project
from include.registry import tags, trials
from include.registry.ledger_entry import LedgerEntry
from include.registry.model_record import Version
from include.training.recipe import TrainingSpec, TrainingSpecError

_VERSION_TAGS = {"features": tags.FEATURES_VERSION, "labels": tags.LABELS_VERSION}
"""Table to the tag with the Delta version on which a model was trained."""


def build_cleanup_plan(project: DataProject, now: datetime, logs: Sequence[str] = ()) -> CleanupPlan:
    """Return the plan for this time; `logs` are folders or S3 addresses of task logs.

    A feature group has no models: only its tables, pages, alerts and task logs are planned. Models of use cases are
    trained on tables of their own, so nothing needs earlier versions of a group's tables.

    Raises:
        MlflowUnreachableError: MLflow does not answer, so the versions are unknown.
        LedgerCorruptedError: the ledger is damaged, so the champions are unknown.
    """
    places = [StoragePath.parse(folder) for folder in logs]
    if isinstance(project, Project):
        return _CleanupPlanner(project, now).plan(places)
    return _of_group(project, now, places)


def _of_group(project: DataProject, now: datetime, logs: Sequence[StoragePath]) -> CleanupPlan:
    problems: list[str] = []
    tables, files = TablePlanner(project, now, problems), FilePlanner(project, now, problems)
    items = _in_order([*tables.items({}), *files.items(logs)])
    return CleanupPlan(project.use_case.name, items, problems=tuple(problems))


def _in_order(items: Iterable[CleanupItem]) -> tuple[CleanupItem, ...]:
    """Return the items in the order in which they are applied."""
    order = list(rules.CHANGES)
    return tuple(sorted(items, key=lambda item: (order.index(item.kind), item.table, item.name)))


class _CleanupPlanner:
    """Makes one plan; reads versions, runs and ledger once."""

    def __init__(self, project: Project, now: datetime) -> None:
        use_case = project.use_case
        self._project = project
        self._use_case, self._policy, self._now = use_case, use_case.retention, now
        self._mlflow_cleanup = MlflowCleanup.open(project)
        self._versions = project.registry.versions()
        self._runs_of_versions, self._models_of_versions = project.registry.runs_and_models()
        self._entries: list[LedgerEntry] = project.ledger.entries()
        self._experiment = self._mlflow_cleanup.experiment()
        self._runs = self._mlflow_cleanup.runs(self._experiment) if self._experiment else []
        self._problems: list[str] = []
        self._tables = TablePlanner(project, now, self._problems)
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
        if (tried := trials.open_trial(self._entries)) is not None:
            kept = rules.KeptVersion(tried.version, True, "it is tried next to the champion")
            self._kept = [kept if each.name == tried.version else each for each in self._kept]

    def plan(self, logs: Sequence[StoragePath]) -> CleanupPlan:
        files = FilePlanner(self._project, self._now, self._problems)
        items = [*self._table_items(), *self._mlflow(), *files.items(logs)]
        return CleanupPlan(
            self._use_case.name, _in_order(items), tuple(self._kept), len(self._entries), tuple(self._problems)
        )

    # -- tables

    def _table_items(self) -> Iterator[CleanupItem]:
        yield from self._tables.items(self._needed())
        yield from self._marks(self._tables.remaining)

    def _needed(self) -> dict[str, set[int]] | None:
        """Return the Delta versions to keep by table, or None.

        None: one model does not name its own.
        """
        stays = {kept.name for kept in self._kept if kept.stays}
        tags_of = {f"version {version.number}": version.tags for version in self._versions if version.number in stays}
        purged = {run.run_id for run in self._to_purge()}  # a run that can be restored keeps its data
        tags_of |= {
            f"run {run.run_id}": run.tags
            for run in self._runs
            if run.complete and tags.TREES in run.tags and run.run_id not in purged | self._runs_of_versions
        }
        needed: dict[str, set[int]] = {}
        for name, own_tags in tags_of.items():
            for table in TRAINED_ON:
                tag = _VERSION_TAGS[table]
                if not own_tags.get(tag, "").isdecimal():
                    self._problems.append(
                        f"{name} of {self._use_case.name} has no tag {tag.name}, so the data that it needs are unknown,"
                        f" and no replaced file of {' and '.join(TRAINED_ON)} is removed."
                    )
                    return None
                needed.setdefault(table, set()).add(int(own_tags[tag]))
        return needed

    def _marks(self, remaining: Mapping[str, set[str]]) -> Iterator[CleanupItem]:
        """Yield versions whose mark "no longer reproducible" must change."""
        kept = {version.name: version for version in self._kept}
        for version in self._versions:
            if kept[version.number].stays or tags.NOT_REPRODUCIBLE in version.tags:
                if kept[version.number].stays and self._is_regained(version, remaining):
                    yield CleanupItem(
                        "regained version", version.number, 0, f"{kept[version.number].reason}; its data exist"
                    )
                continue
            for needs in _needs(version):
                log = self._tables.logs.get(needs.table)
                if log and (periods := rules.versions_losing_data(needs, log.parts, remaining[needs.table])):
                    reason = self._loss_reason(needs, periods, kept[version.number])
                    yield CleanupItem("version", version.number, 0, reason, needs.table)
                    break

    def _is_regained(self, version: Version, remaining: Mapping[str, set[str]]) -> bool:
        needed = _needs(version)
        return (
            tags.NOT_REPRODUCIBLE in version.tags
            and bool(needed)
            and all(needs.table in remaining for needs in needed)
            and not any(
                rules.versions_losing_data(needs, self._tables.logs[needs.table].parts, remaining[needs.table])
                for needs in needed
            )
        )

    def _loss_reason(self, needs: VersionNeeds, periods: Sequence[Period], kept: KeptVersion) -> str:
        return (
            f"since {self._now.date()}, because of the declared retention: {_named(periods)} of {needs.table} at Delta"
            f" version {needs.version} were replaced more than {self._policy.superseded_days} days ago and are removed."
            f" Why this version's data are not kept: {kept.reason}."
        )

    # -- MLflow

    def _mlflow(self) -> Iterator[CleanupItem]:
        if self._experiment is None:
            return
        for run in mlflow_rules.restored_runs(self._runs, self._old_runs(), self._now):
            yield CleanupItem("restored run", run.run_id, 0, f"{run.name}, deleted {run.deleted_on:%Y-%m-%d}, is back")
        for run in self._old_runs():
            yield CleanupItem("run", run.run_id, 0, f"{run.name}, ended {run.ended_at:%Y-%m-%d}, became no version")
        logged, of_versions = self._mlflow_cleanup.logged_models(self._experiment), self._models_of_versions
        for run in self._to_purge():
            reason = f"{run.name}, deleted {run.deleted_on:%Y-%m-%d}"
            if bytes_ := self._mlflow_cleanup.size(self._experiment, run_folder(run.run_id)):
                yield CleanupItem("deleted run", run.run_id, bytes_, reason)
            model = run.tags.get(tags.MODEL_ID)
            models = {model} | {model for model, source in logged.items() if source == run.run_id}
            for name in sorted(filter(None, models - of_versions)):
                if (bytes_ := self._mlflow_cleanup.size(self._experiment, model_folder(name))) or name in logged:
                    yield CleanupItem("logged model", name, bytes_, reason)
        yield from self._ownerless(self._experiment, logged, of_versions)

    def _ownerless(self, experiment: str, logged: Mapping[str, str], of_versions: set[str]) -> Iterator[CleanupItem]:
        """Yield artifact folders of no run or model.

        Folders are listed before runs and models, since a run is created before its folder.
        """
        folders = self._mlflow_cleanup.artifact_folders(experiment)
        runs, logged = (
            self._mlflow_cleanup.runs(experiment),
            {**logged, **self._mlflow_cleanup.logged_models(experiment)},
        )
        orphans = [run_folder(name) for name in mlflow_rules.orphan_folders(folders["runs"], runs)]
        orphans += [model_folder(n) for n in mlflow_rules.orphan_models(folders["models"], logged, runs, of_versions)]
        marked = self._mlflow_cleanup.find_orphans(experiment)
        last = rules.cutoff_of(self._now, self._policy.deleted_run_days)
        for path in orphans:
            if path not in marked:
                yield CleanupItem("ownerless folder", path, 0, "it belongs to no run or model")
            elif marked[path] < last:
                reason = f"it has belonged to no run or model since {marked[path]:%Y-%m-%d}"
                yield CleanupItem("orphan artifacts", path, self._mlflow_cleanup.size(experiment, path), reason)

    def _old_runs(self) -> list[StoredRun]:
        return mlflow_rules.runs_to_delete(self._runs, self._protected, self._policy, self._now)

    def _to_purge(self) -> list[StoredRun]:
        return mlflow_rules.runs_to_purge(self._runs, self._protected, self._policy, self._now)

    def _trained_at(self) -> dict[str, datetime]:
        ended = {run.run_id: run.ended_at for run in self._runs}
        return {version.number: ended[version.run_id] for version in self._versions if version.run_id in ended}


def _needs(version: Version) -> list[VersionNeeds]:
    """Return a version's training data; empty if its recipe does not say."""
    try:
        known = TrainingSpec.from_tag(version.tags.get(tags.RECIPE, ""))
        return [
            VersionNeeds("features", known.versions["features"], known.first, known.last),
            VersionNeeds("labels", known.versions["labels"], known.labels_since, known.as_of),
        ]
    except (TrainingSpecError, KeyError, ValueError):
        return []


def _named(periods: Sequence[Period]) -> str:
    return (
        str(periods[0])
        if len(periods) == 1
        else f"{periods[0].unit.counted(len(periods))} from {periods[0]} to {periods[-1]}"
    )
