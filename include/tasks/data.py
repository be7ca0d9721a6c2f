"""Tasks of <use case>__data."""

from __future__ import annotations

from airflow.sdk import get_current_context, task

from include import settings
from include.dag import INPUT_OUTPUT, day_of, note, told
from include.use_cases import load


@task(**INPUT_OUTPUT)
def ingest(use_case: str) -> dict[str, int]:
    """Land what became known of every feed; rows landed by feed."""
    from include.stages import ingest

    with told():
        declared, day = load(use_case), day_of(get_current_context())
        landed = {feed: commit.partition.rows for feed, commit in ingest.run(declared, day).items()}
    note(declared, "raw", day=day.isoformat(), rows=landed)
    return landed


@task(**INPUT_OUTPUT)
def validate(use_case: str) -> dict[str, dict[str, int]]:
    """Judge every feed; rows landed, published and quarantined by feed."""
    from include.stages import validate

    with told():
        declared, day = load(use_case), day_of(get_current_context())
        found = {
            feed: {"landed": done.landed, "published": done.published, "quarantined": done.quarantined}
            for feed, done in validate.run(declared, day).items()
        }
    note(
        declared,
        "checked",
        day=day.isoformat(),
        rows=found,
        data_docs=str(settings.current().data_docs / use_case / "index.html"),
    )
    return found


@task(**INPUT_OUTPUT)
def build_features(use_case: str) -> dict[str, object]:
    """Write the labels that became known, then the features of the day; rows and Delta version."""
    from include.stages import build_features

    with told():
        declared, day = load(use_case), day_of(get_current_context())
        commit = build_features.run(declared, day)
    written = {"day": day.isoformat(), "rows": commit.partition.rows, "version": commit.version}
    note(declared, "features", **written)
    return written | {"changed": commit.changed}
