"""Which runs of an experiment may go: old ones that became no version, and what deleted ones have left."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from include.declaration.retention import Retention
from include.maintenance.rules import cutoff_of
from include.registry.tags import MODEL_ID, TREES, TUNED_BY

"""Tags of a run: its logged model, the study that chose its parameters, the digest of its trees."""
_RUN, _MODEL = re.compile("[0-9a-f]{32}"), re.compile("m-[0-9a-f]{32}")
"""What MLflow calls runs and models; a folder of another name is somebody else's."""


@dataclass(frozen=True)
class StoredRun:
    """A run, deleted or not."""

    run_id: str
    name: str
    ended_at: datetime
    """When it ended; of one that never did, when it began."""
    tags: Mapping[str, str]
    complete: bool
    deleted: bool
    deleted_on: datetime | None = None
    """When maintenance deleted it last; one that is not deleted now was restored since, or was never quite deleted."""
    restored_on: datetime | None = None
    """When maintenance found a deletion of its own taken back."""
    parent: str | None = None
    """The study that a trial belongs to."""

    @property
    def since(self) -> datetime:
        """From when its days are counted: of one that a person has restored, anew."""
        return max(filter(None, (self.ended_at, self.deleted_on, self.restored_on)))


def protected_runs(runs: Iterable[StoredRun], of_versions: Collection[str], trees: Collection[str]) -> set[str]:
    """Ids of runs that became a version, or whose trees the ledger names, and of the studies that chose for them."""
    models = [run for run in runs if run.run_id in of_versions or run.tags.get(TREES) in trees]
    studies = {run.tags[TUNED_BY] for run in models if run.tags.get(TUNED_BY)}
    return {run.run_id for run in models} | studies


def runs_to_delete(
    runs: Sequence[StoredRun], kept: Collection[str], policy: Retention, now: datetime
) -> list[StoredRun]:
    """Runs that may be deleted: not kept, and older than `run_days`; a trial goes with its study, never before it."""
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
    """Runs whose deletion by maintenance was taken back, but for those that are `going` again: whoever deletes one of
    them next, it is that person's. Not of the last day: another maintenance may be about to delete it."""
    last, again = cutoff_of(now, 1), {run.run_id for run in going}
    back = (run for run in runs if not run.deleted and run.deleted_on is not None and run.deleted_on < last)
    return [run for run in back if run.run_id not in again]


def runs_to_purge(
    runs: Iterable[StoredRun], kept: Collection[str], policy: Retention, now: datetime
) -> list[StoredRun]:
    """Runs that maintenance deleted so long ago that their artifacts go; those that a person deleted are theirs."""
    last = cutoff_of(now, policy.deleted_run_days)
    gone = (run for run in runs if run.deleted and run.deleted_on is not None and run.deleted_on < last)
    return [run for run in gone if run.run_id not in kept]


def orphan_folders(names: Iterable[str], runs: Iterable[StoredRun]) -> list[str]:
    """Folders of artifacts that are called like a run and belong to none, deleted or not."""
    known = {run.run_id for run in runs}
    return [name for name in names if _RUN.fullmatch(name) and name not in known]


def orphan_models(
    names: Iterable[str], logged: Mapping[str, str], runs: Iterable[StoredRun], of_versions: Collection[str]
) -> list[str]:
    """Folders that are called like a model and that no version, logged model or run, deleted or not, names."""
    named = {run.tags.get(MODEL_ID) for run in runs} | set(logged) | set(of_versions)
    return [name for name in names if _MODEL.fullmatch(name) and name not in named]
