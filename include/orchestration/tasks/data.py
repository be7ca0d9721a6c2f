"""Tasks of <use case>__data."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from include import settings
from include.declaration.data_declaration import DataDeclaration
from include.declaration.names import VALIDATION_PAGE
from include.orchestration import callbacks
from include.orchestration.dag_factory import TASK_ARGS, add_asset_metadata, data_run, fail_without_retry


@task(**TASK_ARGS)
def ingest(use_case: str) -> dict[str, int]:
    """Ingest the rows of every feed that became known; return the rows landed by feed.

    A file of an earlier day that was delivered again raises an alert.
    """
    from include.pipelines import data

    with fail_without_retry():
        run = data_run(use_case)
        result = data.ingest(run)
    declared = run.project.use_case
    delivered: dict[str, Any] = {}
    if any(feed.landing for feed in declared.feeds):
        callbacks.notify_redelivered(run.project, result.redelivered)
        delivered = {"files": result.files, "redelivered": [str(file) for file in result.redelivered]}
    add_asset_metadata(declared, "raw", period=run.period.key, rows=result.rows, **delivered)
    return result.rows


def wait_for_deliveries(use_case: DataDeclaration) -> list[Any]:
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
    from include.pipelines import data

    with fail_without_retry():
        run = data_run(use_case)
        rows = {
            feed: {"landed": done.landed, "published": done.published, "quarantined": done.quarantined}
            for feed, done in data.validate(run).items()
        }
    add_asset_metadata(
        run.project.use_case,
        "checked",
        period=run.period.key,
        rows=rows,
        validation_page=f"{settings.current_settings().airflow}{VALIDATION_PAGE}/{use_case}?until={run.period.key}",
    )
    return rows


@task(**TASK_ARGS)
def build_features(use_case: str) -> dict[str, object]:
    """Write the labels that became known, then the day's features.

    Return rows and Delta version.
    """
    from include.pipelines import data

    with fail_without_retry():
        run = data_run(use_case)
        commit = data.build_features(run)
    written = {"period": run.period.key, "rows": commit.partition.rows, "version": commit.version}
    add_asset_metadata(run.project.use_case, "features", **written)
    return written | {"changed": commit.changed}
