"""False alarms per year: declared and computed rates, and simulations with any seed."""

import numpy as np
import pytest

from include.declaration.monitoring import BaselineLimit, Monitoring, PerformanceLimit, Retraining
from include.declaration.period import Period
from include.model import autocorrelation, day_process
from include.model.expected_performance import ExpectedMetric
from include.monitoring import false_alarms, performance
from include.monitoring.false_alarms import FalseAlarms
from include.monitoring.reference_profile import ReferenceProfile, ReferenceVariation
from include.retraining import policy as retraining_policy
from include.retraining.policy import CurrentChampion, PastDecision
from include.retraining.signals import MeasuredPeriod, SignalValue

POLICY = Retraining()
START = Period("2030-06-01")
GAP = 2


def ar(lives: int, periods: int, lag_1: float, rng: np.random.Generator) -> np.ndarray:
    found = np.empty((lives, periods))
    found[:, 0] = rng.standard_normal(lives)
    for period in range(1, periods):
        found[:, period] = lag_1 * found[:, period - 1] + np.sqrt(1 - lag_1**2) * rng.standard_normal(lives)
    return found


def profile(validation: np.ndarray, test: np.ndarray, usual: np.ndarray | None = None) -> ReferenceProfile:
    """Of a version whose log loss differed from the prior's by these numbers, and whose single days drifted so."""
    zeros = (0.0,) * len(test)
    drift = tuple(usual) if usual is not None else tuple(np.exp(np.r_[validation, test]))
    return ReferenceProfile(
        rows=1, features={}, types={}, importance={}, predictions=None,  # type: ignore[arg-type]
        usual=ReferenceVariation(len(drift), drift, drift, {}),
        expected_metrics={"log_loss": ExpectedMetric(float(test.mean()), len(test), by_day=tuple(test))},
        baselines={name: {"log_loss": ExpectedMetric(0.0, len(test), by_day=zeros)} for name in ("prior", "logistic")},
        validation={
            "model": {"log_loss": tuple(validation)},
            "prior": {"log_loss": (0.0,) * len(validation)},
            "logistic": {"log_loss": (0.0,) * len(validation)},
        },
    )  # fmt: skip


def lived(limit, monitoring: Monitoring, series: np.ndarray, test_periods: int) -> float:
    """False alarms a year of lives that are judged and decided one day at a time, with a limit as a number."""
    then, life = series[:, :test_periods], series[:, test_periods + (GAP if test_periods else 0) :]
    periods = life.shape[1]
    breached = np.zeros(life.shape, bool)
    for period in range(monitoring.min_periods - 1, periods):
        now = life[:, max(period + 1 - monitoring.window_periods, 0) : period + 1]
        if test_periods:
            value, sureness = performance.difference_row(now, then)
        else:
            value, sureness = now.mean(axis=1), autocorrelation.precision_of_mean(now)
        breached[:, period] = autocorrelation.tail(value - limit.limit, sureness) < 1 - limit.confidence
    signal = "performance" if test_periods else "worse_than_baseline"
    policy = Retraining(signals=(signal,))
    return sum(trainings(each, policy, signal) for each in breached) * 365 / periods / len(breached)


def trainings(breached: np.ndarray, policy: Retraining, signal: str) -> int:
    """What the DAG `retrain` decides in one life; every challenger is rejected."""
    decided: list[PastDecision] = []
    measured = [
        MeasuredPeriod(START + n, "1", {signal: SignalValue(bool(broke), 0.1, 0.0)}) for n, broke in enumerate(breached)
    ]
    for n in np.flatnonzero(breached).tolist():
        seen = measured[max(n - policy.look_back_periods, 0) : n + 1]
        if retraining_policy.decide_by_policy(
            policy, measured[n].period, seen, decided, CurrentChampion("1", START)
        ).retrain:
            decided.append(PastDecision(measured[n].period, "retrain", "rejected"))
    return len(decided)


def monitoring_of(window: int, rate: float = 1.0) -> Monitoring:
    return Monitoring(
        window_periods=window,
        performance=(PerformanceLimit("log_loss", false_alarms_per_year=rate),),
        baselines=(BaselineLimit("prior", false_alarms_per_year=rate),),
    )


@pytest.mark.slow
@pytest.mark.parametrize("window", [14, 28])
@pytest.mark.parametrize("lag_1", [0.0, 0.2, 0.4])
def test_lives_see_the_declared_rate_within_a_factor_of_2_where_a_version_has_days_enough(lag_1, window):
    """Ten versions of one process, each calibrated on its own 150 days; 200 lives of a year for each."""
    rng, monitoring = np.random.default_rng(1), monitoring_of(window)
    rates: dict[str, list[float]] = {"performance": [], "worse": []}
    for past in ar(10, 150, lag_1, rng):
        made = false_alarms.compute_false_alarms(profile(past[:122], past[122:]), monitoring, POLICY, GAP)
        assert all(rate.own for rate in made.rates)
        applied = made.applied(monitoring)
        rates["performance"].append(lived(applied.performance[0], applied, ar(200, 28 + GAP + 365, lag_1, rng), 28))
        rates["worse"].append(lived(applied.baselines[0], applied, ar(200, 365, lag_1, rng), 0))
    for name, each in rates.items():
        assert 0.5 <= np.mean(each) <= 2.0, (name, each)


