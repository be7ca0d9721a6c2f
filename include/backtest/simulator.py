"""Simulate a retraining policy on past days, one day at a time. Pure.

A model is identified by the day it was trained as of, since all policies get the same model for that day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from include.declaration.calendars import describe_start
from include.declaration.monitoring import Retraining
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.retraining import policy as retraining_policy
from include.retraining.policy import CurrentChampion, PastDecision, Result
from include.retraining.signals import MeasuredPeriod

FOLLOWING_PERIODS = 28
"""A training is a false alarm if its model is not better than the replaced one on this number of days after it."""
LEAST_FOLLOWING_PERIODS = 7
"""With fewer days after it, this is undecided."""
PSI_LIMIT = 0.2
PSI_GAP_PERIODS = 7
"""The naive policy's rule of thumb, and its wait between trainings, without which it would train each day."""


@dataclass(frozen=True)
class PolicyAnswer:
    """Hold a policy's decision for a day."""

    train: bool
    alarm: bool
    """Whether its condition held, even if a limit on trainings prevented the training."""
    reason: str = ""


@dataclass(frozen=True)
class BacktestOutcome:
    """Hold the outcome of a training."""

    result: Result
    reason: str = ""


@dataclass(frozen=True)
class SimulatedTraining:
    """Hold a training that a policy triggered."""

    period: Period
    replaced: Period
    """As-of day of the champion at that time."""
    result: Result
    reason: str
    gate_result: str


@dataclass
class SimulationState:
    """Hold the champions up to a day, and the trainings before it."""

    champions: dict[Period, Period] = field(default_factory=dict)
    """Day to the as-of day of the model that scored it, in order of days."""
    trainings: list[SimulatedTraining] = field(default_factory=list)

    @property
    def decided(self) -> list[PastDecision]:
        """Return the trainings as past decisions of the policy."""
        return [PastDecision(training.period, "retrain", training.result) for training in self.trainings]


PolicyRule = Callable[[Period, SimulationState], PolicyAnswer]
"""Decides, from a day and the state at it, whether to train."""


Measures = Callable[[Period, Period], MeasuredPeriod]
"""Returns what the monitor measures on a day for a model, given by its as-of day."""


@dataclass(frozen=True)
class Policy:
    """Define when to retrain."""

    name: str
    meaning: str
    decide: PolicyRule


@dataclass(frozen=True)
class Simulation:
    """Hold the result of a simulated policy."""

    champions: Mapping[Period, Period]
    """Day to the as-of day of the model that scored it, in order of days."""
    trainings: tuple[SimulatedTraining, ...]
    alarms: int
    """Days on which the policy's condition held."""


def simulate(
    policy: Policy, periods: Sequence[Period], first: Period, judge: Callable[[Period, Period], BacktestOutcome]
) -> Simulation:
    """Start with the model of `first`, and train whenever the policy triggers.

    As in the schedule, a day is scored before the policy decides, so a promoted model scores from the next day on.
    `judge` trains as of a day and compares the model with the champion. A champion trained as of the same day is not
    trained again.
    """
    so_far, champion, alarms = SimulationState(), first, 0
    for period in periods:
        so_far.champions[period] = champion
        answer = policy.decide(period, so_far)
        alarms += answer.alarm
        if not answer.train or period == champion:
            continue
        outcome = judge(period, champion)
        so_far.trainings.append(SimulatedTraining(period, champion, outcome.result, answer.reason, outcome.reason))
        if outcome.result == "promoted":
            champion = period
    return Simulation(so_far.champions, tuple(so_far.trainings), alarms)


def never_retrain() -> Policy:
    """Return the policy that keeps the first model."""
    return Policy("never", "no training after the first", lambda _day, _so_far: PolicyAnswer(False, False))


def retrain_on_schedule(use_case: UseCase) -> list[Policy]:
    """Return the policy that trains as the DAG `train` is scheduled.

    There is none if nothing is scheduled.
    """
    schedule = use_case.training.schedule
    if schedule is None:
        return []
    meaning = f"every {describe_start(schedule)}, as the DAG train is scheduled"
    return [_scheduled(schedule.adjective, meaning, lambda period: use_case.is_due(period, schedule))]


def retrain_monthly() -> Policy:
    """Return the policy that trains on the first of each month."""
    return _scheduled("monthly", "at the beginning of each month", _begins_a_month)


def _begins_a_month(period: Period) -> bool:
    """Return whether no earlier period starts in the same month."""
    return _month(period) != _month(period - 1)


def _month(period: Period) -> tuple[int, int]:
    return period.start_date.year, period.start_date.month


def _scheduled(name: str, meaning: str, due: Callable[[Period], bool]) -> Policy:
    def decide(period: Period, _so_far: SimulationState) -> PolicyAnswer:
        return PolicyAnswer(due(period), due(period), "It is a scheduled period.")

    return Policy(name, meaning, decide)


def naive_psi(largest: Callable[[Period, Period], float | None]) -> Policy:
    """Return the rule of thumb that trains if any feature's PSI is above 0.2 on a day.

    `largest` returns the largest PSI for a day and a model.
    """

    def decide(period: Period, so_far: SimulationState) -> PolicyAnswer:
        value = largest(period, so_far.champions[period])
        alarm = value is not None and value > PSI_LIMIT
        waits = bool(so_far.trainings) and period < so_far.trainings[-1].period + PSI_GAP_PERIODS
        return PolicyAnswer(alarm and not waits, alarm, f"The largest PSI of a feature is {value or 0:.2f}.")

    meaning = (
        f"any feature's PSI of the period over {PSI_LIMIT:g}; at least {PSI_GAP_PERIODS} periods between trainings"
    )
    return Policy("naive PSI", meaning, decide)


def declared_policy(name: str, meaning: str, policy: Retraining, measures: Measures) -> Policy:
    """Return a declared policy, which decides like the DAG `retrain`."""

    def decide(period: Period, so_far: SimulationState) -> PolicyAnswer:
        since = period - policy.look_back_periods
        measured = [measures(scored, model) for scored, model in so_far.champions.items() if since < scored <= period]
        champion = CurrentChampion(so_far.champions[period].key, so_far.champions[period])
        decision = retraining_policy.decide_by_policy(policy, period, measured, so_far.decided, champion)
        return PolicyAnswer(decision.retrain, any(signal.triggers for signal in decision.signals), decision.reason)

    return Policy(name, meaning, decide)


@dataclass(frozen=True)
class Alarm:
    """Hold the benefit of a training on the days after it."""

    periods: int
    """Days after the training that were compared."""
    gain: float | None
    """Mean log loss over their rows of the replaced model minus that of the new one; None with too few days."""

    @property
    def is_false_positive(self) -> bool | None:
        """Return whether the new model was not better; None if undecided."""
        return None if self.gain is None else self.gain <= 0


def retraining_benefits(
    training: SimulatedTraining, periods: Sequence[Period], losses: Callable[[Period, Period], tuple[float, int]]
) -> Alarm:
    """Compare both models of each training on the first `FOLLOWING_DAYS` after it.

    `losses` returns the summed log loss of a model on a day, and the number of labelled rows.
    """
    following = [period for period in periods if period > training.period and losses(period, training.period)[1]][
        :FOLLOWING_PERIODS
    ]
    if len(following) < LEAST_FOLLOWING_PERIODS:
        return Alarm(len(following), None)
    rows = sum(losses(period, training.period)[1] for period in following)
    gain = sum(losses(period, training.replaced)[0] - losses(period, training.period)[0] for period in following) / rows
    return Alarm(len(following), gain)
