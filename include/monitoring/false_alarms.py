"""Compute how often a year each signal triggers a training of an unchanged model.

Many years of an unchanged model are simulated (day_process.py), judged day by day with the functions of the monitor,
and decided with the function of the DAG `retrain`. A false alarm is a decision to retrain; its challenger is rejected,
as it should be, and the cool-down and the budget of the policy apply. The rate is the mean number of false alarms in a
year in which the version is champion.

A limit that declares a rate instead of a number gets the confidence (for drift: the multiple of the usual quantile) at
which the simulated rate equals the declared one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from include.declaration.monitoring import BaselineLimit, Limit, Monitoring, PerformanceLimit, Retraining
from include.declaration.period import Period
from include.lake import content_digest
from include.model import autocorrelation, day_process
from include.model.arrays import Numbers
from include.model.day_process import YEAR, Process
from include.monitoring import drift_metrics, performance
from include.monitoring.definitions import MONITORING_METRICS, limit_label
from include.monitoring.reference_profile import ReferenceProfile
from include.retraining import policy as retraining_policy
from include.retraining.policy import CurrentChampion, PastDecision
from include.retraining.signals import MeasuredPeriod, SignalValue

FORMAT = 1
DRIFT = {metric.name: metric.subject for metric in MONITORING_METRICS.values() if metric.category == "drift"}
"""Drift signal to its subject; the metric has the name of the signal."""
_START = Period("2001-01-01")
"""First day of the simulated years; its months matter only for the budget."""
_STEPS = 12
"""Steps of the bisection for a threshold, on a logarithmic scale."""
_LEAST = 1e-12
"""Smaller drift is raised to this value, since its logarithm is needed."""
Breached = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class FalseAlarmRate:
    """Hold the false alarms per year of one limit of one signal."""

    signal: str
    name: str
    """The monitoring metric of the limit."""
    subject: str
    declared: float | None
    """The declared rate; None if a number is declared."""
    per_year: float | None
    """None if it cannot be computed; `missing_reason` gives the reason."""
    at: float | None
    """The confidence of a performance limit, or the multiple of the usual quantile of drift."""
    correlation: float | None = None
    """Lag-1 autocorrelation of the simulated days."""
    periods: int = 0
    """The version's own past days for this limit."""
    own: bool = False
    """Whether the process was fitted to these days; otherwise it is the default process."""
    missing_reason: str = ""

    @property
    def label(self) -> str:
        """Return the limit's display name."""
        return limit_label(self.name, self.subject)


