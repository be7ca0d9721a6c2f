"""Measure a step of a period, and keep what it cost.

Steps are measured nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from include.declaration.monitoring import Monitoring
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.monitoring import durations
from include.monitoring.durations import CPU_SECONDS, PEAK_MEMORY, SECONDS, StepCost, StepName
from include.monitoring.process_usage import PROC, ProcessUsage, UsageMeter
from include.monitoring.slowdown import CostFigure
from include.printable import printable_logger
from include.project import DataProject

log = printable_logger(__name__)
OF_PROCESS = "This system does not measure the peak of a single step: it is that of the process since its start."
_done = set[tuple[int, str, str]]()
"""Process, use case and step of what this process has done."""


@dataclass
class StepWork:
    """What a measured step did, as it says itself."""

    changed: bool = False
    """Whether it did its work; a run that found it done is not recorded."""
    amount: int | None = None
    model_version: str | None = None
    cpu_elsewhere: float = 0.0
    """Processor time of other processes that worked for the step."""
    cost: StepCost | None = field(default=None, init=False)
    """The kept record, after the step."""

    def done(
        self, *, changed: bool, amount: int | None = None, model_version: str | None = None, cpu_elsewhere: float = 0.0
    ) -> None:
        """Say what the step did."""
        self.changed, self.amount, self.model_version = changed, amount, model_version
        self.cpu_elsewhere = cpu_elsewhere


@contextmanager
def measure_step(project: DataProject, step: StepName, period: Period, *, proc: Path = PROC) -> Iterator[StepWork]:
    """Measure the block; keep its cost if it calls `done` with `changed`.

    A block that raises is not recorded. A record that cannot be written is a warning: the step has done its work.
    """
    work, name = StepWork(), (os.getpid(), project.use_case.name, step)
    with UsageMeter(proc) as meter:
        yield work
    warm = name in _done
    _done.add(name)
    if work.changed:
        work.cost = _record(project, step, period, work, meter.usage, warm)


def record_cost(project: DataProject, cost: StepCost) -> StepCost:
    """Judge a cost by the periods before it, and keep it."""
    return durations.write_cost(
        project, durations.judge(cost, durations.earlier_costs(project, cost), _max_slowdown(project))
    )


def _record(
    project: DataProject, step: StepName, period: Period, work: StepWork, usage: ProcessUsage, warm: bool
) -> StepCost | None:
    figures = _figures(replace(usage, cpu_seconds=usage.cpu_seconds + work.cpu_elsewhere))
    cost = StepCost(step, period, usage.started_at, warm, work.amount, work.model_version, usage.memory_before, figures)
    try:
        return record_cost(project, cost)
    except (AirworthyError, OSError) as error:
        log.warning("What %s of %s cost could not be recorded: %s", step, period, error)
        return None


def _figures(usage: ProcessUsage) -> tuple[CostFigure, ...]:
    reason = "" if usage.peak_is_of_block else OF_PROCESS
    on_disk = {"step_bytes_read": usage.read_bytes, "step_bytes_written": usage.written_bytes}
    on_s3 = {"step_bytes_downloaded": usage.downloaded_bytes, "step_bytes_uploaded": usage.uploaded_bytes}
    counted = on_disk | {name: size or None for name, size in on_s3.items()}
    return (
        CostFigure(SECONDS, round(usage.seconds, 6)),
        CostFigure(CPU_SECONDS, round(usage.cpu_seconds, 6)),
        CostFigure(PEAK_MEMORY, float(usage.peak_memory), missing_reason=reason),
        *(CostFigure(name, float(size)) for name, size in counted.items() if size is not None),
    )


def _max_slowdown(project: DataProject) -> float:
    declared = project.use_case
    return declared.monitoring.max_slowdown if isinstance(declared, UseCase) else Monitoring.max_slowdown
