"""Record how long training or scoring a period took, and whether that is longer than usual."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Self

import pyarrow as pa

from include.lake import schemas
from include.lake.lake import Lake
from include.monitoring import slowdown
from include.monitoring.slowdown import Duration
from include.project import Project

DAYS = 28
"""Earlier days that say what is usual."""


class Stopwatch:
    """Times what is done within it: when it began, and how long it took."""

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
    day: date,
    clock: Stopwatch,
    rows: int,
    version: str | None,
    *,
    lake: Lake | None = None,
) -> Duration:
    """Make the partition `day` of `costs/<stage>` say what was timed; for work that was really done, not for a rerun
    that found it done. Usual is what up to 28 recorded days before `day` took, row for row."""
    lake, table = lake or project.lake, f"costs/{stage}"
    before = lake.as_of(day - timedelta(days=1))
    earlier = []
    for each in [*before.partitions(table)][-DAYS:]:
        found = before.read(table, since=each, until=each).to_pylist()
        earlier += [(row["seconds"], row["rows"]) for row in found]
    cost = slowdown.judge_duration(clock.seconds, rows, earlier, project.use_case.monitoring.slower)
    started = clock.started.isoformat(timespec="milliseconds")
    row = asdict(cost) | {"started_at": started, "model_version": version}
    content = pa.Table.from_pylist([row], schema=schemas.content(project.use_case, table))
    lake.replace(table, day, content, inputs={}, stage=f"costs of {stage}")
    return cost