@dataclass(frozen=True)
class FalseAlarms:
    """Hold a version's rates under one declaration; plain values."""

    declaration: str
    """Digest of the declaration that they were computed for."""
    rates: tuple[FalseAlarmRate, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values, from which `from_json` makes an equal object."""
        return {"declaration": self.declaration, "rates": [asdict(rate) for rate in self.rates]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> FalseAlarms:
        """Build the object from the values of `to_json`."""
        return cls(values["declaration"], tuple(FalseAlarmRate(**rate) for rate in values["rates"]))

    def applied(self, monitoring: Monitoring) -> Monitoring:
        """Return the declared limits with a computed confidence for each declared rate."""
        at = {(rate.name, rate.subject): rate.at for rate in self.rates if rate.at is not None}
        changes: dict[str, Any] = {
            "performance": tuple(_resolve_limit(limit, at) for limit in monitoring.performance),
            "baselines": tuple(_resolve_limit(limit, at) for limit in monitoring.baselines),
        }
        if monitoring.drift_false_alarms_per_year is not None:
            times = {name: at.get((name, subject), monitoring.drift_factor) for name, subject in DRIFT.items()}
            changes |= {"drift_factor": times["weighted_drift"], "prediction_drift_factor": times["prediction_drift"]}
        return replace(monitoring, drift_false_alarms_per_year=None, **changes)


def _resolve_limit(limit: Any, at: Mapping[tuple[str, str], float]) -> Any:
    """Replace a declared rate by the computed confidence; keep other limits."""
    if limit.false_alarms_per_year is None:
        return limit
    confidence = at.get((limit.name, limit.subject), limit.confidence)
    return replace(limit, max_degradation=0.0, false_alarms_per_year=None, confidence=confidence)


def declaration_of(monitoring: Monitoring, policy: Retraining, gap_periods: int) -> str:
    """Return the digest of every declared value that the rates depend on."""
    declared = {"monitoring": asdict(monitoring), "policy": asdict(policy), "gap": gap_periods, "format": FORMAT}
    return content_digest.digest_values(declared)


def compute_false_alarms(
    profile: ReferenceProfile, monitoring: Monitoring, policy: Retraining, gap_periods: int
) -> FalseAlarms:
    """Compute the rate of every limit of every signal, in about a second per limit."""
    simulation = _Simulation(profile, monitoring, policy, gap_periods)
    rates = [
        *(simulation.performance(limit) for limit in monitoring.performance),
        *(simulation.baseline(limit) for limit in monitoring.baselines),
        *(simulation.drift(name) for name in DRIFT),
    ]
    return FalseAlarms(declaration_of(monitoring, policy, gap_periods), tuple(rates))


class _Shape(NamedTuple):
    """Hold the parts of the days of a simulation."""

    test_periods: int
    """0 if the signal is not compared with the test days."""
    gap_periods: int
    window_periods: int
    min_periods: int


def resolve_limits(
    profile: ReferenceProfile, monitoring: Monitoring, policy: Retraining, gap_periods: int
) -> Monitoring:
    """Replace each declared rate by its limit; only these are computed."""
    simulation = _Simulation(profile, monitoring, policy, gap_periods)
    rates = [
        *(simulation.performance(limit) for limit in monitoring.performance if limit.false_alarms_per_year),
        *(simulation.baseline(limit) for limit in monitoring.baselines if limit.false_alarms_per_year),
        *(simulation.drift(name) for name in DRIFT if monitoring.drift_false_alarms_per_year),
    ]
    return FalseAlarms("", tuple(rates)).applied(monitoring)


@dataclass(frozen=True)
class _Simulation:
    """Simulate one version under one declaration."""

    profile: ReferenceProfile
    monitoring: Monitoring
    policy: Retraining
    gap_periods: int

    def performance(self, limit: PerformanceLimit) -> FalseAlarmRate:
        """Return the rate for a model that stays as good as on its test days."""
        return self._judged("performance", limit, self.profile.daily(limit.metric, limit.reference))

    def baseline(self, limit: BaselineLimit) -> FalseAlarmRate:
        """Return the rate for a model that is exactly as good as the baseline."""
        return self._judged("worse_than_baseline", limit, self.profile.daily(limit.metric, limit.baseline))

    def drift(self, name: str) -> FalseAlarmRate:
        """Return the rate for days that drift like the validation and test days."""
        periods, monitoring = self.profile.usual.periods, self.monitoring
        usual = np.array(getattr(self.profile.usual, name))
        rate = FalseAlarmRate(
            name, name, DRIFT[name], monitoring.drift_false_alarms_per_year, None, None, periods=periods
        )
        process = day_process.fit_process([np.log(np.maximum(usual, _LEAST))], centred=False)
        if process is None:
            return replace(rate, missing_reason="The validation and test periods are too few, or do not vary.")
        drawn = np.exp(process.simulate(periods + YEAR))
        limits = drift_metrics.usual_limit(name, drawn[:, :periods], replace(monitoring, drift_factor=1.0))
        times = (drawn[:, periods:].T / limits).T
        at = drift_metrics.drift_factor(name, monitoring)
        if rate.declared is not None:
            at = _threshold(lambda factor: _estimate_rate(times > factor, self.policy), rate.declared, 0.05, 100.0)
        per_year = alarms_per_year(times > at, self.policy, name)
        return replace(rate, per_year=per_year, at=at, correlation=process.correlation, own=process.own)

    def _judged(self, signal: str, limit: Limit, spans: list[Numbers]) -> FalseAlarmRate:
        periods = sum(map(len, spans))
        rate = FalseAlarmRate(
            signal, limit.name, limit.subject, limit.false_alarms_per_year, None, None, periods=periods
        )
        process = day_process.fit_process(spans, centred=True)
        if process is None:
            reason = (
                "does not vary from period to period"
                if periods
                else "is not defined when a single test period is left out"
            )
            return replace(rate, missing_reason=f"{limit.metric} {reason}.")
        # Without a declared number the scale cancels out: all versions with the default process share one simulation.
        unit = process if process.own or limit.limit else replace(process, deviation=1.0)
        test_periods = len(spans[-1]) if signal == "performance" else 0
        least = max(self.monitoring.min_periods, autocorrelation.MIN_PERIODS)
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
    """Return the confidence of the judgement, and the false alarms per year at it."""
    tails = _tails(process, shape, limit)
    if declared is not None:
        # Searched for as 1 / (1 - confidence), which a logarithmic scale covers evenly; from 2 on, since a confidence
        # below 0.5 would call the likelier case a breach.
        inverse = _threshold(lambda candidate: _estimate_rate(tails < 1 / candidate, policy), declared, 2.0, 1e5)
        confidence = 1 - 1 / inverse
    return confidence, alarms_per_year(tails < 1 - confidence, policy, signal)


@lru_cache(maxsize=2)
def _tails(process: Process, shape: _Shape, limit: float) -> Numbers:
    """Return the p-value of each simulated day, of shape (lives, days).

    It is 1 if the day is not judged.
    """
    before = shape.test_periods + shape.gap_periods if shape.test_periods else 0
    drawn = process.simulate(before + YEAR)
    then, life = drawn[:, : shape.test_periods], drawn[:, before:]
    p_values = np.ones(life.shape)
    for period in range(shape.min_periods - 1, YEAR):
        now = life[:, max(period + 1 - shape.window_periods, 0) : period + 1]
        if shape.test_periods:
            value, sureness = performance.difference_row(now, then)
        else:
            value, sureness = np.mean(now, axis=-1), autocorrelation.precision_of_mean(now)
        p_values[:, period] = autocorrelation.tail(value - limit, sureness)
    return p_values


def alarms_per_year(breached: Breached, policy: Retraining, signal: str) -> float:
    """Return the mean number of trainings per year that the policy triggers.

    `breached` has the shape (lives, days). The policy is reduced to this signal. A budget of 0, which would never
    trigger, is replaced by 1 per month.
    """
    alone = replace(policy, signals=(signal,), per_month=max(policy.per_month, 1))
    calm, broken = _measured_periods(signal)

    def retrains(life: int, number: int, trained: list[PastDecision]) -> bool:
        periods = range(max(number - policy.look_back_periods, 0), number + 1)
        measured = [(broken if breached[life, index] else calm)[index] for index in periods]
        period = _START + number
        return retraining_policy.decide_by_policy(
            alone, period, measured, trained, CurrentChampion("1", _START)
        ).retrain

    return _count_trainings(breached, alone, retrains)


def _estimate_rate(breached: Breached, policy: Retraining) -> float:
    """Return the trainings per year without the monthly budget.

    This is fast enough for a search.
    """
    return _count_trainings(breached, policy, lambda _life, _number, _trained: True)


def _count_trainings(
    breached: Breached, policy: Retraining, retrains: Callable[[int, int, list[PastDecision]], bool]
) -> float:
    """Return the trainings per year.

    For speed, `retrains` is called only on days that may trigger one.
    """
    total = np.cumsum(breached, axis=1)
    of_periods: npt.NDArray[np.int64] = total - np.pad(total, ((0, 0), (policy.of_periods, 0)))[:, : total.shape[1]]
    may_trigger = breached & (of_periods >= policy.breaches)
    alarms = 0
    for life in np.flatnonzero(may_trigger.any(axis=1)).tolist():
        trained: list[PastDecision] = []
        free = 0
        for number in np.flatnonzero(may_trigger[life]).tolist():
            if number >= free and retrains(life, number, trained):
                trained.append(PastDecision(_START + number, "retrain", "rejected"))
                free = number + retraining_policy.cool_down(policy, trained)[0]
        alarms += len(trained)
    return alarms * YEAR / breached.size


@lru_cache
def _measured_periods(signal: str) -> tuple[list[MeasuredPeriod], list[MeasuredPeriod]]:
    """Return each simulated day without a breach of the signal, and with one."""
    periods = [_START + number for number in range(YEAR)]
    calm, broken = (
        [MeasuredPeriod(period, "1", {signal: SignalValue(is_breach, 0.0, 0.0)}) for period in periods]
        for is_breach in (False, True)
    )
    return calm, broken


def _threshold(per_year: Callable[[float], float], declared: float, low: float, high: float) -> float:
    """Find the threshold from which on the rate is at most as declared.

    It is between `low` and `high`.
    """
    for _ in range(_STEPS):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if per_year(middle) > declared else (low, middle)
    return high
