"""Replay: walk through past days under a retraining policy, as if each day were today. Pure.

A model is named by the day it was trained as of, since whoever asks for a training as of a day gets the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from include.declaration.monitoring import Retraining
from include.retraining import policy as retraining_policy
from include.retraining.policy import CurrentChampion, MeasuredPeriod, PastDecision, Result

FOLLOWING_DAYS = 28
"""A training was a false alarm where its model is not better than the one before on so many days after it."""
LEAST_FOLLOWING_DAYS = 7
"""With fewer days after it, nobody can say."""
PSI_LIMIT = 0.2
PSI_GAP_DAYS = 7
"""The naive policy's rule of thumb, and the days that it waits between trainings, or it would train each day."""


@dataclass(frozen=True)
class PolicyAnswer:
    """What a policy says of a day."""

    train: bool
    alarm: bool
    """Whether its condition held, also where a limit on trainings kept it from training."""
    reason: str = ""


@dataclass(frozen=True)
class BacktestOutcome:
    """What became of a training."""

    result: Result
    reason: str = ""


@dataclass(frozen=True)
class SimulatedTraining:
    """A training that a policy asked for."""

    day: date
    replaced: date
    """As-of day of the model that flew."""
    result: Result
    reason: str
    verdict: str


@dataclass
class SimulationState:
    """What is known on the morning of a day: who flew on each day up to it, and what was decided before it."""

    flown: dict[date, date] = field(default_factory=dict)
    """Day to the as-of day of the model that scored it, in order of days."""
    trainings: list[SimulatedTraining] = field(default_factory=list)

    @property
    def decided(self) -> list[PastDecision]:
        """The trainings as the policy's decisions of former days."""
        return [PastDecision(each.day, "retrain", each.result) for each in self.trainings]


Asks = Callable[[date, SimulationState], PolicyAnswer]
"""Whether a training is due: the day, and what is known by then."""


Measures = Callable[[date, date], MeasuredPeriod]
"""What the monitor knows at a day of the model that scored it: the day, and the model's as-of day."""


@dataclass(frozen=True)
class Policy:
    """When to train anew."""

    name: str
    meaning: str
    asks: Asks


@dataclass(frozen=True)
class Simulation:
    """What happened under a policy."""

    flown: Mapping[date, date]
    """Day to the as-of day of the model that scored it, in order of days."""
    trainings: tuple[SimulatedTraining, ...]
    alarms: int
    """Days on which the policy's condition held."""


def simulate(
    policy: Policy, days: Sequence[date], first: date, judge: Callable[[date, date], BacktestOutcome]
) -> Simulation:
    """Fly the model of `first` from the first of `days` on, and train whenever the policy asks.

    A day is scored before the policy is asked, as in the schedule: a model that is promoted on a day flies from the
    next day on. `judge` trains as of a day and holds the model against that which flies. One that was trained as of
    the very day is not trained again.
    """
    so_far, champion, alarms = SimulationState(), first, 0
    for day in days:
        so_far.flown[day] = champion
        asked = policy.asks(day, so_far)
        alarms += asked.alarm
        if not asked.train or day == champion:
            continue
        judged = judge(day, champion)
        so_far.trainings.append(SimulatedTraining(day, champion, judged.result, asked.reason, judged.reason))
        if judged.result == "promoted":
            champion = day
    return Simulation(so_far.flown, tuple(so_far.trainings), alarms)


def never_retrain() -> Policy:
    """The first model flies for ever."""
    return Policy("never", "no training after the first", lambda _day, _so_far: PolicyAnswer(False, False))


def retrain_weekly() -> Policy:
    """Every Monday, as the DAG `train` does."""
    return _scheduled("weekly", "every Monday, as the DAG train is scheduled", lambda day: day.weekday() == 0)


def retrain_monthly() -> Policy:
    """On the first of each month."""
    return _scheduled("monthly", "on the first of each month", lambda day: day.day == 1)


def _scheduled(name: str, meaning: str, due: Callable[[date], bool]) -> Policy:
    def asks(day: date, _so_far: SimulationState) -> PolicyAnswer:
        return PolicyAnswer(due(day), due(day), "It is the day.")

    return Policy(name, meaning, asks)


def naive_psi(largest: Callable[[date, date], float | None]) -> Policy:
    """The rule of thumb: any feature's PSI of one day over 0.2. `largest` gives it for a day and a model."""

    def asks(day: date, so_far: SimulationState) -> PolicyAnswer:
        value = largest(day, so_far.flown[day])
        alarm = value is not None and value > PSI_LIMIT
        waits = bool(so_far.trainings) and day < so_far.trainings[-1].day + timedelta(days=PSI_GAP_DAYS)
        return PolicyAnswer(alarm and not waits, alarm, f"The largest PSI of a feature is {value or 0:.2f}.")

    meaning = f"any feature's PSI of the day over {PSI_LIMIT:g}; at least {PSI_GAP_DAYS} days between trainings"
    return Policy("naive PSI", meaning, asks)


def declared_policy(name: str, meaning: str, policy: Retraining, measures: Measures) -> Policy:
    """A declared policy, decided as the DAG `retrain` decides it."""

    def asks(day: date, so_far: SimulationState) -> PolicyAnswer:
        since = day - timedelta(days=policy.look_back_periods)
        measured = [measures(each, model) for each, model in so_far.flown.items() if since < each <= day]
        champion = CurrentChampion(so_far.flown[day].isoformat(), so_far.flown[day])
        decision = retraining_policy.decide_by_policy(policy, day, measured, so_far.decided, champion)
        return PolicyAnswer(decision.retrain, any(each.asks for each in decision.signals), decision.reason)

    return Policy(name, meaning, asks)


@dataclass(frozen=True)
class Alarm:
    """Whether a training was worth it, by the days that followed."""

    days: int
    """Days after the training that were looked at."""
    gain: float | None
    """Mean log loss over their rows of the model that flew, minus that of the new one; None with too few days."""

    @property
    def false(self) -> bool | None:
        """Whether the new model was not better; None where nobody can say yet."""
        return None if self.gain is None else self.gain <= 0


def retraining_benefits(
    training: SimulatedTraining, days: Sequence[date], losses: Callable[[date, date], tuple[float, int]]
) -> Alarm:
    """Compare both models of a training on the first `FOLLOWING_DAYS` of `days` that lie after it.

    `losses` gives the summed log loss of a model on a day, and the number of its labelled rows.
    """
    following = [day for day in days if day > training.day and losses(day, training.day)[1]][:FOLLOWING_DAYS]
    if len(following) < LEAST_FOLLOWING_DAYS:
        return Alarm(len(following), None)
    rows = sum(losses(day, training.day)[1] for day in following)
    gain = sum(losses(day, training.replaced)[0] - losses(day, training.day)[0] for day in following) / rows
    return Alarm(len(following), gain)
