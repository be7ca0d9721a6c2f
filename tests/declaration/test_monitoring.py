"""Wrong declarations of monitoring, retraining and alerts are refused, with what to write instead."""

from datetime import timedelta

import pytest

from include.declaration.monitoring import SIGNALS, Alerts, BaselineLimit, Monitoring, PerformanceLimit, Retraining
from include.declaration.period import DAY
from tests.refusals import invalid


@pytest.mark.parametrize(
    ("metric", "arguments", "path"),
    [
        ("accuracy", {"max_degradation": 0.1}, "metric"),
        ("log_loss", {"max_degradation": -0.1}, "max_degradation"),
        ("log_loss", {}, ""),
        ("log_loss", {"max_degradation": 0.1, "false_alarms_per_year": 1}, ""),
        ("log_loss", {"false_alarms_per_year": 0}, "false_alarms_per_year"),
        ("log_loss", {"max_degradation": 0.1, "reference": "average"}, "reference"),
        ("log_loss", {"max_degradation": 0.1, "confidence": 0.4}, "confidence"),
        ("log_loss", {"max_degradation": 0.1, "confidence": 1}, "confidence"),
    ],
)
def test_a_limit_of_performance_that_cannot_be_meant_is_refused(metric, arguments, path):
    with invalid(path):
        PerformanceLimit(metric, **arguments)


def test_by_default_skill_against_the_prior_is_judged_at_one_false_alarm_a_year():
    (limit,) = Monitoring().performance
    assert (limit.reference, limit.false_alarms_per_year, limit.max_degradation) == ("prior", 1, None)
    assert [each.baseline for each in Monitoring().baselines] == ["prior", "logistic"]


@pytest.mark.parametrize(
    ("baseline", "limits", "path"), [("average", {"max_degradation": 0.1}, "baseline"), ("prior", {}, "")]
)
def test_a_limit_against_a_baseline_that_cannot_be_meant_is_refused(baseline, limits, path):
    with invalid(path):
        BaselineLimit(baseline, **limits)


@pytest.mark.parametrize(
    ("wrong", "paths"),
    [
        ({"drift_false_alarms_per_year": 50}, ["drift_false_alarms_per_year"]),
        ({"min_periods": 1}, ["min_periods"]),
        ({"min_periods": 15, "window_periods": 14}, ["min_periods"]),
        ({"drift_quantile": 0}, ["drift_quantile"]),
        ({"drift_quantile": 1.1}, ["drift_quantile"]),
        *(
            ({name: 0}, [name])
            for name in ("drift_factor", "feature_psi", "volume_change", "max_age_periods", "max_slowdown")
        ),
        *(({name: -1}, [name]) for name in ("max_null_increase", "max_unseen_share", "stale_periods")),
        (
            {"performance": (PerformanceLimit("auc", 0.1), PerformanceLimit("auc", 0.2))},
            [""],
        ),
    ],
)
def test_monitoring_that_cannot_be_meant_is_refused(wrong, paths):
    with invalid(*paths):
        Monitoring(**wrong)


@pytest.mark.parametrize(
    ("wrong", "paths"),
    [
        ({"signals": ("drift",)}, ["signals"]),
        ({"signals": ("p", "e")}, ["signals"]),
        ({"signals": ("performance", "performance")}, ["signals"]),
        ({"breaches": 0}, ["breaches"]),
        ({"breaches": 6, "of_periods": 5}, ["breaches"]),
        ({"cool_down_periods": 0}, ["cool_down_periods"]),
        ({"per_month": -1}, ["per_month"]),
        ({"backoff_factor": 0.5}, ["backoff_factor"]),
        ({"max_cool_down_periods": 13}, ["max_cool_down_periods"]),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(wrong, paths):
    with invalid(*paths):
        Retraining(**wrong)


@pytest.mark.parametrize(
    ("wrong", "paths"),
    [
        ({"email_to": ("ann",)}, [""]),
        ({"email_from": "no-one"}, [""]),
        ({"deadline": timedelta()}, ["deadline"]),
    ],
)
def test_alerts_that_cannot_be_meant_are_refused(wrong, paths):
    with invalid(*paths):
        Alerts(**wrong)


def test_a_policy_says_in_words_what_it_does():
    rules = " ".join(Retraining(breaches=3, of_periods=5, cool_down_periods=14, per_month=2).rules(DAY))
    for part in (
        "performance, worse than baseline, weighted drift",
        "3 or more of the last 5",
        "at least 14 days",
        "At most 2 trainings",
    ):
        assert part in rules
    assert "also after one that failed or did not start" in rules


@pytest.mark.parametrize("policy", [Retraining(signals=()), Retraining(per_month=0)])
def test_a_policy_that_never_trains_says_so(policy):
    assert policy.rules(DAY) == ["No training is ever triggered."]


def test_a_decision_remembers_as_far_back_as_any_of_its_rules_looks():
    assert Retraining(max_cool_down_periods=56).decision_lookback_periods == 56
    assert Retraining(of_periods=30, breaches=1).decision_lookback_periods == 90
    assert Retraining(max_cool_down_periods=14).decision_lookback_periods == 31, "the budget is of a month"


def test_every_signal_can_be_named_alone():
    assert [Retraining(signals=[signal]).signals for signal in SIGNALS] == [(signal,) for signal in SIGNALS]
