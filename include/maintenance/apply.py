"""Maintain: carry out what the declared retention asks for, or only say what would be done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import groupby

from include.errors import AirworthyError
from include.ingestion import data_docs
from include.lake import compaction, inventory
from include.lake.object_store import StoragePath
from include.maintenance import plan as maintenance_plan
from include.maintenance.mlflow_cleanup import MlflowCleanup, model_folder, run_folder
from include.maintenance.rules import CHANGES, CleanupItem, CleanupPlan, Kind
from include.printable import printable_logger
from include.project import Project
from include.registry.ledger import Ledger
from include.registry.tags import NOT_REPRODUCIBLE

log = printable_logger(__name__)


class PlanStaleError(AirworthyError):
    """Versions or ledger are others than when the plan was made."""

    worth_retrying = True


class PlanIncompleteError(AirworthyError):
    """A part of what is stored could not be looked at, and stays as it is."""


@dataclass(frozen=True)
class CleanupResult:
    """What was planned, and whether it was done; plain values."""

    use_case: str
    apply_changes: bool
    counts: dict[str, dict[str, int]]
    """Kind to `count` and `bytes`."""
    lines: tuple[str, ...]
    """The same for a person."""
    items: tuple[dict[str, object], ...]
    """The first of each kind, with their reasons; the log has all."""
    problems: tuple[str, ...] = ()
    left: tuple[str, ...] = field(default=())
    """What was planned and not done, and why."""


_SHOWN = 5


def maintain(
    project: Project, *, apply_changes: bool, now: datetime | None = None, logs: Sequence[str] = ()
) -> CleanupResult:
    """Plan, and carry the plan out if `apply_changes`; otherwise nothing at all is changed.

    `logs` are the folders, or addresses on S3, of the logs of Airflow's tasks. Killed on its way, it is run again: what
    is gone is not planned.
    Raises MlflowUnreachableError, LedgerCorruptedError, Moved.
    """
    now = now or datetime.now(UTC)
    plan = maintenance_plan.build_cleanup_plan(project, now, logs)
    for line in plan.table():
        log.info("%s", line)
    for item in plan.items:
        log.info("%s %s: %s", item.kind, "/".join(filter(None, (item.table, item.name))), item.reason)
    left = apply_plan(project, plan, now) if apply_changes else []
    shown = [item for kind in CHANGES for item in plan.of(kind)[:_SHOWN]]
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
    """The result; PlanIncompleteError where something could not be looked at."""
    if result.problems:
        raise PlanIncompleteError(
            f"{result.use_case}: maintenance {'has done' if result.apply_changes else 'would do'} the rest. "
            + " ".join(result.problems)
        )
    return result


def apply_plan(project: Project, plan: CleanupPlan, now: datetime) -> list[str]:
    """Do what the plan names and nothing else, kind by kind; what was left, in words.

    Done in part or whole before, it does the rest: what is gone is no error. Raises Moved before anything is removed
    that a version may need which the plan does not know.
    """
    doing = _PlanExecutor(project, plan, now)
    left: list[str] = []
    for kind in CHANGES:
        if items := plan.of(kind):
            left += doing.of(kind)(items)
    return left


class _PlanExecutor:
    """One plan, being carried out."""

    def __init__(self, project: Project, plan: CleanupPlan, now: datetime) -> None:
        self._use_case, self._plan, self._now = project.use_case, plan, now
        self._lake, self._upkeep, self._registry = project.lake, MlflowCleanup(project.use_case), project.registry

    def of(self, kind: Kind) -> Callable[[list[CleanupItem]], list[str]]:
        """What does items of that kind."""
        if kind in ("superseded file", "orphan file"):
            return self._remove_from_tables
        if kind in ("task log", "page", "fit", "letter", "unfinished file"):
            return self._remove_files
        return {
            "checkpoint": self._checkpoint,
            "version": self._tell_versions,
            "regained version": self._untell_versions,
            "restored run": self._count_anew,
            "run": self._delete_runs,
            "deleted run": lambda items: self._purge(run_folder(item.name) for item in items),
            "logged model": self._purge_models,
            "ownerless folder": self._mark_orphans,
            "orphan artifacts": self._purge_orphans,
        }[kind]

    def _checkpoint(self, items: list[CleanupItem]) -> list[str]:
        for item in items:
            compaction.write_checkpoint(self._lake, item.table)
        return []

    def _tell_versions(self, items: list[CleanupItem]) -> list[str]:
        for item in items:
            self._registry.tag_version(item.name, {NOT_REPRODUCIBLE: item.reason})
        return []

    def _untell_versions(self, items: list[CleanupItem]) -> list[str]:
        for item in items:
            self._registry.untag_version(item.name, NOT_REPRODUCIBLE)
        return []

    def _remove_from_tables(self, items: list[CleanupItem]) -> list[str]:
        self._require_unmoved()
        for table, each in _by_table(items):
            inventory.remove_files(self._lake.root / table, [item.name for item in each])
        return []

    def _require_unmoved(self) -> None:
        """Moved where a version was registered, or came to fly, since the plan was made: it may need what would go."""
        known = [kept.name for kept in self._plan.kept]
        if (there := [version.number for version in self._registry.versions()]) != known:
            raise PlanStaleError(
                f"{self._use_case.name}: there are versions {there} now, and were {known}; run it again."
            )
        if len(Ledger.of(self._use_case).entries()) != self._plan.entries:
            raise PlanStaleError(f"{self._use_case.name}: the ledger has a new entry; run it again.")

    def _count_anew(self, items: list[CleanupItem]) -> list[str]:
        for item in items:
            self._upkeep.reset_retention(item.name, self._now)
        return []

    def _delete_runs(self, items: list[CleanupItem]) -> list[str]:
        """Mark runs as deleted, but for one that became a version meanwhile, even in the same moment."""
        left = []
        for item in items:
            if not self._is_a_version(item.name):
                self._upkeep.delete_run(item.name, self._now)
                if not self._is_a_version(item.name):
                    continue
                self._upkeep.restore_run(item.name)
            left.append(f"run {item.name} became a version meanwhile.")
        return left

    def _is_a_version(self, run_id: str) -> bool:
        return run_id in self._registry.runs_and_models()[0]

    def _purge(self, paths: Iterable[str]) -> list[str]:
        experiment = self._upkeep.experiment()
        for path in paths if experiment else ():
            self._upkeep.remove_artifacts(str(experiment), path)
        return []

    def _purge_models(self, items: list[CleanupItem]) -> list[str]:
        for item in items:
            self._upkeep.delete_model(item.name)
        return self._purge(model_folder(item.name) for item in items)

    def _mark_orphans(self, items: list[CleanupItem]) -> list[str]:
        experiment = self._upkeep.experiment()
        for item in items if experiment else ():
            self._upkeep.mark_orphans(str(experiment), item.name, self._now)
        return []

    def _purge_orphans(self, items: list[CleanupItem]) -> list[str]:
        left, experiment = self._purge(item.name for item in items), self._upkeep.experiment()
        for item in items if experiment else ():
            self._upkeep.unmark_orphans(str(experiment), item.name)
        return left

    def _remove_files(self, items: list[CleanupItem]) -> list[str]:
        for place, each in _by_table(items):
            inventory.remove_files(StoragePath.of(place), [item.name for item in each], folders=True)
        if any(item.kind == "page" for item in items):
            data_docs.write_index(self._use_case.name)
        return []


def _by_table(items: Iterable[CleanupItem]) -> list[tuple[str, list[CleanupItem]]]:
    return [(table, list(each)) for table, each in groupby(items, key=lambda item: item.table)]
