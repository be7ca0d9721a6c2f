"""Decisions by the policy: a signal must last, and the limits hold for any breach."""

import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.declaration.monitoring import Retraining
from include.declaration.period import Period
from include.retraining import policy as retraining_policy
from include.retraining import signals
from include.retraining.policy import CurrentChampion, PastDecision
from include.retraining.signals import MeasuredPeriod, SignalValue
from tests.retraining.test_signals import row

DAY = Period("2020-03-15")
POLICY = Retraining(
    signals=("performance",),
    breaches=2,
    of_periods=3,
    cool_down_periods=10,
    per_month=2,
    backoff_factor=2,
    max_cool_down_periods=30,
)


def decide(policy, period, measured, decided, claimed=()) -> retraining_policy.RetrainingDecision:
    """Where the version that was measured is champion."""
    champion = next(
        (CurrentChampion(each.version, period) for each in measured if each.period == period and each.version), None
    )
    return retraining_policy.decide_by_policy(policy, period, measured, decided, champion, claimed)


def ago(periods: int) -> Period:
    return DAY - periods


def periods(*broke: bool | None, version: str = "1") -> list[MeasuredPeriod]:
    """Measures of the days up to DAY, the newest last."""
    return [
        MeasuredPeriod(
            ago(len(broke) - 1 - n),
            version,
            {"performance": SignalValue(each, 0.03, 0.02, "degradation/log_loss", "reason")},
        )
        for n, each in enumerate(broke)
    ]


def trained(back: int, result: str | None = "promoted") -> PastDecision:
    return PastDecision(ago(back), "retrain", result)


def test_a_signal_that_broke_on_enough_days_and_on_the_newest_asks_for_a_training():
    decision = decide(POLICY, DAY, periods(True, False, True), [])
    assert decision.outcome == "retrain"
    assert decision.reason == (
        "Performance triggers a training: it breached its limit on 2020-03-15 (degradation/log_loss 0.03, limit 0.02)"
        " and on 2 of the last"
        " 3 measured days of version 1."
    )


@pytest.mark.parametrize("broke", [(True, True, False), (False, False, True), (True,), (False, False, False)])
def test_a_signal_that_is_over_or_too_short_asks_for_none(broke):
    decision = decide(POLICY, DAY, periods(*broke), [])
    assert decision.outcome == "hold"
    assert decision.reason.startswith("No signal triggers a training.")


def test_only_the_last_measured_days_count():
    assert decide(POLICY, DAY, periods(True, False, False, True), []).outcome == "hold"


def test_a_day_that_was_not_judged_counts_neither_as_a_breach_nor_as_quiet():
    assert decide(POLICY, DAY, periods(True, None, None, True), []).outcome == "retrain"
    assert decide(POLICY, DAY, periods(False, None, None, True), []).outcome == "hold"
    decision = decide(POLICY, DAY, periods(True, True, True, None), [])
    assert decision.outcome == "hold"
    assert f"Performance was not judged on {DAY}: reason." in decision.reason


def test_a_gap_is_neither_and_before_a_long_one_nothing_counts():
    old, new = periods(True, True, True)[0], periods(True)[0]
    assert decide(POLICY, DAY, [old, new], []).outcome == "retrain"
    long_ago = MeasuredPeriod(ago(POLICY.look_back_periods), "1", old.signals)
    assert decide(POLICY, DAY, [long_ago, new], []).outcome == "hold"


def test_days_of_another_version_do_not_count():
    before = [*periods(True, True, True, version="1")[:2], *periods(True, version="2")]
    assert decide(POLICY, DAY, before, []).outcome == "hold"


def test_a_version_that_is_no_longer_champion_triggers_no_training():
    since = ago(3)
    decision = retraining_policy.decide_by_policy(
        POLICY, DAY, periods(True, True, True), [], CurrentChampion("2", since)
    )
    assert (decision.outcome, decision.model_version) == ("hold", "1")
    assert (
        "But no training is triggered: Version 1 scored 2020-03-15, and version 2 has been champion since 2020-03-12."
        in (decision.reason)
    )
    assert (
        retraining_policy.decide_by_policy(
            POLICY, DAY, periods(True, True, True), [], CurrentChampion("1", since)
        ).outcome
        == "retrain"
    )
    without_champion = retraining_policy.decide_by_policy(POLICY, DAY, periods(True, True, True), [], None)
    assert without_champion.reason.endswith(f"Version 1 scored {DAY}, but no version is its champion.")


def test_a_day_that_no_one_measured_or_scored_holds_and_says_so():
    assert "it was not measured" in decide(POLICY, DAY, periods(True, True, True)[:2], []).reason
    unscored = [
        *periods(True, True, True)[:2],
        MeasuredPeriod(DAY, None, missing_reason="no predictions of 2020-03-15."),
    ]
    decision = decide(POLICY, DAY, unscored, [])
    assert (decision.outcome, decision.model_version) == ("hold", None)
    assert decision.reason == "Nothing can be judged on 2020-03-15: no predictions of 2020-03-15."


