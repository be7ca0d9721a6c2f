"""Plan and apply the clean-up that the declared retention requires."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Literal

from include.errors import AirworthyError
from include.ingestion import data_docs
from include.ingestion.sources import kept_rows
from include.lake import compaction, inventory
from include.lake.object_store import StoragePath
from include.maintenance import plan as maintenance_plan
from include.maintenance import rules
from include.maintenance.mlflow_cleanup import MlflowCleanup, model_folder, run_folder
from include.maintenance.rules import CHANGES, CleanupItem, CleanupPlan, Kind
from include.printable import printable_logger
from include.project import DataProject, Project
from include.registry.tags import NOT_REPRODUCIBLE

log = printable_logger(__name__)


Changed = Literal["versions", "ledger"]
"""What changed after a plan was made."""


class PlanStaleError(AirworthyError):
    """The versions or the ledger changed after the plan was made."""

    retryable = True

    def __init__(self, use_case: str, changed: Changed) -> None:
        self.use_case, self.changed = use_case, changed
        super().__init__(f"{use_case}: the {changed} changed after the plan was made; run it again.")


class PlanIncompleteError(AirworthyError):
    """A part of the storage could not be read, and was not changed."""

    def __init__(self, use_case: str, applied: bool, problems: Sequence[str]) -> None:
        self.use_case, self.applied, self.problems = use_case, applied, tuple(problems)
        super().__init__(
            f"{use_case}: maintenance {'has done' if applied else 'would do'} the rest. {' '.join(problems)}"
        )


@dataclass(frozen=True)
class CleanupResult:
    """The plan, and whether it was applied; plain values."""

    use_case: str
    apply_changes: bool
    counts: dict[str, dict[str, int]]
    """Kind to `count` and `bytes`."""
    lines: tuple[str, ...]
    """The counts as text."""
    items: tuple[dict[str, object], ...]
    """The first items of each kind, with their reasons; the log has all."""
    problems: tuple[str, ...] = ()
    left: tuple[str, ...] = field(default=())
    """Planned items that were not applied, and why."""


_SHOWN = 5


def maintain(
    project: DataProject, *, apply_changes: bool, now: datetime | None = None, logs: Sequence[str] = ()
) -> CleanupResult:
    """Make a plan, and apply it if `apply_changes`; otherwise change nothing.

    `logs` are the folders, or addresses on S3, of the logs of Airflow's tasks. An interrupted run can be repeated.

    Raises:
        MlflowUnreachableError: MLflow does not answer.
        LedgerCorruptedError: the ledger is damaged.
        PlanStaleError: versions or ledger changed after the plan was made.
    """
    now = now or datetime.now(UTC)
    plan = maintenance_plan.build_cleanup_plan(project, now, logs)
    for line in plan.table():
        log.info("%s", line)
    for item in plan.items:
        log.info("%s %s: %s", item.kind, "/".join(filter(None, (item.table, item.name))), item.reason)
    left = apply_plan(project, plan, now) if apply_changes else []
    shown = [item for kind in CHANGES for item in plan.items_of(kind)[:_SHOWN]]
    return CleanupResult(
        project.use_case.name,
        apply_changes,
        plan.counts(),
        tuple(plan.table()),
        tuple(asdict(item) for item in shown),
        plan.problems,
        tuple(left),
    )


def require_plan(result: CleanupResult) -> CleanupResult:
    """Return the result, if all of the storage could be read.

    Raises:
        PlanIncompleteError: a part could not be read.
    """
    if result.problems:
        raise PlanIncompleteError(result.use_case, result.apply_changes, result.problems)
    return result


def apply_plan(project: DataProject, plan: CleanupPlan, now: datetime) -> list[str]:
    """Apply the plan, kind by kind; return a sentence for each item that was left.

    Can be repeated after an interruption: an item that is already removed is no error.

    Raises:
        PlanStaleError: versions or ledger changed after the plan was made, checked before files of tables are removed.
    """
    executor = _PlanExecutor(project, plan, now) if isinstance(project, Project) else _DataExecutor(project, plan, now)
    left: list[str] = []
    for kind in CHANGES:
        if items := plan.items_of(kind):
            left += executor.step_for(kind)(items)
    return left


class _DataExecutor:
    """Applies the plan of a feature group, or the part of a plan that is about data."""

    def __init__(self, project: DataProject, plan: CleanupPlan, now: datetime) -> None:
        self._project, self._use_case, self._plan, self._now = project, project.use_case, plan, now
        self._lake = project.lake

    def step_for(self, kind: Kind) -> Callable[[list[CleanupItem]], list[str]]:
        """Return the function that applies items of this kind."""
        if kind == "checkpoint":
            return self._checkpoint
        if kind in ("superseded file", "orphan file"):
            return self._remove_from_tables
        return self._remove_copies if kind == "kept copy" else self._remove_files

    def _checkpoint(self, items: list[CleanupItem]) -> list[str]:
        for item in items:
            compaction.write_checkpoint(self._lake, item.table)
        return []

    def _remove_from_tables(self, items: list[CleanupItem]) -> list[str]:
        self._require_current_plan()
        for table, of_table in _by_table(items):
            inventory.remove_files(self._lake.root / table, [item.name for item in of_table])
        return []

    def _require_current_plan(self) -> None:
        """Check that what keeps files is that of the plan; nothing keeps those of a group."""

    def _remove_files(self, items: list[CleanupItem]) -> list[str]:
        for place, of_place in _by_table(items):
            inventory.remove_files(StoragePath.parse(place), [item.name for item in of_place], folders=True)
        if any(item.kind == "page" for item in items):
            data_docs.write_index(self._use_case.name)
        return []

    def _remove_copies(self, items: list[CleanupItem]) -> list[str]:
        """Remove copies of files, except those that were read meanwhile."""
        home, name = self._project.settings.home, self._use_case.name
        last = rules.cutoff_of(self._now, self._use_case.retention.kept_rows_days)
        folders = [Path(item.table) / item.name for item in items]
        left = [folder for folder in folders if not kept_rows.remove_copy(home, name, folder, last)]
        return [f"the copy {folder} was read meanwhile." for folder in left]


class _PlanExecutor(_DataExecutor):
    """Applies the plan of a use case."""

    def __init__(self, project: Project, plan: CleanupPlan, now: datetime) -> None:
        super().__init__(project, plan, now)
        self._ledger = project.ledger
        self._mlflow_cleanup, self._registry = MlflowCleanup.open(project), project.registry

    def step_for(self, kind: Kind) -> Callable[[list[CleanupItem]], list[str]]:
        """Return the function that applies items of this kind."""
        of_models: dict[Kind, Callable[[list[CleanupItem]], list[str]]] = {
            "version": self._mark_versions,
            "regained version": self._unmark_versions,
            "restored run": self._reset_retention,
            "run": self._delete_runs,
            "deleted run": lambda items: self._purge(run_folder(item.name) for item in items),
            "logged model": self._purge_models,
            "ownerless folder": self._mark_orphans,
            "orphan artifacts": self._purge_orphans,
        }
        return of_models.get(kind) or super().step_for(kind)

    def _mark_versions(self, items: list[CleanupItem]) -> list[str]:
        for item in items:
            self._registry.tag_version(item.name, {NOT_REPRODUCIBLE: item.reason})
        return []

    def _unmark_versions(self, items: list[CleanupItem]) -> list[str]:
        for item in items:
            self._registry.untag_version(item.name, NOT_REPRODUCIBLE)
        return []

    def _require_current_plan(self) -> None:
        """Check that versions and ledger are those of the plan.

        Raises:
            PlanStaleError: they are not.
        """
        known = [kept.name for kept in self._plan.kept]
        if [version.number for version in self._registry.versions()] != known:
            raise PlanStaleError(self._use_case.name, "versions")
        if len(self._ledger.entries()) != self._plan.entries:
            raise PlanStaleError(self._use_case.name, "ledger")

    def _reset_retention(self, items: list[CleanupItem]) -> list[str]:
        for item in items:
            self._mlflow_cleanup.reset_retention(item.name, self._now)
        return []

    def _delete_runs(self, items: list[CleanupItem]) -> list[str]:
        """Mark runs as deleted, except those that became a version meanwhile."""
        left = []
        for item in items:
            if not self._is_a_version(item.name):
                self._mlflow_cleanup.delete_run(item.name, self._now)
                if not self._is_a_version(item.name):
                    continue
                self._mlflow_cleanup.restore_run(item.name)
            left.append(f"run {item.name} became a version meanwhile.")
        return left

    def _is_a_version(self, run_id: str) -> bool:
        return run_id in self._registry.runs_and_models()[0]

    def _purge(self, paths: Iterable[str]) -> list[str]:
        experiment = self._mlflow_cleanup.experiment()
        for path in paths if experiment else ():
            self._mlflow_cleanup.remove_artifacts(str(experiment), path)
        return []

    def _purge_models(self, items: list[CleanupItem]) -> list[str]:
        for item in items:
            self._mlflow_cleanup.delete_model(item.name)
        return self._purge(model_folder(item.name) for item in items)

    def _mark_orphans(self, items: list[CleanupItem]) -> list[str]:
        experiment = self._mlflow_cleanup.experiment()
        for item in items if experiment else ():
            self._mlflow_cleanup.mark_orphans(str(experiment), item.name, self._now)
        return []

    def _purge_orphans(self, items: list[CleanupItem]) -> list[str]:
        left, experiment = self._purge(item.name for item in items), self._mlflow_cleanup.experiment()
        for item in items if experiment else ():
            self._mlflow_cleanup.unmark_orphans(str(experiment), item.name)
        return left


def _by_table(items: Iterable[CleanupItem]) -> list[tuple[str, list[CleanupItem]]]:
    return [(table, list(of_table)) for table, of_table in groupby(items, key=lambda item: item.table)]
