"""Choose the period with which the page opens.

It is the newest one of a stretch with labels.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pyarrow.compute as pc

from include.declaration.period import Period
from include.lake.range_reader import RangeReader
from include.monitoring.metric_table import measured_stretches

LABELLED = "labelled_rows"
"""The metric that a period has if labels of it, or of an earlier one, came."""
STRETCHES = 4
"""Stretches of measured periods in which labels are looked for, the newest first."""
NEWEST = 31
"""Newest measured periods of a stretch that are looked at: labels come late, but then on most periods."""


def opening_period(metrics: RangeReader, span: int) -> Period | None:
    """Return the newest measured period of the newest stretch with labels.

    They came within the last `span` periods of the stretch. A stretch has no gap of more than `span` periods. Without
    labels anywhere, it is the newest measured period; None if nothing was measured.
    """
    newest = max(metrics.periods, default=None)
    if newest is None:
        return None
    for last in _ends(metrics.periods, span)[:STRETCHES]:
        if _has_labels(metrics.between(last - (span - 1), last)):
            return last
    return newest


def _ends(periods: Sequence[Period], span: int) -> list[Period]:
    """Return the last period of each stretch, the newest first."""
    stretches = [*reversed(measured_stretches(periods))]
    earlier = itertools.pairwise(stretches)
    return [stretches[0][1], *(last for (first, _), (_, last) in earlier if first - last > span)]


def _has_labels(drawn: RangeReader) -> bool:
    """Return whether one of the newest periods of the reader counts rows with labels."""
    for period in drawn.periods[: -NEWEST - 1 : -1]:
        rows = drawn.select({period}).rows()
        if pc.any(pc.and_kleene(pc.equal(rows["metric"], LABELLED), pc.greater(rows["value"], 0))).as_py():
            return True
    return False
