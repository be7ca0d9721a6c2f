"""The step of `<use case>__monitor`."""

from __future__ import annotations

from dataclasses import dataclass

from include.monitoring import monitor as monitoring
from include.monitoring.monitor import MonitorResult
from include.pipelines.context import PipelineRun, Step
from include.printable import printable_logger

log = printable_logger(__name__)


@dataclass(frozen=True)
class MeasureStepResult:
    """The measurements of the step.

    One is of the period, the other of the earlier period whose labels became known, if any.
    """

    measured: MonitorResult
    remeasured: MonitorResult | None


def measure(run: PipelineRun) -> MeasureStepResult:
    """Measure a period's data, predictions and performance.

    The performance is that on labelled periods.
    """
    with run.measured("measure") as work:
        result = monitoring.monitor_period(run.project, run.period)
        built = run.project.lake.as_of(run.period).partitions("features", run.period).get(run.period)
        work.done(changed=result.changed, amount=built.rows if built else None, model_version=result.version)
    again = monitoring.remeasure_label_period(run.project, run.period)
    for breach in result.breaches:
        log.warning("Breached: %s", breach)
    for state in result.missing_reasons:
        log.info("Not measured: %s", state)
    return MeasureStepResult(result, again)


STEPS: tuple[Step, ...] = (measure,)
