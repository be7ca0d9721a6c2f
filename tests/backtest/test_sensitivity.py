"""Variations of a policy: each differs in one setting and is a valid policy."""

from __future__ import annotations

from dataclasses import fields, replace

from include.backtest import sensitivity
from include.declaration.monitoring import Monitoring, PerformanceLimit, Retraining


def differing(one: object, other: object) -> set[str]:
    return {each.name for each in fields(one) if getattr(one, each.name) != getattr(other, each.name)}  # type: ignore[arg-type]


def test_each_neighbour_differs_in_what_its_name_says():
    monitoring, retraining = Monitoring(), Retraining()
    follow = {"min_periods", "max_cool_down_periods"}
    for name, (other, policy) in sensitivity.policy_variations(monitoring, retraining).items():
        changed = (differing(monitoring, other) | differing(retraining, policy)) - follow
        assert len(changed) == 1, name
        first = name.split()[0]
        named = {"without": "signals", "with": "signals", "false_alarms_per_year": "performance"}.get(first, first)
        assert changed == {named}


def test_a_signal_that_is_not_declared_is_tried_and_one_that_is_left_out():
    found = sensitivity.policy_variations(Monitoring(), Retraining(signals=("performance", "model_age")))
    assert found["with weighted_drift"][1].signals == ("performance", "model_age", "weighted_drift")
    assert found["without model_age"][1].signals == ("performance",)
    assert "with performance" not in found


def test_the_declared_policy_is_not_its_own_neighbour_and_what_cannot_be_is_left_out():
    found = sensitivity.policy_variations(Monitoring(), Retraining(breaches=3, of_periods=3))
    assert "cool_down_periods 14" not in found
    assert "breaches 3" not in found
    assert "breaches 5" not in found
    assert "of_periods 3" not in found
    assert "breaches 2" in found


def test_a_limit_of_each_metric_is_moved_together():
    limits = (PerformanceLimit("log_loss", max_degradation=0.02), PerformanceLimit("auc", max_degradation=0.04))
    moved, _ = sensitivity.policy_variations(Monitoring(performance=limits), Retraining())["max_degradation 0.05"]
    assert moved.performance == tuple(replace(limit, max_degradation=0.05) for limit in limits)


def test_a_declared_rate_is_varied_as_a_rate():
    found = sensitivity.policy_variations(Monitoring(), Retraining())
    assert not any(name.startswith("max_degradation") for name in found)
    moved, _ = found["false_alarms_per_year 4"]
    assert [limit.false_alarms_per_year for limit in moved.performance] == [4.0]
