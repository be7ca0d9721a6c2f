"""Which runs of an experiment may go: old ones that became no version, and what deleted ones have left."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from include.logic.retention import before
from include.retention import Retention

MODEL_ID, TUNED_BY, TREES = "model_id", "tuned_by", "trees"
"""Tags of a run: its logged model, the study that chose its parameters, the digest of its trees."""


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
    """When maintenance deleted it last; one that is not deleted now was restored since."""
    parent: str | None = None
    """The study that a trial belongs to."""

    @property
    def since(self) -> datetime:
        """From when its days are counted: of one that a person has restored, anew."""
        return max(self.ended_at, self.deleted_on or self.ended_at)


def protected(runs: Iterable[StoredRun], of_versions: Collection[str], trees: Collection[str]) -> set[str]:
    """Ids of runs that became a version, or whose trees the ledger names, and of the studies that chose for them."""
    models = [run for run in runs if run.run_id in of_versions or run.tags.get(TREES) in trees]
    studies = {run.tags[TUNED_BY] for run in models if run.tags.get(TUNED_BY)}
    return {run.run_id for run in models} | studies


def to_delete(runs: Sequence[StoredRun], kept: Collection[str], policy: Retention, now: datetime) -> list[StoredRun]:
    """Runs that may be deleted: not kept, and older than `run_days`; a trial goes with its study, never before it."""
    ended = before(now, policy.run_days)
    old = {run.run_id for run in runs if run.since < ended and run.run_id not in kept}
    known = {run.run_id for run in runs}
    return [
        run
        for run in runs
        if not run.deleted
        and run.run_id in old
        and (run.parent is None or run.parent in old or run.parent not in known)
    ]


def to_purge(runs: Iterable[StoredRun], kept: Collection[str], policy: Retention, now: datetime) -> list[StoredRun]:
    """Runs that maintenance deleted so long ago that their artifacts go; those that a person deleted are theirs."""
    last = before(now, policy.deleted_run_days)
    gone = (run for run in runs if run.deleted and run.deleted_on is not None and run.deleted_on < last)
    return [run for run in gone if run.run_id not in kept]


def ownerless_folders(names: Iterable[str], runs: Iterable[StoredRun]) -> list[str]:
    """Folders of artifacts that belong to no run, deleted or not."""
    known = {run.run_id for run in runs}
    return [name for name in names if name not in known]


def ownerless_models(
    names: Iterable[str], logged: Mapping[str, str], runs: Iterable[StoredRun], of_versions: Collection[str]
) -> list[str]:
    """Folders of models that no version, no logged model and no run, deleted or not, names."""
    named = {run.tags.get(MODEL_ID) for run in runs} | set(logged) | set(of_versions)
    return [name for name in names if name not in named]
