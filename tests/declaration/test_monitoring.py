"""Wrong declarations of monitoring, retraining and alerts are refused, with what to write instead."""

from datetime import timedelta

import pytest

from include.declaration.monitoring import SIGNALS, Alerts, BaselineLimit, Monitoring, PerformanceLimit, Retraining


@pytest.mark.parametrize(
    ("metric", "arguments", "said"),
    [
        ("accuracy", {"max_degradation": 0.1}, "'accuracy'.*must be one of .*log_loss"),
        ("log_loss", {"max_degradation": -0.1}, "at least 0"),
        ("log_loss", {}, "exactly one of max_degradation .* and false_alarms_per_year"),
        ("log_loss", {"max_degradation": 0.1, "false_alarms_per_year": 1}, "exactly one of"),
        ("log_loss", {"false_alarms_per_year": 0}, "between 0.1 and 6"),
        ("log_loss", {"max_degradation": 0.1, "reference": "mean"}, r"one of \['prior', 'logistic'\]"),
        ("log_loss", {"max_degradation": 0.1, "confidence": 0.4}, "at least 0.5"),
        ("log_loss", {"max_degradation": 0.1, "confidence": 1}, "below 1"),
    ],
)
def test_a_limit_of_performance_that_cannot_be_meant_is_refused(metric, arguments, said):
    with pytest.raises(ValueError, match=said):
        PerformanceLimit(metric, **arguments)


def test_by_default_skill_against_the_prior_is_judged_at_one_false_alarm_a_year():
    (limit,) = Monitoring().performance
    assert (limit.reference, limit.false_alarms_per_year, limit.max_degradation) == ("prior", 1, None)
    assert [each.baseline for each in Monitoring().baselines] == ["prior", "logistic"]


@pytest.mark.parametrize(("baseline", "limits"), [("mean", {"max_degradation": 0.1}), ("prior", {})])
def test_a_limit_against_a_baseline_that_cannot_be_meant_is_refused(baseline, limits):
    with pytest.raises(ValueError, match="BaselineLimit"):
        BaselineLimit(baseline, **limits)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"drift_false_alarms_per_year": 50}, "between 0.1 and 6"),
        ({"min_periods": 1}, "min_periods must be at least 2"),
        ({"min_periods": 15, "window_periods": 14}, "at most window_periods"),
        ({"drift_quantile": 0}, "above 0 and at most 1"),
        ({"drift_quantile": 1.1}, "above 0 and at most 1"),
        *(
            ({name: 0}, "above 0")
            for name in ("drift_factor", "feature_psi", "volume_change", "max_age_periods", "max_slowdown")
        ),
        *(({name: -1}, "at least 0") for name in ("max_null_increase", "max_unseen_share", "stale_periods")),
        (
            {"performance": (PerformanceLimit("auc", 0.1), PerformanceLimit("auc", 0.2))},
            "a metric may have only one limit",
        ),
    ],
)
def test_monitoring_that_cannot_be_meant_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Monitoring(**wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"signals": ("drift",)}, r"\['drift'\] are not among \['performance'"),
        ({"signals": ("p", "e")}, "are not among"),
        ({"signals": ("performance", "performance")}, "named twice"),
        ({"breaches": 0}, "breaches must be at least 1"),
        ({"breaches": 6, "of_periods": 5}, "at most of_periods"),
        ({"cool_down_periods": 0}, "cool_down_periods must be at least 1"),
        ({"per_month": -1}, "per_month must be at least 0"),
        ({"backoff_factor": 0.5}, "backoff_factor must be at least 1"),
        ({"max_cool_down_periods": 13}, "at least cool_down_periods"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Retraining(**wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"email_to": ("ann",)}, r"\['ann'\] are not e-mail addresses"),
        ({"email_from": "nobody"}, r"\['nobody'\]"),
        ({"deadline": timedelta()}, "deadline must be above 0"),
    ],
)
def test_alerts_that_cannot_be_meant_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Alerts(**wrong)


def test_a_policy_says_in_words_what_it_does():
    rules = " ".join(Retraining(breaches=3, of_periods=5, cool_down_periods=14, per_month=2).rules())
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
    assert policy.rules() == ["No training is ever triggered."]


def test_a_decision_remembers_as_far_back_as_any_of_its_rules_looks():
    assert Retraining(max_cool_down_periods=56).decision_lookback_periods == 56
    assert Retraining(of_periods=30, breaches=1).decision_lookback_periods == 90
    assert Retraining(max_cool_down_periods=14).decision_lookback_periods == 31, "the budget is of a month"


def test_every_signal_can_be_named_alone():
    assert [Retraining(signals=[signal]).signals for signal in SIGNALS] == [(signal,) for signal in SIGNALS]
