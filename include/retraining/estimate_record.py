"""Count how often the interval of an estimate held what came true. Pure.

An estimate is trusted after its interval held at least 90 % of the newest 60 labelled periods, of whichever versions
scored them: the method is judged, and no version lives long enough to be judged alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from include.declaration.period import Unit

PERIODS = 60
"""Newest labelled periods that are counted, and fewest that are needed."""
LEAST_HELD = 0.9
"""Share of them in which the interval must have held."""
REACH = 3 * PERIODS
"""In how many periods the newest labelled ones are searched."""


@dataclass(frozen=True)
class EstimateRecord:
    """Hold in how many of the newest labelled periods the interval held."""

    held: int = 0
    periods: int = 0

    @property
    def usable(self) -> bool:
        """Return whether a policy may use the estimate."""
        return self.periods >= PERIODS and self.held >= LEAST_HELD * self.periods

    def sentence(self, unit: Unit) -> str:
        """Return the record in words: "held in 57 of 60 labelled days"."""
        return f"held in {self.held} of {unit.counted(self.periods, 'labelled')}"

    def missing_reason(self, unit: Unit) -> str:
        """Return why a policy may not use the estimate; empty if it may."""
        if self.usable:
            return ""
        return (
            f"the interval of the estimate {self.sentence(unit)}, and it must have held in {LEAST_HELD:.0%} of at least"
            f" {PERIODS}"
        )


def record_of(rows: Iterable[Mapping[str, Any]]) -> EstimateRecord:
    """Count the rows of `estimate_error/<metric>` of one metric.

    The newest `PERIODS` by measured period count. The value is what came true minus the estimate, and the bounds are
    those of the estimate.
    """
    judged = [row for row in rows if None not in (row["value"], row["lower"], row["upper"])]
    newest = sorted(judged, key=lambda row: row["measured_period"])[-PERIODS:]
    held = sum(row["lower"] <= row["value"] <= row["upper"] for row in newest)
    return EstimateRecord(held, len(newest))
