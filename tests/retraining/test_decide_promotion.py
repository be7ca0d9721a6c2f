"""Decisions on real metrics across a promotion: only the champion's metrics trigger a training."""

from dataclasses import replace

import pytest

from include.declaration.monitoring import Monitoring, Retraining
from include.declaration.period import Period, period_range
from include.monitoring import monitor
from include.project import open_project
from include.retraining import decide, outcome, reserve_slot
from include.scoring import score
from tests import toy
from tests.conftest import AS_OF
from tests.versions import promoted, register

pytestmark = [pytest.mark.slow, pytest.mark.both_places(long=True)]

USE_CASE = replace(
    toy.USE_CASE,
    monitoring=Monitoring(max_age_periods=1),
    retraining=Retraining(signals=("model_age",), breaches=2, of_periods=3, cool_down_periods=2, per_month=9),
)
DAYS = period_range(AS_OF, AS_OF + 6)
"""Each version breaks its limit from the day after its own on, and asks on the second such day."""


@pytest.fixture
def retrain(champion, another):
    """Decides a day; where that asks for it, trains and promotes, and says so."""

    def retrained(period: Period) -> decide.DecideResult:
        decided = decide.decide_retraining(open_project(USE_CASE), period)
        if decided.outcome == "retrain":
            reserve_slot.reserve_slot(open_project(USE_CASE), period)
            version = register(another(USE_CASE, period), period)
            found = promoted(version, actor="a test")
            training = {"version": version, "promotion": {"promoted": found.promoted, "reason": found.reason}}
            assert (
                outcome.record_training_outcome(
                    open_project(USE_CASE), period, f"drift__{period}", state="success", **training
                ).outcome
                == "promoted"
            )
        return decided

    return retrained


def scored(period: Period, **given) -> str:
    """Scored and measured; by which version."""
    score.score_period(open_project(USE_CASE), period, **given)
    return monitor.monitor_period(open_project(USE_CASE), period).version


def trained(decisions: dict[Period, decide.DecideResult]) -> list[Period]:
    return [period for period, each in decisions.items() if each.outcome == "retrain"]


def test_day_by_day_each_version_asks_for_the_next_one(retrain):
    versions, decided = {}, {}
    for period in DAYS:
        versions[period], decided[period] = scored(period), retrain(period)
    assert trained(decided) == [DAYS[2], DAYS[4], DAYS[6]]
    assert [*versions.values()] == ["1", "1", "1", "2", "2", "3", "3"]
    assert [each.model_version for each in decided.values()] == [*versions.values()]


def test_one_dag_after_the_other_a_version_that_was_replaced_asks_for_nothing_more(retrain):
    """All days are scored and measured before the first is decided: version 1 is champion in all of them."""
    assert {scored(period) for period in DAYS} == {"1"}
    decided = {period: retrain(period) for period in DAYS}
    assert trained(decided) == [DAYS[2]]
    for period in DAYS[3:]:
        assert f"Version 1 scored {period}, and version 2 has been champion since {DAYS[2]}." in decided[period].reason


def test_days_that_are_scored_again_by_the_new_version_count_again(retrain):
    for period in DAYS:
        scored(period)
    decided = {period: retrain(period) for period in DAYS[:3]}
    assert {scored(period, rescore=True) for period in DAYS[3:]} == {"2"}
    decided |= {period: retrain(period) for period in DAYS[3:5]}
    assert trained(decided) == [DAYS[2], DAYS[4]]
