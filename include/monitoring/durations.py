"""Record how long training or scoring took, and if longer than usual."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Self

import pyarrow as pa

from include.declaration.period import Period
from include.lake import schemas
from include.monitoring import slowdown
from include.monitoring.slowdown import Duration
from include.project import Project

DAYS = 28
"""Number of earlier days that define the usual duration."""


class Stopwatch:
    """Measure the start and the duration of the code in its `with` block."""

    started: datetime
    seconds: float

    def __enter__(self) -> Self:
        self.started, self._since = datetime.now(UTC), time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._since


def record_duration(
    project: Project,
    stage: str,
    period: Period,
    clock: Stopwatch,
    rows: int,
    version: str | None,
) -> Duration:
    """Write the measured duration to the partition `period` of `durations/<stage>`.

    Not for a rerun that found the work done. The usual duration is that of up to 28 recorded days before `period`, per
    row.
    """
    lake, table = project.lake, f"durations/{stage}"
    before = lake.as_of(period - 1)
    earlier = []
    for past_period in [*before.partitions(table)][-DAYS:]:
        recorded = before.read(table, since=past_period, until=past_period).to_pylist()
        earlier += [(row["seconds"], row["rows"]) for row in recorded]
    cost = slowdown.judge_duration(clock.seconds, rows, earlier, project.use_case.monitoring.max_slowdown)
    started = clock.started.isoformat(timespec="milliseconds")
    row = asdict(cost) | {"started_at": started, "model_version": version}
    content = pa.Table.from_pylist([row], schema=schemas.content_schema(project.use_case, table))
    lake.replace(table, period, content, inputs={}, stage=f"costs of {stage}")
    return cost
