"""Every pipeline by the kind of its DAG, and the periods for which it is run.

These are periods of a range.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from include.declaration.period import Period, period_range
from include.pipelines import data, monitor, score, train
from include.pipelines.context import TRAINING_WEEKDAY, Step

Kind = Literal["data", "train", "score", "monitor"]
PIPELINES: Mapping[Kind, tuple[Step, ...]] = {
    "data": data.STEPS,
    "train": train.STEPS,
    "score": score.STEPS,
    "monitor": monitor.STEPS,
}


def scheduled_periods(kind: Kind, first: Period, last: Period) -> list[Period]:
    """Return the periods of a range for which a backfill of the DAG makes runs.

    The range is from `first` to `last`. A training can run as of any period, so a single period is returned whatever
    its weekday.
    """
    periods = period_range(first, last)
    if kind != "train" or len(periods) == 1:
        return periods
    return [period for period in periods if period.start_date.isoweekday() == TRAINING_WEEKDAY]
