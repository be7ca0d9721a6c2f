"""Tasks of <use case>__score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from include.declaration.period import Period
from include.orchestration import callbacks, task_links
from include.orchestration.dag_factory import TASK_ARGS, add_asset_metadata, fail_without_retry, pipeline_run
from include.printable import printable_logger

log = printable_logger(__name__)


@task(**TASK_ARGS)
def plan_shards(use_case: str) -> list[dict[str, Any]]:
    """Plan the shards of the run's day; return the number and the plan of each.

    There are none if the day has so few rows that the task `score` predicts them.
    """
    from include.pipelines import score

    with fail_without_retry():
        plan = score.plan_shards(pipeline_run(use_case))
    return [] if plan is None else [{"number": number, "plan": asdict(plan)} for number in range(plan.count)]


@task(**TASK_ARGS, map_index_template="{{ shard_name }}")
def score_shard(use_case: str, shard: Mapping[str, Any]) -> dict[str, object]:
    """Score one shard of the run's day; keep its predictions for the task `score`."""
    from include.pipelines import score
    from include.scoring.shard_plan import ShardPlan

    plan, number = ShardPlan.from_values(shard["plan"]), shard["number"]
    rows = plan.rows_of(number)
    get_current_context()["shard_name"] = f"rows {rows.start + 1:,} to {rows.stop:,}"  # type: ignore[typeddict-unknown-key]
    with fail_without_retry():
        return asdict(score.score_shard(pipeline_run(use_case, shard_plan=plan), number))


@task(**TASK_ARGS)
def score(use_case: str, shards: Sequence[Mapping[str, Any]] = ()) -> dict[str, object]:
    """Score the run's day with its champion, or commit its shards.

    Return the version and the number of rows and warnings.
    """
    from include.pipelines import score
    from include.scoring.shard_plan import ShardPlan

    with fail_without_retry():
        run = pipeline_run(use_case, shard_plan=ShardPlan.from_values(shards[0]["plan"]) if shards else None)
        result = score.score(run)
    scored = result.scored
    log.info(
        "Scored %s rows of %s with version %s%s.",
        *(f"{scored.rows:,}", run.period, scored.version, "" if scored.changed else ", as before"),
    )
    if scored.tried:
        log.info("Of these, version %s, which is tried, predicted %s.", scored.tried, f"{scored.tried_rows:,}")
    add_asset_metadata(
        run.project.use_case, "predictions", period=run.period.key, version=scored.version, rows=scored.rows
    )
    task_links.set_links(monitoring=task_links.page_address(use_case, run.period.key))
    for remeasured in result.remeasured:
        if remeasured.changed:
            callbacks.notify_breaches(run.project, Period(remeasured.period))
    return asdict(scored)


@task(**TASK_ARGS)
def score_shadow(use_case: str) -> dict[str, object]:
    """Score the run's day with the version that is tried, or skip if there is none.

    No other task waits for it: a failure is of this task alone.
    """
    from include.pipelines import score

    with fail_without_retry():
        run = pipeline_run(use_case)
        result = score.score_shadow(run)
        if result.failure is not None:
            raise result.failure
    scored = result.scored
    if scored is None:
        raise AirflowSkipException(f"No version is tried in {run.period}, so only its champion has scored it.")
    log.info(
        "Scored %s rows of %s with version %s, which is tried%s.",
        *(f"{scored.rows:,}", run.period, scored.version, "" if scored.changed else ", as before"),
    )
    task_links.set_links(monitoring=task_links.page_address(use_case, run.period.key))
    return asdict(scored)


@task(**TASK_ARGS)
def export(use_case: str) -> list[dict[str, object]]:
    """Deliver the day's predictions to the declared destinations; return the receipts."""
    from include.pipelines import score

    with fail_without_retry():
        receipts = score.export(pipeline_run(use_case))
    for receipt in receipts:
        log.info("%s has %s rows, since %s.", receipt.target, f"{receipt.rows:,}", receipt.delivered_at)
    return [asdict(receipt) for receipt in receipts]