def test_a_policy_without_signals_never_trains():
    decision = decide(Retraining(signals=()), DAY, periods(True, True, True), [])
    assert (decision.outcome, decision.signals) == ("hold", ())


@pytest.mark.parametrize(("back", "outcome"), [(9, "hold"), (10, "retrain")])
def test_the_cool_down_is_over_on_the_day_that_the_reason_names(back, outcome):
    decision = decide(POLICY, DAY, periods(True, True, True), [trained(back)])
    assert decision.outcome == outcome
    free = ago(back) + 10
    assert (f"The cool-down after the retraining of {ago(back)} lasts until {free}" in decision.reason) == (back == 9)


@pytest.mark.parametrize(
    ("results", "length"),
    [
        (["promoted"], 10),
        (["rejected"], 20),
        (["not promoted"], 20),
        (["rejected", "not promoted"], 30),
        (["rejected"] * 50, 30),
        (["rejected", "promoted"], 10),
        (["promoted", "rejected"], 20),
        (["failed"], 10),
        (["not started"], 10),
        (["rejected", "failed"], 20),
        ([None], 10),
    ],
)
def test_each_challenger_in_a_row_that_did_not_convince_makes_the_cool_down_longer(results, length):
    """The newest result is the last."""
    decided = [trained(100 * (len(results) - n), result) for n, result in enumerate(results)]
    assert retraining_policy.cool_down(POLICY, decided)[0] == length


@pytest.mark.parametrize("result", ["failed", "not started"])
def test_a_training_that_came_to_nothing_starts_the_cool_down_all_the_same(result):
    """It can be cleared and made up for; a new one each day would spend the budget on the same mishap."""
    assert f"The cool-down after the retraining of {ago(9)} lasts" in (
        decide(POLICY, DAY, periods(True, True, True), [trained(9, result)]).reason
    )
    assert decide(POLICY, DAY, periods(True, True, True), [trained(10, result)]).outcome == "retrain"


def test_the_reason_says_why_the_cool_down_is_longer():
    decision = decide(POLICY, DAY, periods(True, True, True), [trained(15, "rejected")])
    assert "until 2020-03-20 (20 days, longer because the last challenger was not promoted)" in decision.reason


def test_the_budget_is_of_the_calendar_month_and_counts_claims_without_a_decision():
    assert (
        "The budget of 2020-03 is spent" in decide(POLICY, DAY, periods(True, True, True), [], {ago(1), ago(2)}).reason
    )
    assert decide(POLICY, DAY, periods(True, True, True), [], {ago(1), ago(20)}).outcome == "retrain"
    assert decide(POLICY, DAY, periods(True, True, True), [trained(12)], {ago(12)}).outcome == "retrain"
    assert decide(POLICY, DAY, periods(True, True, True), [trained(12)], {ago(13)}).outcome == "hold"


def test_its_own_claim_is_nothing_against_a_day():
    assert decide(POLICY, DAY, periods(True, True, True), [], {DAY, ago(1)}).outcome == "retrain"


def test_a_training_whose_outcome_is_not_known_holds():
    decision = decide(POLICY, DAY, periods(True, True, True), [trained(20, None)])
    assert decision.outcome == "hold"
    assert f"The outcome of the retraining of {ago(20)} is not recorded yet." in decision.reason
    assert (
        decide(POLICY, DAY, periods(True, True, True), [trained(POLICY.decision_lookback_periods + 1, None)]).outcome
        == "retrain"
    )


def test_a_later_decision_holds_since_decisions_are_made_in_order():
    decision = decide(POLICY, DAY, periods(True, True, True), [PastDecision(DAY + 3, "hold")])
    assert decision.outcome == "hold"
    assert "The later day 2020-03-18 is decided already" in decision.reason


def test_measures_and_outcomes_of_later_days_change_nothing():
    before = decide(POLICY, DAY, periods(True, True, True), [trained(12)])
    later = MeasuredPeriod(DAY + 1, "1", {"performance": SignalValue(False)})
    assert decide(POLICY, DAY, [later, *reversed(periods(True, True, True))], [trained(12)]) == before


def about(measured: MeasuredPeriod, periods: int) -> SignalValue:
    """Its performance as judged on labels of that many days before."""
    return replace(measured.signals["performance"], measured_period=measured.period - periods)


@pytest.mark.parametrize(
    ("broke", "said"),
    [
        (
            False,
            "Performance did not breach its limit (degradation/log_loss 0.03, limit 0.02, judged up to 2020-03-07).",
        ),
        (
            True,
            "it breached its limit on 2020-03-15 (degradation/log_loss 0.03, limit 0.02, judged up to 2020-03-07)",
        ),
    ],
)
def test_the_reason_names_the_last_day_that_performance_was_judged_on(broke, said):
    measured = [replace(each, signals={"performance": about(each, 8)}) for each in periods(broke, broke, broke)]
    assert said in decide(POLICY, DAY, measured, []).reason
    today = [replace(each, signals={"performance": about(each, 0)}) for each in periods(broke, broke, broke)]
    assert "judged up to" not in decide(POLICY, DAY, today, []).reason


