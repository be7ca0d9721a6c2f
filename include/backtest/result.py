"""Summarise a simulated policy: metrics over all days, by month and rolling. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from include.backtest.simulator import Alarm, Policy, SimulatedTraining, Simulation
from include.declaration.period import Period
from include.declaration.task import Task
from include.model import metrics
from include.model.arrays import Numbers

ROLLING_DAYS = 28
STEP_DAYS = 7
"""Days from one rolling value to the next: they change slowly, and each AUC costs a sort."""
DIGITS = 6


@dataclass(frozen=True)
class RealisedCosts:
    """Hold the labels and predictions of the scored days, in order of days."""

    periods: Sequence[Period]
    """The days with labelled rows."""
    starts: Sequence[int]
    """The index of each day's first row, followed by the number of rows."""
    labels: Numbers
    predicted: Numbers

    @classmethod
    def from_days(cls, by_day: Mapping[Period, tuple[Numbers, Numbers]]) -> RealisedCosts:
        """Build it from the days' labels and predictions, without unlabelled days."""
        labelled = {period: pair for period, pair in sorted(by_day.items()) if len(pair[0])}
        starts = np.cumsum([0, *(len(labels) for labels, _ in labelled.values())]).tolist()
        labels, predicted = (np.concatenate([pair[n] for pair in labelled.values()] or [np.empty(0)]) for n in (0, 1))
        return cls(tuple(labelled), starts, labels, predicted)

    def metrics(self, first: int, end: int, task: Task, shown: Sequence[str] | None = None) -> dict[str, float | None]:
        """Compute metrics over the pooled rows of the days from `first` to `end`.

        These are indices, and `end` is exclusive.
        """
        own = slice(self.starts[first], self.starts[end])
        labels, predicted = self.labels[own], self.predicted[own]
        names = (shown or task.headline) if len(labels) else ()
        values = {name: metrics.compute_metric(name, labels, predicted, task) for name in names}
        return {name: None if value is None else round(value, DIGITS) for name, value in values.items()}


@dataclass(frozen=True)
class PolicyOutcome:
    """Hold the results of a policy; plain values."""

    policy: str
    meaning: str
    trainings: tuple[dict[str, Any], ...]
    """Each with its day, the replaced model, its outcome with the reason, and its benefit on the days after."""
    alarm_periods: int
    metrics: dict[str, float | None]
    """Over the pooled labelled rows of the scored days."""
    months: dict[str, dict[str, float | None]]
    rolling: dict[str, dict[str, float | None]]
    """The last of `ROLLING_DAYS` scored days to the metrics over them."""
    cost: float
    """Total cost of the decisions, in the costs' unit; without costs, the sum of the main metric's losses."""
    main_metric: str = "log_loss"

    def counted(self, result: str) -> int:
        """Count the trainings with that result."""
        return sum(training["result"] == result for training in self.trainings)

    def false_alarms(self, *, promoted: bool) -> int:
        """Count the trainings whose model was not better than the replaced one afterwards."""
        return sum(
            training["false_alarm"] is True and (training["result"] == "promoted") == promoted
            for training in self.trainings
        )

    @property
    def worst_month(self) -> str:
        return max(self.months, key=lambda month: self.months[month][self.main_metric] or 0.0)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def summarise_policies(
    policy: Policy,
    walked: Simulation,
    realised: RealisedCosts,
    aftermath: Mapping[SimulatedTraining, Alarm],
    task: Task,
) -> PolicyOutcome:
    """Summarise a simulation with realised predictions and trainings' benefits."""
    places = {f"{period.start_date:%Y-%m}": (realised.periods.index(period)) for period in reversed(realised.periods)}
    ends = [*list(reversed(places.values()))[1:], len(realised.periods)]
    months = zip(reversed(places), reversed(places.values()), ends, strict=True)
    spent = metrics.losses(task.cost_metric or task.main_metric, realised.labels, realised.predicted, task)
    return PolicyOutcome(
        policy=policy.name,
        meaning=policy.meaning,
        trainings=tuple(_training_values(training, aftermath[training]) for training in walked.trainings),
        alarm_periods=walked.alarms,
        metrics=realised.metrics(0, len(realised.periods), task),
        months={month: realised.metrics(first, end, task) for month, first, end in months},
        rolling={
            realised.periods[end - 1].key: realised.metrics(end - ROLLING_DAYS, end, task, task.headline[:2])
            for end in range(ROLLING_DAYS, len(realised.periods) + 1, STEP_DAYS)
        },
        cost=round(float(np.sum(spent)), DIGITS),
        main_metric=task.main_metric,
    )


def _training_values(training: SimulatedTraining, alarm: Alarm) -> dict[str, Any]:
    return {
        "period": training.period.key,
        "replaced": training.replaced.key,
        "result": training.result,
        "reason": training.reason,
        "gate_result": training.gate_result,
        "following_days": alarm.periods,
        "gain": None if alarm.gain is None else round(alarm.gain, DIGITS),
        "false_alarm": alarm.is_false_positive,
    }
