"""Tasks of <use case>__monitor."""

from __future__ import annotations

from dataclasses import asdict

from airflow.sdk import get_current_context, task

from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.orchestration import callbacks
from include.orchestration.dag_factory import TASK_ARGS, add_asset_metadata, fail_without_retry, period_of
from include.printable import printable_logger
from include.project import open_project

log = printable_logger(__name__)


@task(**TASK_ARGS)
def measure(use_case: str) -> dict[str, object]:
    """Measure the run's day: data, predictions and performance.

    The performance is that on labelled days. A breach does not fail the task: `<use case>__retrain` decides what
    follows.
    """
    from include.monitoring import monitor

    with fail_without_retry():
        declared, period = load_use_case(use_case), period_of(get_current_context())
        result = monitor.monitor_period(open_project(declared), period)
        again = monitor.remeasure_label_period(open_project(declared), period)
    for breach in result.breaches:
        log.warning("Breached: %s", breach)
    for state in result.missing_reasons:
        log.info("Not measured: %s", state)
    issues = {"breaches": list(result.breaches), "not_measured": list(result.missing_reasons)}
    add_asset_metadata(
        declared, "metrics", period=result.period, version=result.version, figures=result.figures, **issues
    )
    callbacks.notify_breaches(open_project(declared), period)
    if again is not None:
        callbacks.notify_breaches(open_project(declared), Period(again.period))
    return asdict(result)
