"""What came of a replayed policy: figures over all days, by month and along the way. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np

from include.backtest.simulator import Alarm, Policy, SimulatedTraining, Simulation
from include.declaration.costs import DecisionCosts
from include.model import metrics
from include.model.arrays import Numbers

ROLLING_DAYS = 28
STEP_DAYS = 7
"""Of the rolling figures one in so many days: they change slowly, and an AUC costs a sort."""
DIGITS = 6


@dataclass(frozen=True)
class RealisedCosts:
    """Every labelled row of the scored days, in order of days, and what the model of its day had said."""

    days: Sequence[date]
    """Those that have labelled rows."""
    starts: Sequence[int]
    """Where each day's rows start, and after the last day where they end."""
    labels: Numbers
    predicted: Numbers

    @classmethod
    def of(cls, by_day: Mapping[date, tuple[Numbers, Numbers]]) -> RealisedCosts:
        """From each day's labels and probabilities; days without a label are left out."""
        there = {day: found for day, found in sorted(by_day.items()) if len(found[0])}
        starts = np.cumsum([0, *(len(labels) for labels, _ in there.values())]).tolist()
        labels, predicted = (np.concatenate([found[n] for found in there.values()] or [np.empty(0)]) for n in (0, 1))
        return cls(tuple(there), starts, labels, predicted)

    def metrics(
        self, first: int, end: int, costs: DecisionCosts, shown: Sequence[str] = metrics.HEADLINE
    ) -> dict[str, float | None]:
        """Those metrics over the rows of the days from the one at `first` to the one before `end`, pooled."""
        own = slice(self.starts[first], self.starts[end])
        labels, predicted = self.labels[own], self.predicted[own]
        found = {name: metrics.compute_metric(name, labels, predicted, costs) for name in shown} if len(labels) else {}
        return {name: None if value is None else round(value, DIGITS) for name, value in found.items()}


@dataclass(frozen=True)
class PolicyOutcome:
    """A policy's year; plain values."""

    policy: str
    meaning: str
    trainings: tuple[dict[str, Any], ...]
    """Each with its day, the model it was to replace, what became of it and why, and what the days after showed."""
    alarm_days: int
    metrics: dict[str, float | None]
    """Over all labelled rows of the scored days, pooled."""
    months: dict[str, dict[str, float | None]]
    rolling: dict[str, dict[str, float | None]]
    """The last day of so many scored days to the metrics over them."""
    cost: float
    """What the decisions cost in all, in the costs' unit."""

    def counted(self, result: str) -> int:
        """Trainings of which that became."""
        return sum(each["result"] == result for each in self.trainings)

    def false_alarms(self, *, promoted: bool) -> int:
        """Trainings whose model was not better than the one before on the days that followed."""
        return sum(
            each["false_alarm"] is True and (each["result"] == "promoted") == promoted for each in self.trainings
        )

    @property
    def worst_month(self) -> str:
        return max(self.months, key=lambda month: self.months[month]["log_loss"] or 0.0)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def summarise_policies(
    policy: Policy,
    walked: Simulation,
    realised: RealisedCosts,
    aftermath: Mapping[SimulatedTraining, Alarm],
    costs: DecisionCosts,
) -> PolicyOutcome:
    """Sum up what a walk came to."""
    places = {f"{day:%Y-%m}": (realised.days.index(day)) for day in reversed(realised.days)}
    ends = [*list(reversed(places.values()))[1:], len(realised.days)]
    months = zip(reversed(places), reversed(places.values()), ends, strict=True)
    spent = metrics.losses("expected_cost", realised.labels, realised.predicted, costs)
    return PolicyOutcome(
        policy=policy.name,
        meaning=policy.meaning,
        trainings=tuple(_told(each, aftermath[each]) for each in walked.trainings),
        alarm_days=walked.alarms,
        metrics=realised.metrics(0, len(realised.days), costs),
        months={month: realised.metrics(first, end, costs) for month, first, end in months},
        rolling={
            realised.days[end - 1].isoformat(): realised.metrics(end - ROLLING_DAYS, end, costs, metrics.HEADLINE[:2])
            for end in range(ROLLING_DAYS, len(realised.days) + 1, STEP_DAYS)
        },
        cost=round(float(np.sum(spent)), DIGITS),
    )


def _told(training: SimulatedTraining, alarm: Alarm) -> dict[str, Any]:
    return {
        "day": training.day.isoformat(),
        "replaced": training.replaced.isoformat(),
        "result": training.result,
        "reason": training.reason,
        "verdict": training.verdict,
        "following_days": alarm.days,
        "gain": None if alarm.gain is None else round(alarm.gain, DIGITS),
        "false_alarm": alarm.false,
    }
