"""The steps of `<use case>__data`: ingest → validate → build_features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from include.features import build
from include.ingestion import ingest as ingestion
from include.ingestion import ingest_files
from include.ingestion import validate as validation
from include.ingestion.file_changes import Redelivery
from include.lake.table_commit import Commit
from include.pipelines.context import DataRun, DataStep


@dataclass(frozen=True)
class IngestResult:
    """The rows landed by feed and, of feeds with a landing bucket, their files."""

    rows: dict[str, int]
    files: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    redelivered: Sequence[Redelivery] = ()
    """Files of earlier days that were delivered again with other content."""


def ingest(run: DataRun) -> IngestResult:
    """Ingest the rows of every feed that became known."""
    project, period = run.project, run.period
    with run.measured("ingest") as work:
        done = ingestion.ingest_period(project, period, take_changed=bool(run.params.get("take_changed")))
        rows = {feed: commit.partition.rows for feed, commit in done.items()}
        work.done(changed=any(commit.changed for commit in done.values()), amount=sum(rows.values()))
    if not any(feed.landing for feed in project.use_case.feeds):
        return IngestResult(rows)
    changed = ingest_files.noticed_redelivery(project, period)
    return IngestResult(rows, ingest_files.files_of(project, period), changed)


def validate(run: DataRun) -> dict[str, validation.ValidationResult]:
    """Validate every feed; return the result by feed."""
    with run.measured("validate") as work:
        done = validation.validate_period(run.project, run.period, again=_again(run))
        changed = any(result.commit.changed for result in done.values())
        work.done(changed=changed, amount=sum(result.landed for result in done.values()))
    return done


def build_features(run: DataRun) -> Commit:
    """Write the labels that became known, then the period's features.

    Return the commit of the features.
    """
    with run.measured("build_features") as work:
        commit = build.build_features(run.project, run.period, again=_again(run))
        work.done(changed=commit.changed, amount=commit.partition.rows)
    return commit


def _again(run: DataRun) -> bool:
    """Return whether the form asks to build unchanged partitions too."""
    return bool(run.params.get("again"))


STEPS: tuple[DataStep, ...] = (ingest, validate, build_features)
