"""The simulator: which model is champion when, what is trained, and which data are not known yet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from include.backtest import simulator
from include.backtest.simulator import BacktestOutcome, Policy, PolicyAnswer, SimulatedTraining
from include.declaration.monitoring import Retraining
from include.declaration.period import Period
from include.retraining.signals import MeasuredPeriod, SignalValue
from tests.toy_use_case import USE_CASE

FIRST = Period("2020-01-01")  # a Wednesday
DAYS = [FIRST + n for n in range(90)]
PROMOTED, REJECTED = BacktestOutcome("promoted"), BacktestOutcome("rejected", "no better")
ALWAYS = Policy("always", "", lambda _day, _so_far: PolicyAnswer(True, True, "because"))


def promotes(_day: Period, _champion: Period) -> BacktestOutcome:
    return PROMOTED


def period(number: int) -> Period:
    return DAYS[number]


def broken(_day: Period, model: Period) -> MeasuredPeriod:
    return MeasuredPeriod(_day, model.key, {"performance": SignalValue(True, 0.1, 0.02)})


def declared(policy: Retraining, measures: Callable[[Period, Period], MeasuredPeriod] = broken) -> Policy:
    return simulator.declared_policy("declared", "", policy, measures)


def test_a_promoted_model_is_champion_from_the_next_day_on():
    asks = Policy("once", "", lambda today, _: PolicyAnswer(today == period(3), False))
    walked = simulator.simulate(asks, DAYS[:6], FIRST, promotes)
    assert [*walked.champions.values()] == [FIRST] * 4 + [period(3)] * 2


def test_a_rejected_challenger_is_never_champion_and_the_next_one_is_compared_with_the_champion():
    champions = []

    def judge(today: Period, champion: Period) -> BacktestOutcome:
        champions.append(champion)
        return PROMOTED if today == period(2) else REJECTED

    walked = simulator.simulate(ALWAYS, DAYS[:5], FIRST, judge)
    assert [*walked.champions.values()] == [FIRST] * 3 + [period(2)] * 2
    assert champions == [FIRST, FIRST, period(2), period(2)]
    assert [each.result for each in walked.trainings] == ["rejected", "promoted", "rejected", "rejected"]


def test_the_model_of_a_day_is_not_trained_again_on_it():
    assert [each.period for each in simulator.simulate(ALWAYS, DAYS[:3], FIRST, promotes).trainings] == [
        period(1),
        period(2),
    ]


def test_schedules_train_on_their_days_and_never_means_never():
    def periods(policy: Policy) -> list[Period]:
        return [each.period for each in simulator.simulate(policy, DAYS[:45], FIRST, promotes).trainings]

    assert periods(simulator.never_retrain()) == []
    assert periods(simulator.retrain_monthly()) == [Period("2020-02-01")]
    [weekly] = simulator.retrain_on_schedule(USE_CASE)
    assert periods(weekly) == [Period("2020-01-06") + 7 * n for n in range(6)]


def test_the_naive_policy_waits_a_week_and_counts_the_days_on_which_it_would_have_trained():
    walked = simulator.simulate(
        simulator.naive_psi(lambda today, _: 0.3 if today >= period(2) else 0.2), DAYS[:20], FIRST, promotes
    )
    assert [each.period for each in walked.trainings] == [period(2), period(9), period(16)]
    assert walked.alarms == 18
    assert simulator.simulate(simulator.naive_psi(lambda *_: None), DAYS[:20], FIRST, promotes).alarms == 0


def test_a_declared_policy_that_breaks_each_day_trains_within_its_budget():
    policy = Retraining(("performance",), breaches=1, of_periods=1, cool_down_periods=3, per_month=2)
    walked = simulator.simulate(declared(policy), DAYS, FIRST, promotes)
    by_month = [sum(each.period.start_date.month == month for each in walked.trainings) for month in (1, 2, 3)]
    assert by_month == [2, 2, 2]
    assert walked.alarms == 90


def test_a_rejected_challenger_makes_the_policy_wait_longer():
    policy = Retraining(("performance",), breaches=1, of_periods=1, cool_down_periods=5, per_month=9, backoff_factor=2)
    simulated = simulator.simulate(declared(policy), DAYS[:40], FIRST, lambda *_: REJECTED)
    assert [each.period for each in simulated.trainings] == [period(1), period(11), period(31)]


def test_breaches_of_the_former_model_do_not_count_against_the_new_one():
    policy = Retraining(("performance",), breaches=3, of_periods=5, cool_down_periods=1, per_month=99)
    walked = simulator.simulate(declared(policy), DAYS[:10], FIRST, promotes)
    assert [each.period for each in walked.trainings] == [period(2), period(5), period(8)]


@pytest.mark.parametrize("cut", [5, 17, 40])
def test_what_is_decided_by_a_day_does_not_depend_on_later_days(cut):
    policy = Retraining(("performance",), breaches=2, of_periods=4, cool_down_periods=4, per_month=5)

    def measures(future: bool) -> Callable[[Period, Period], MeasuredPeriod]:
        def measured(today: Period, model: Period) -> MeasuredPeriod:
            broke = (today.start_date.toordinal() // 3) % 2 == 0
            reading = SignalValue(broke != future if today > period(cut) else broke, 0.1, 0.02)
            return MeasuredPeriod(today, model.key, {"performance": reading})

        return measured

    one, other = (
        simulator.simulate(declared(policy, measures(future)), DAYS, FIRST, promotes) for future in (False, True)
    )
    assert [each for each in one.trainings if each.period <= period(cut)] == [
        each for each in other.trainings if each.period <= period(cut)
    ]
    assert [*one.champions.values()][: cut + 2] == [*other.champions.values()][: cut + 2]
    assert one != other


def test_a_policy_asks_for_measures_of_no_day_after_the_one_it_decides():
    asked = []

    def measures(today: Period, model: Period) -> MeasuredPeriod:
        asked.append(today)
        return broken(today, model)

    policy = declared(Retraining(("performance",)), measures)
    for today in DAYS[:10]:
        asked.clear()
        policy.decide(today, simulator.SimulationState(champions=dict.fromkeys(DAYS, FIRST)))
        assert max(asked) == today


def losses(gained: float, rows: int = 10) -> Callable[[Period, Period], tuple[float, int]]:
    """Each row costs 1 under the first model, and less by so much under another."""
    return lambda _day, model: (rows * (1 - (gained if model != FIRST else 0)), rows)


def training(number: int) -> SimulatedTraining:
    return SimulatedTraining(period(number), FIRST, "promoted", "", "")


def test_a_training_is_a_false_alarm_where_its_model_is_no_better_on_the_days_after_it():
    found = simulator.retraining_benefits(training(10), DAYS, losses(0.25))
    assert (found.periods, found.gain, found.is_false_positive) == (28, pytest.approx(0.25), False)
    assert simulator.retraining_benefits(training(10), DAYS, losses(-0.25)).is_false_positive
    assert simulator.retraining_benefits(training(10), DAYS, losses(0)).is_false_positive, "as good is not better"


def test_only_the_days_after_a_training_say_whether_it_was_worth_it():
    def before_or_after(today: Period, model: Period) -> tuple[float, int]:
        return losses(1.0 if period(10) < today <= period(38) else -9.0)(today, model)

    assert simulator.retraining_benefits(training(10), DAYS, before_or_after).gain == pytest.approx(1.0)


def test_days_without_labels_are_passed_over_and_too_few_days_say_nothing():
    def every_second(today: Period, model: Period) -> tuple[float, int]:
        return losses(0.5, rows=10 * (today.start_date.toordinal() % 2))(today, model)

    assert simulator.retraining_benefits(training(10), DAYS[:40], every_second).periods == 14
    late = simulator.retraining_benefits(training(85), DAYS, losses(0.5))
    assert (late.periods, late.gain, late.is_false_positive) == (4, None, None)
