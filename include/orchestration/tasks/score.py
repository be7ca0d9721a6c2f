"""Tasks of <use case>__score."""

from __future__ import annotations

from dataclasses import asdict

from airflow.sdk import task

from include.declaration.period import Period
from include.orchestration import callbacks
from include.orchestration.dag_factory import TASK_ARGS, add_asset_metadata, fail_without_retry, pipeline_run


@task(**TASK_ARGS)
def score(use_case: str) -> dict[str, object]:
    """Score the run's day with its champion.

    Return the version and the number of rows and warnings.
    """
    from include.pipelines import score

    with fail_without_retry():
        run = pipeline_run(use_case)
        result = score.score(run)
    scored = result.scored
    add_asset_metadata(
        run.project.use_case, "predictions", period=run.period.key, version=scored.version, rows=scored.rows
    )
    for remeasured in result.remeasured:
        if remeasured.changed:
            callbacks.notify_breaches(run.project, Period(remeasured.period))
    return asdict(scored)


@task(**TASK_ARGS)
def export(use_case: str) -> list[dict[str, object]]:
    """Deliver the day's predictions to the declared destinations; return the receipts."""
    from include.pipelines import score

    with fail_without_retry():
        receipts = score.export(pipeline_run(use_case))
    return [asdict(receipt) for receipt in receipts]
