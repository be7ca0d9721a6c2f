"""Tasks of <use case>__data."""

from __future__ import annotations

from typing import Any

from airflow.sdk import get_current_context, task

from include import settings
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.declaration.use_case_discovery import load_use_case
from include.orchestration import callbacks
from include.orchestration.dag_factory import TASK_ARGS, add_asset_metadata, fail_without_retry, period_of
from include.project import open_project


@task(**TASK_ARGS)
def ingest(use_case: str) -> dict[str, int]:
    """Ingest the rows of every feed that became known; return the rows landed by feed."""
    from include.ingestion import ingest

    with fail_without_retry():
        context = get_current_context()
        declared, period, take_changed = (
            load_use_case(use_case),
            period_of(context),
            bool(context["params"].get("take_changed")),
        )
        done = ingest.ingest_period(open_project(declared), period, take_changed=take_changed)
        landed = {feed: commit.partition.rows for feed, commit in done.items()}
        delivered = _delivered(declared, period) if any(feed.landing for feed in declared.feeds) else {}
    add_asset_metadata(declared, "raw", period=period.key, rows=landed, **delivered)
    return landed


def _delivered(declared: UseCase, period: Period) -> dict[str, Any]:
    """Return the day's files and earlier days' changed files, for the event.

    It is the event of the asset. Changed files also raise an alert.
    """
    from include.ingestion import ingest_files

    changed = ingest_files.noticed_redelivery(open_project(declared), period)
    callbacks.notify_redelivered(open_project(declared), changed)
    return {
        "files": ingest_files.files_of(open_project(declared), period),
        "redelivered": [str(file) for file in changed],
    }


def wait_for_deliveries(use_case: UseCase) -> list[Any]:
    """Return a sensor for each feed with a landing bucket.

    Amazon's provider is imported only if there is such a feed.
    """
    if not any(feed.landing for feed in use_case.feeds):
        return []
    from include.orchestration import delivery_sensor

    return list(delivery_sensor.delivery_sensors(use_case))


@task(**TASK_ARGS)
def validate(use_case: str) -> dict[str, dict[str, int]]:
    """Validate every feed; return the rows landed, published and quarantined by feed."""
    from include.ingestion import validate

    with fail_without_retry():
        declared, period = load_use_case(use_case), period_of(get_current_context())
        rows = {
            feed: {"landed": done.landed, "published": done.published, "quarantined": done.quarantined}
            for feed, done in validate.validate_period(open_project(declared), period).items()
        }
    add_asset_metadata(
        declared,
        "checked",
        period=period.key,
        rows=rows,
        data_docs=f"{settings.current_settings().data_docs}/{use_case}/index.html",
    )
    return rows


@task(**TASK_ARGS)
def build_features(use_case: str) -> dict[str, object]:
    """Write the labels that became known, then the day's features.

    Returns rows and Delta version.
    """
    from include.features import build

    with fail_without_retry():
        declared, period = load_use_case(use_case), period_of(get_current_context())
        commit = build.build_features(open_project(declared), period)
    written = {"period": period.key, "rows": commit.partition.rows, "version": commit.version}
    add_asset_metadata(declared, "features", **written)
    return written | {"changed": commit.changed}
