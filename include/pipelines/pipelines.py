"""Every pipeline by the kind of its DAG, and the periods for which it is run.

These are periods of a range.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import Period, period_range
from include.declaration.use_case import UseCase
from include.pipelines import data, monitor, score, train
from include.pipelines.context import Step

Kind = Literal["data", "train", "score", "monitor"]
PIPELINES: Mapping[Kind, tuple[Step, ...]] = {
    "data": data.STEPS,
    "train": train.STEPS,
    "score": score.STEPS,
    "monitor": monitor.STEPS,
}


def scheduled_periods(declared: DataDeclaration, kind: Kind, first: Period, last: Period) -> list[Period]:
    """Return the periods of a range for which a backfill of the DAG makes runs.

    The range is from `first` to `last`. A single period is returned whether it is due or not, since it was named.
    """
    periods = period_range(first, last)
    if len(periods) == 1 or not isinstance(declared, UseCase):
        return periods
    due = {"train": declared.training.schedule, "score": declared.score_schedule}.get(kind)
    return [period for period in periods if declared.is_due(period, due)]
