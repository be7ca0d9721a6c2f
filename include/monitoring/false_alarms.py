"""False alarms: how often a year each signal would ask for a training of a model that has not changed.

Many lives of an unchanged model are simulated (day_process.py), judged day by day with the functions that the monitor
calls, and decided with the function that the DAG `retrain` calls. A false alarm is a decision to retrain; its
challenger is rejected, as it should be, and the cool-down and the budget of the policy apply. The rate is the mean
number of false alarms in a year in which the version flies.

A limit that declares a rate instead of a number gets the confidence (of drift: the multiple of the usual quantile) with
which the simulated rate is the declared one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from include.declaration.monitoring import BaselineLimit, Limit, Monitoring, PerformanceLimit, Retraining
from include.lake import content_digest
from include.model import autocorrelation, day_process
from include.model.arrays import Numbers
from include.model.day_process import YEAR, Process
from include.monitoring import drift_metrics, performance
from include.monitoring.definitions import MONITORING_METRICS, limit_label
from include.monitoring.reference_profile import ReferenceProfile
from include.retraining import policy as retraining_policy
from include.retraining.policy import CurrentChampion, MeasuredPeriod, PastDecision, SignalValue

FORMAT = 1
DRIFT = {metric.name: metric.subject for metric in MONITORING_METRICS.values() if metric.category == "drift"}
"""Drift signal to its subject; the metric has the name of the signal."""
_START = date(2001, 1, 1)
"""Of the simulated lives; its months only matter for the budget."""
_STEPS = 12
"""Halvings of the span, on a logarithmic scale, in which a threshold is searched for."""
_LEAST = 1e-12
"""Drift below this is taken for this much, since its logarithm is needed."""
Breached = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class FalseAlarmRate:
    """How often a year one limit of one signal asks falsely."""

    signal: str
    name: str
    """The monitoring metric of the limit."""
    subject: str
    declared: float | None
    """None where a number is declared."""
    per_year: float | None
    """None where it cannot be computed; `state` says why."""
    at: float | None
    """The confidence of a performance limit, or the multiple of the usual quantile of drift."""
    correlation: float | None = None
    """Lag-1 autocorrelation of the simulated days."""
    days: int = 0
    """Days of its own past that the version has for this limit."""
    own: bool = False
    """Whether the process is that of these days; else it is the default one."""
    state: str = ""

    @property
    def label(self) -> str:
        """The limit as a reader knows it."""
        return limit_label(self.name, self.subject)


@dataclass(frozen=True)
class FalseAlarms:
    """The rates of a version under one declaration; plain values."""

    declaration: str
    """Digest of what they were computed for."""
    rates: tuple[FalseAlarmRate, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, from which `from_json` makes an equal object."""
        return {"declaration": self.declaration, "rates": [asdict(rate) for rate in self.rates]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> FalseAlarms:
        """What `to_json` gave."""
        return cls(values["declaration"], tuple(FalseAlarmRate(**rate) for rate in values["rates"]))

    def applied(self, monitoring: Monitoring) -> Monitoring:
        """The declared limits with the computed confidence in place of each declared rate."""
        at = {(rate.name, rate.subject): rate.at for rate in self.rates if rate.at is not None}
        changes: dict[str, Any] = {
            "performance": tuple(_with(limit, at) for limit in monitoring.performance),
            "baselines": tuple(_with(limit, at) for limit in monitoring.baselines),
        }
        if monitoring.drift_false_alarms_per_year is not None:
            times = {name: at.get((name, subject), monitoring.drift_factor) for name, subject in DRIFT.items()}
            changes |= {"drift_factor": times["weighted_drift"], "prediction_drift_factor": times["prediction_drift"]}
        return replace(monitoring, drift_false_alarms_per_year=None, **changes)


def _with(limit: Any, at: Mapping[tuple[str, str], float]) -> Any:
    """The limit as a number: one that declares a rate has the computed confidence."""
    if limit.false_alarms_per_year is None:
        return limit
    confidence = at.get((limit.name, limit.subject), limit.confidence)
    return replace(limit, max_degradation=0.0, false_alarms_per_year=None, confidence=confidence)


def declaration_of(monitoring: Monitoring, policy: Retraining, gap_periods: int) -> str:
    """Digest of everything declared that the rates depend on."""
    declared = {"monitoring": asdict(monitoring), "policy": asdict(policy), "gap": gap_periods, "format": FORMAT}
    return content_digest.digest_values(declared)


def compute_false_alarms(
    profile: ReferenceProfile, monitoring: Monitoring, policy: Retraining, gap_periods: int
) -> FalseAlarms:
    """The rate of every limit of every signal, for the version of the profile. Takes about a second a limit."""
    simulation = _Simulation(profile, monitoring, policy, gap_periods)
    rates = [
        *(simulation.performance(limit) for limit in monitoring.performance),
        *(simulation.baseline(limit) for limit in monitoring.baselines),
        *(simulation.drift(name) for name in DRIFT),
    ]
    return FalseAlarms(declaration_of(monitoring, policy, gap_periods), tuple(rates))


class _Shape(NamedTuple):
    """What the days of a life are cut into."""

    test_periods: int
    """0 where nothing is compared with the test days."""
    gap_periods: int
    window_periods: int
    min_periods: int


def resolve_limits(
    profile: ReferenceProfile, monitoring: Monitoring, policy: Retraining, gap_periods: int
) -> Monitoring:
    """The declared limits as numbers: those that declare a rate get what keeps to it; only these are computed."""
    simulation = _Simulation(profile, monitoring, policy, gap_periods)
    rates = [
        *(simulation.performance(limit) for limit in monitoring.performance if limit.false_alarms_per_year),
        *(simulation.baseline(limit) for limit in monitoring.baselines if limit.false_alarms_per_year),
        *(simulation.drift(name) for name in DRIFT if monitoring.drift_false_alarms_per_year),
    ]
    return FalseAlarms("", tuple(rates)).applied(monitoring)


@dataclass(frozen=True)
class _Simulation:
    """One version under one declaration."""

    profile: ReferenceProfile
    monitoring: Monitoring
    policy: Retraining
    gap_periods: int

    def performance(self, limit: PerformanceLimit) -> FalseAlarmRate:
        """Of a model that goes on as on its test days."""
        return self._judged("performance", limit, self.profile.daily(limit.metric, limit.reference))

    def baseline(self, limit: BaselineLimit) -> FalseAlarmRate:
        """Of a model that is exactly as good as the baseline."""
        return self._judged("worse_than_baseline", limit, self.profile.daily(limit.metric, limit.baseline))

    def drift(self, name: str) -> FalseAlarmRate:
        """Of days that differ from the train days as the validation and test days did."""
        days, monitoring = self.profile.usual.days, self.monitoring
        usual = np.array(getattr(self.profile.usual, name))
        rate = FalseAlarmRate(name, name, DRIFT[name], monitoring.drift_false_alarms_per_year, None, None, days=days)
        process = day_process.fit_process([np.log(np.maximum(usual, _LEAST))], centred=False)
        if process is None:
            return replace(rate, state="The validation and test days are too few, or all alike.")
        drawn = np.exp(process.simulate(days + YEAR))
        limits = drift_metrics.usual_limit(name, drawn[:, :days], replace(monitoring, drift_factor=1.0))
        times = (drawn[:, days:].T / limits).T
        at = drift_metrics.drift_factor(name, monitoring)
        if rate.declared is not None:
            at = _threshold(lambda each: _roughly(times > each, self.policy), rate.declared, 0.05, 100.0)
        per_year = alarms_per_year(times > at, self.policy, name)
        return replace(rate, per_year=per_year, at=at, correlation=process.correlation, own=process.own)

    def _judged(self, signal: str, limit: Limit, spans: list[Numbers]) -> FalseAlarmRate:
        days = sum(map(len, spans))
        rate = FalseAlarmRate(signal, limit.name, limit.subject, limit.false_alarms_per_year, None, None, days=days)
        process = day_process.fit_process(spans, centred=True)
        if process is None:
            reason = (
                "does not vary from day to day" if days else "is not defined on the test days without each single day"
            )
            return replace(rate, state=f"{limit.metric} {reason}.")
        # Without a number, the judgement has no unit: all versions with the default process share one simulation.
        unit = process if process.own or limit.limit else replace(process, deviation=1.0)
        test_periods = len(spans[-1]) if signal == "performance" else 0
        least = max(self.monitoring.min_periods, autocorrelation.MIN_DAYS)
        shape = _Shape(test_periods, self.gap_periods, self.monitoring.window_periods, least)
        policy = replace(self.policy, signals=(signal,))
        at, per_year = _rate(signal, unit, shape, limit.limit, policy, rate.declared, limit.confidence)
        return replace(rate, per_year=per_year, at=at, correlation=process.correlation, own=process.own)


@lru_cache(maxsize=512)
def _rate(
    signal: str,
    process: Process,
    shape: _Shape,
    limit: float,
    policy: Retraining,
    declared: float | None,
    confidence: float,
) -> tuple[float, float]:
    """The confidence of the judgement, and the false alarms a year with it."""
    tails = _tails(process, shape, limit)
    if declared is not None:
        # Searched for in doubt, where steps are of one size; more than 0.5 would call the likelier case a breach.
        doubt = _threshold(lambda each: _roughly(tails < 1 / each, policy), declared, 2.0, 1e5)
        confidence = 1 - 1 / doubt
    return confidence, alarms_per_year(tails < 1 - confidence, policy, signal)


@lru_cache(maxsize=2)
def _tails(process: Process, shape: _Shape, limit: float) -> Numbers:
    """The p-value of each day of each life, of shape (lives, days); 1 on days that are not judged."""
    before = shape.test_periods + shape.gap_periods if shape.test_periods else 0
    drawn = process.simulate(before + YEAR)
    then, life = drawn[:, : shape.test_periods], drawn[:, before:]
    found = np.ones(life.shape)
    for day in range(shape.min_periods - 1, YEAR):
        now = life[:, max(day + 1 - shape.window_periods, 0) : day + 1]
        if shape.test_periods:
            value, sureness = performance.difference_row(now, then)
        else:
            value, sureness = np.mean(now, axis=-1), autocorrelation.precision_of_mean(now)
        found[:, day] = autocorrelation.tail(value - limit, sureness)
    return found


def alarms_per_year(breached: Breached, policy: Retraining, signal: str) -> float:
    """The mean number of trainings that the policy triggers in lives whose days broke so, of shape (lives, days).

    The policy has this signal alone; a budget of 0, with which nothing is ever triggered, is taken for 1 a month.
    """
    alone = replace(policy, signals=(signal,), per_month=max(policy.per_month, 1))
    calm, broken = _measured_days(signal)

    def retrains(life: int, number: int, trained: list[PastDecision]) -> bool:
        days = range(max(number - policy.look_back_periods, 0), number + 1)
        measured = [(broken if breached[life, each] else calm)[each] for each in days]
        day = _START + timedelta(days=number)
        return retraining_policy.decide_by_policy(alone, day, measured, trained, CurrentChampion("1", _START)).retrain

    return _counted(breached, alone, retrains)


def _roughly(breached: Breached, policy: Retraining) -> float:
    """The same but for the budget of a month: quick enough to search with."""
    return _counted(breached, policy, lambda _life, _number, _trained: True)


def _counted(breached: Breached, policy: Retraining, retrains: Callable[[int, int, list[PastDecision]], bool]) -> float:
    """Trainings a year. Asked is only of days on which the decision is not a hold for sure: that would take longer."""
    kept = np.cumsum(breached, axis=1)
    of_periods: npt.NDArray[np.int64] = kept - np.pad(kept, ((0, 0), (policy.of_periods, 0)))[:, : kept.shape[1]]
    may_ask = breached & (of_periods >= policy.breaches)
    alarms = 0
    for life in np.flatnonzero(may_ask.any(axis=1)).tolist():
        trained: list[PastDecision] = []
        free = 0
        for number in np.flatnonzero(may_ask[life]).tolist():
            if number >= free and retrains(life, number, trained):
                trained.append(PastDecision(_START + timedelta(days=number), "retrain", "rejected"))
                free = number + retraining_policy.cool_down(policy, trained)[0]
        alarms += len(trained)
    return alarms * YEAR / breached.size


@lru_cache
def _measured_days(signal: str) -> tuple[list[MeasuredPeriod], list[MeasuredPeriod]]:
    """Each day of a life, as one on which the signal did not break and as one on which it did."""
    days = [_START + timedelta(days=number) for number in range(YEAR)]
    calm, broken = (
        [MeasuredPeriod(day, "1", {signal: SignalValue(broke, 0.0, 0.0)}) for day in days] for broke in (False, True)
    )
    return calm, broken


def _threshold(per_year: Callable[[float], float], declared: float, low: float, high: float) -> float:
    """The threshold, between `low` and `high`, above which the declared rate is not exceeded."""
    for _ in range(_STEPS):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if per_year(middle) > declared else (low, middle)
    return high