def test_the_printed_rate_of_a_declared_number_is_what_lives_see():
    rng = np.random.default_rng(1)
    past = ar(1, 42, 0.4, rng)[0]
    monitoring = Monitoring(performance=(PerformanceLimit("log_loss", max_degradation=0.2),), baselines=())
    (rate, *_) = false_alarms.compute_false_alarms(profile(past[:14], past[14:]), monitoring, POLICY, GAP).rates
    assert not rate.own and rate.periods == 42 and rate.declared is None
    # The default process has the deviation of these days and a lag-1 autocorrelation of 0.4.
    deviation = day_process.fit_process([past[:14], past[14:]], centred=True).deviation
    seen = lived(monitoring.performance[0], monitoring, deviation * ar(1000, 28 + GAP + 365, 0.4, rng), 28)
    assert rate.per_year == pytest.approx(seen, rel=0.35, abs=0.15)


def test_a_declared_rate_is_kept_and_a_smaller_one_asks_for_more_confidence():
    past = ar(1, 42, 0.3, np.random.default_rng(1))[0]
    seldom, often = (
        false_alarms.compute_false_alarms(profile(past[:14], past[14:]), monitoring_of(14, rate), POLICY, GAP)
        for rate in (0.5, 3)
    )
    for made, declared in ((seldom, 0.5), (often, 3)):
        assert [rate.per_year for rate in made.rates[:2]] == pytest.approx([declared, declared], rel=0.1)
    assert seldom.rates[0].at > often.rates[0].at > 0.5


def test_the_rates_are_the_same_each_time_and_can_be_kept_as_json():
    past = ar(1, 42, 0.3, np.random.default_rng(2))[0]
    once, again = (
        false_alarms.compute_false_alarms(profile(past[:14], past[14:]), monitoring_of(14), POLICY, GAP)
        for _ in range(2)
    )
    assert once == again == FalseAlarms.from_json(once.to_json())


def test_from_120_days_on_the_process_is_the_versions_own():
    rng = np.random.default_rng(3)
    calm = ar(1, 2000, 0.0, rng)[0]
    assert day_process.fit_process([calm[:119]], centred=True).own is False
    assert day_process.fit_process([calm[:119]], centred=True).correlation == 0.4
    assert day_process.fit_process([calm[:60], calm[60:120]], centred=True).own is True
    assert day_process.fit_process([calm], centred=True).correlation == pytest.approx(0, abs=0.08)
    assert day_process.fit_process([ar(1, 2000, 0.6, rng)[0]], centred=True).correlation == pytest.approx(0.6, abs=0.08)


def test_simulated_days_have_the_distribution_and_the_correlation_of_the_versions_days():
    own = np.exp(ar(1, 1000, 0.5, np.random.default_rng(4))[0])
    process = day_process.fit_process([own], centred=False)
    drawn = process.simulate(400, 200)
    assert np.quantile(drawn, [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(own, [0.1, 0.5, 0.9]), rel=0.05)
    logarithms = np.log(np.maximum(drawn, 1e-9))
    assert np.mean(autocorrelation.unshrunk(logarithms)) == pytest.approx(0.5, abs=0.08)


def test_drift_may_declare_a_rate_too_and_each_kind_has_its_own_multiple():
    usual = np.exp(ar(1, 42, 0.4, np.random.default_rng(5))[0])
    monitoring = Monitoring(performance=(), baselines=(), drift_false_alarms_per_year=1.0)
    made = false_alarms.compute_false_alarms(profile(usual[:14], usual[14:], usual), monitoring, POLICY, GAP)
    assert [rate.per_year for rate in made.rates] == pytest.approx([1.0, 1.0], rel=0.15)
    applied = made.applied(monitoring)
    assert (applied.drift_factor, applied.prediction_drift_factor) == tuple(rate.at for rate in made.rates)
    assert applied.drift_false_alarms_per_year is None


def test_what_never_varies_or_is_not_defined_has_no_rate_and_says_why():
    flat = np.zeros(28)
    made = false_alarms.compute_false_alarms(
        profile(flat[:14], flat, np.r_[flat, flat]), monitoring_of(14), POLICY, GAP
    )
    assert all(rate.per_year is None and rate.missing_reason for rate in made.rates)
    undefined = Monitoring(performance=(PerformanceLimit("auc", false_alarms_per_year=1),), baselines=())
    (rate, *_) = false_alarms.compute_false_alarms(profile(flat[:14], flat), undefined, POLICY, GAP).rates
    assert rate.per_year is None and "auc is not defined" in rate.missing_reason


def test_days_that_cannot_ask_are_left_out_and_nothing_changes_by_that():
    rng = np.random.default_rng(6)
    breached = rng.random((20, 365)) < 0.25
    policy = Retraining(signals=("performance",))
    each_day = sum(trainings(life, policy, "performance") for life in breached) / len(breached)
    assert false_alarms.alarms_per_year(breached, POLICY, "performance") == pytest.approx(each_day)
    assert each_day > 3