def test_what_a_decision_rests_on_is_kept_with_every_signal():
    measured = [replace(each, signals={"performance": about(each, 8)}) for each in periods(True, False, True)]
    kept = json.loads(decide(POLICY, DAY, measured, []).signals_json())
    assert kept == [
        {
            "signal": "performance", "breached": True, "breaches": 2, "measured": 3, "of_periods": 3, "value": 0.03,
            "limit": 0.02, "lower": None, "triggers": True, "metric": "degradation/log_loss",
            "missing_reason": "reason", "measured_period": "2020-03-07",
        }
    ]  # fmt: skip


def test_twenty_breaches_in_a_row_make_one_training():
    policy = Retraining(cool_down_periods=28, signals=("performance",))
    made = walk(policy, [True] * 20, ["promoted"] * 20)
    assert len(made) == 1


def walk(policy: Retraining, broke: list[bool | None], results: list[str | None]) -> list[Period]:
    """The days on which a policy trains, where every training ends as `results` say."""
    measured = [MeasuredPeriod(DAY + n, "1", {"performance": SignalValue(each)}) for n, each in enumerate(broke)]
    decided: list[PastDecision] = []
    for today in measured:
        outcome = decide(policy, today.period, measured, decided).outcome
        made = sum(each.outcome == "retrain" for each in decided)
        decided.append(PastDecision(today.period, outcome, results[made] if outcome == "retrain" else None))
    return [each.period for each in decided if each.outcome == "retrain"]


@given(
    broke=st.lists(st.sampled_from([True, True, True, False, None]), max_size=150),
    results=st.lists(
        st.sampled_from(["promoted", "rejected", "not promoted", "failed", "not started", None]),
        min_size=150,
        max_size=150,
    ),
    of_periods=st.integers(1, 6),
    cool_down=st.integers(1, 30),
    per_month=st.integers(0, 4),
    backoff_factor=st.floats(1, 10),
)
def test_whatever_breaks_no_policy_trains_more_often_than_it_says(
    broke, results, of_periods, cool_down, per_month, backoff_factor
):
    policy = Retraining(
        signals=("performance",),
        breaches=min(2, of_periods),
        of_periods=of_periods,
        cool_down_periods=cool_down,
        per_month=per_month,
        backoff_factor=backoff_factor,
        max_cool_down_periods=60,
    )
    made = walk(policy, broke, results)
    assert all(later - earlier >= cool_down for earlier, later in itertools.pairwise(made))
    months = [(period.start_date.year, period.start_date.month) for period in made]
    assert all(months.count(month) <= per_month for month in months)
    for earlier, later, result in zip(made, made[1:], results, strict=False):
        if result in ("rejected", "not promoted"):
            assert later - earlier >= int(min(cool_down * backoff_factor, 60))


# -- what must be decided first


def test_a_day_needs_the_decision_of_the_day_before_unless_the_chain_begins():
    assert retraining_policy.missing_decision(POLICY, DAY, set()) is None
    assert retraining_policy.missing_decision(POLICY, DAY, {ago(1)}) is None
    assert retraining_policy.missing_decision(POLICY, DAY, {ago(2)}) == ago(1)
    assert retraining_policy.missing_decision(POLICY, DAY, {ago(POLICY.decision_lookback_periods)}) == ago(1)
    assert retraining_policy.missing_decision(POLICY, DAY, {ago(POLICY.decision_lookback_periods + 1)}) is None


def test_a_lost_lead_over_a_baseline_is_performance_and_the_bound_that_broke_is_in_the_reason():
    rows = [row("skill_loss/log_loss", "prior", True), row("worse_than_baseline/log_loss", "logistic", False)]
    policy = Retraining(signals=("performance", "worse_than_baseline"), breaches=1, of_periods=1)
    found = decide(policy, DAY, [signals.signals_of(DAY, rows)], [])
    assert found.retrain
    shown = "it breached its limit on 2020-03-15 (skill_loss/log_loss against the prior 2, lower bound 1.5, limit 1,"
    assert shown in found.reason and "Worse than baseline did not breach its limit" in found.reason


def test_a_training_of_the_same_month_of_another_year_costs_nothing_of_the_budget():
    """The memory of a policy may be longer than a year."""
    policy = replace(POLICY, per_month=1, max_cool_down_periods=500, backoff_factor=1.0)
    earlier = [
        PastDecision(Period.from_date(DAY.start_date.replace(year=DAY.start_date.year - 1)), "retrain", "promoted")
    ]
    assert decide(policy, DAY, periods(True, True, True), earlier).retrain
    same = [PastDecision(Period.from_date(DAY.start_date.replace(day=1)), "retrain", "promoted")]
    assert not decide(replace(policy, cool_down_periods=1), DAY, periods(True, True, True), same).retrain
