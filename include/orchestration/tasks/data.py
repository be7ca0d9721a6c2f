"""Tasks of <use case>__data."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from include.declaration.data_declaration import DataDeclaration
from include.orchestration import callbacks, task_links
from include.orchestration.dag_factory import TASK_ARGS, add_asset_metadata, data_run, fail_without_retry
from include.printable import printable_logger
from include.project import Project

log = printable_logger(__name__)
_CHANGED = {True: "", False: ", as they were before"}


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
    log.info("Landed for %s: %s.", run.period, ", ".join(f"{n:,} rows of {feed}" for feed, n in result.rows.items()))
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
    for feed, counts in rows.items():
        log.info(
            "%s of %s: %s rows landed, %s published, %s quarantined.",
            *(feed, run.period, *(f"{counts[name]:,}" for name in ("landed", "published", "quarantined"))),
        )
    pages = {feed: task_links.validation_address(use_case, feed, run.period.key) for feed in rows}
    first = max(rows, key=lambda feed: rows[feed]["quarantined"])
    task_links.set_links(validation=pages[first])
    add_asset_metadata(run.project.use_case, "checked", period=run.period.key, rows=rows, validation=pages)
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
    log.info("Features of %s: %s rows%s.", run.period, f"{commit.partition.rows:,}", _CHANGED[commit.changed])
    if isinstance(run.project, Project):
        task_links.set_links(monitoring=task_links.page_address(use_case, run.period.key))
    add_asset_metadata(run.project.use_case, "features", **written)
    return written | {"changed": commit.changed}
