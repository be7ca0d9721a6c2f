"""Tasks of <use case>__score."""

from __future__ import annotations

from dataclasses import asdict

from airflow.sdk import get_current_context, task

from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.orchestration import callbacks
from include.orchestration.dag_factory import TASK_ARGS, add_asset_metadata, fail_without_retry, period_of
from include.project import open_project


@task(**TASK_ARGS)
def score(use_case: str) -> dict[str, object]:
    """Score the run's day with its champion.

    Returns the version and the number of rows and warnings. Metrics that exist for the day are measured again, even if
    the day was scored already: an earlier run may have ended between scoring and measuring.
    """
    from include.monitoring import durations, monitor
    from include.scoring import score

    with fail_without_retry():
        declared, context = load_use_case(use_case), get_current_context()
        params, period = context["params"], period_of(context)
        options = {
            "rescore": params.get("rescore", False),
            "allow_future_model": params.get("allow_future_model", False),
        }
        with durations.Stopwatch() as clock:
            result = score.score_period(open_project(declared), period, version=params.get("version"), **options)
        if result.changed:  # the duration of a rerun without work is meaningless
            durations.record_duration(open_project(declared), "score", period, clock, result.rows, result.version)
        measured = monitor.remeasure_period(open_project(declared), period)
    add_asset_metadata(declared, "predictions", period=period.key, version=result.version, rows=result.rows)
    for remeasured in measured:
        if remeasured.changed:
            callbacks.notify_breaches(open_project(declared), Period(remeasured.period))
    return asdict(result)
