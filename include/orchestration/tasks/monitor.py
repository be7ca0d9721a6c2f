"""Tasks of <use case>__monitor."""

from __future__ import annotations

from dataclasses import asdict

from airflow.sdk import task

from include.grammar import counted
from include.orchestration import callbacks, task_links
from include.orchestration.dag_factory import TASK_ARGS, add_asset_metadata, fail_without_retry, pipeline_run
from include.printable import printable_logger

log = printable_logger(__name__)


@task(**TASK_ARGS)
def measure(use_case: str) -> dict[str, object]:
    """Measure the run's day: data, predictions and performance.

    The performance is that on labelled days. A breach does not fail the task: `<use case>__retrain` decides what
    follows.
    """
    from include.pipelines import monitor

    with fail_without_retry():
        run = pipeline_run(use_case)
        result = monitor.measure(run)
    measured = result.measured
    issues = {"breaches": list(measured.breaches), "not_measured": list(measured.missing_reasons)}
    add_asset_metadata(
        run.project.use_case,
        "metrics",
        period=measured.period,
        version=measured.version,
        figures=measured.figures,
        **issues,
    )
    log.info(
        "Measured %s: %s in all, %s broken, %s not measurable.",
        *(run.period, counted(measured.figures, "value"), counted(len(measured.breaches), "limit")),
        len(measured.missing_reasons),
    )
    task_links.set_links(monitoring=task_links.page_address(use_case, measured.period))
    callbacks.notify_measured(run.project, result)
    return asdict(measured)
