"""Select the runs and artifacts of an MLflow experiment that may be removed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from include.declaration.retention import Retention
from include.maintenance.rules import cutoff_of
from include.registry.tags import MODEL_ID, TREES, TUNED_BY

_RUN, _MODEL = re.compile("[0-9a-f]{32}"), re.compile("m-[0-9a-f]{32}")
"""MLflow's names of the folders of runs and models; other folders are never removed."""


@dataclass(frozen=True)
class StoredRun:
    """A run, deleted or not."""

    run_id: str
    name: str
    ended_at: datetime
    """When it ended; its start if it never ended."""
    tags: Mapping[str, str]
    complete: bool
    deleted: bool
    deleted_on: datetime | None = None
    """When maintenance last deleted it; if it is not deleted now, it was restored or the deletion was interrupted."""
    restored_on: datetime | None = None
    """When maintenance found that a person had restored it."""
    parent: str | None = None
    """The study that a trial belongs to."""

    @property
    def since(self) -> datetime:
        """Return when its retention starts; a restoration by a person restarts it."""
        return max(filter(None, (self.ended_at, self.deleted_on, self.restored_on)))


def protected_runs(runs: Iterable[StoredRun], of_versions: Collection[str], trees: Collection[str]) -> set[str]:
    """Return the ids of runs that are never removed.

    These are runs of versions, runs whose trees the ledger names, and the studies that chose their parameters.
    """
    models = [run for run in runs if run.run_id in of_versions or run.tags.get(TREES) in trees]
    studies = {run.tags[TUNED_BY] for run in models if run.tags.get(TUNED_BY)}
    return {run.run_id for run in models} | studies


def runs_to_delete(
    runs: Sequence[StoredRun], kept: Collection[str], policy: Retention, now: datetime
) -> list[StoredRun]:
    """Return the runs to delete: older than `run_days` and not `kept`.

    A trial is deleted together with its study, or later.
    """
    ended = cutoff_of(now, policy.run_days)
    old = {run.run_id for run in runs if run.since < ended and run.run_id not in kept}
    known = {run.run_id for run in runs}
    return [
        run
        for run in runs
        if not run.deleted
        and run.run_id in old
        and (run.parent is None or run.parent in old or run.parent not in known)
    ]


def restored_runs(runs: Iterable[StoredRun], going: Iterable[StoredRun], now: datetime) -> list[StoredRun]:
    """Return the runs that maintenance deleted and a person restored.

    Excludes runs that are `going` again, and runs deleted within the last day, which another maintenance run may still
    be processing.
    """
    last, deleted_again = cutoff_of(now, 1), {run.run_id for run in going}
    restored = (run for run in runs if not run.deleted and run.deleted_on is not None and run.deleted_on < last)
    return [run for run in restored if run.run_id not in deleted_again]


def runs_to_purge(
    runs: Iterable[StoredRun], kept: Collection[str], policy: Retention, now: datetime
) -> list[StoredRun]:
    """Return the runs that maintenance deleted more than `deleted_run_days` ago.

    Excludes runs that a person deleted.
    """
    last = cutoff_of(now, policy.deleted_run_days)
    deleted = (run for run in runs if run.deleted and run.deleted_on is not None and run.deleted_on < last)
    return [run for run in deleted if run.run_id not in kept]


def orphan_folders(names: Iterable[str], runs: Iterable[StoredRun]) -> list[str]:
    """Return the artifact folders with a run's name that belong to none."""
    known = {run.run_id for run in runs}
    return [name for name in names if _RUN.fullmatch(name) and name not in known]


def orphan_models(
    names: Iterable[str], logged: Mapping[str, str], runs: Iterable[StoredRun], of_versions: Collection[str]
) -> list[str]:
    """Return the folders with a model's name that belong to nothing."""
    named = {run.tags.get(MODEL_ID) for run in runs} | set(logged) | set(of_versions)
    return [name for name in names if _MODEL.fullmatch(name) and name not in named]
