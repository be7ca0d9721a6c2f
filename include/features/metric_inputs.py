"""Name what measuring a period reads, and which metrics depend on it.

Monitoring records the digests of these inputs with its metrics; the plan compares them with those of now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from include.declaration.names import SHADOW
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.lake import content_digest
from include.lake.partitions import Partition

METRICS = "metrics"
TRIAL_REACH = 1000
"""Most periods of a trial that are compared, the newest."""
LIMITS = "limits"
"""The input of the declared limits."""
_AFFECTED: Mapping[str, str] = {
    LIMITS: "limits and breaches",
    "raw": "numbers of rows",
    "checked": "numbers of published and quarantined rows",
    "features": "drift, shares of nulls, and performance",
    "labels": "performance",
    "predictions": "drift of predictions, and performance",
    SHADOW: "the comparison of the version that is tried",
}
"""The first part of an input's name to the metrics that depend on it."""


@dataclass(frozen=True)
class MetricInput:
    """Periods of a table that measuring a period reads."""

    table: str
    first: Period
    last: Period

    @property
    def name(self) -> str:
        """Return its name in the notes of a commit."""
        return f"{self.table} of {self.first} to {self.last}"

    def digest(self, partitions: Mapping[Period, Partition]) -> str:
        """Return the digest of its content; days without rows are left out."""
        chosen = {
            period.key: partition.digest
            for period in self.periods(partitions)
            if (partition := partitions[period]).rows
        }
        return content_digest.digest_values(chosen)

    def periods(self, partitions: Mapping[Period, Partition]) -> list[Period]:
        """Return its periods that have a partition."""
        count = self.last - self.first + 1
        if count < len(partitions):
            return [period for period in (self.first + number for number in range(count)) if period in partitions]
        return [period for period in partitions if self.first <= period <= self.last]


def metric_inputs(use_case: UseCase, period: Period) -> list[MetricInput]:
    """Return what measuring `period` reads from the lake."""
    judged = period - use_case.label.label_delay_periods
    look_back = period - use_case.look_back_periods
    reach = judged - use_case.monitoring.reach_periods - (use_case.season_lag or 0)
    feeds = [f"{kind}/{feed.name}" for kind in ("raw", "checked") for feed in use_case.feeds]
    return [
        *(MetricInput(table, look_back, period) for table in feeds),
        *(MetricInput(table, reach, period) for table in ("features", "labels")),
        *(MetricInput("predictions", scored, scored) for scored in (judged, period)),
    ]


def trial_inputs(period: Period, label_delay: int) -> list[MetricInput]:
    """Return what comparing a version that is tried with the champion reads, too."""
    judged = period - label_delay
    return [MetricInput(table, judged - (TRIAL_REACH - 1), judged) for table in ("predictions", SHADOW)]


def limits_digest(use_case: UseCase) -> str:
    """Return the digest of the declared limits."""
    return content_digest.digest_values({LIMITS: repr(use_case.monitoring)})


def describe_change(table: str) -> str:
    """Say that a table or the limits changed, and which metrics depend on it."""
    return f"{table} changed ({_AFFECTED[table.partition('/')[0]]})"
