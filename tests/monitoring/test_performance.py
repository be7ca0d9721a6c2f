"""Degradation compared with the test days."""

import numpy as np
import pytest

from include.declaration.monitoring import BaselineLimit, Monitoring, PerformanceLimit
from include.declaration.period import Period
from include.model import autocorrelation, expected_performance, intervals, metrics
from include.model.trainer import TrainingRows
from include.monitoring import performance
from include.monitoring.performance import LabelledPredictions
from include.use_case import Binary, DecisionCosts

TASK = Binary(costs=DecisionCosts(false_negative=3, false_positive=1, unit="points"))
LIMITS = Monitoring(
    performance=(PerformanceLimit("log_loss", 0.02, reference=None), PerformanceLimit("auc", 0.05, reference=None)),
    baselines=(),
)


def outcomes(periods: int, seed: int, noise: float = 0.0, rows: int = 300) -> LabelledPredictions:
    """Chances that are said as they are, or with noise added to their logit."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 1, periods * rows)
    labels = (rng.random(periods * rows) < 1 / (1 + np.exp(-logit))).astype(float)
    said = 1 / (1 + np.exp(-(logit + noise * rng.normal(size=periods * rows))))
    period = np.repeat(np.arange(periods), rows) + np.datetime64(Period("2020-03-01").start_date)
    return LabelledPredictions(
        period.astype("datetime64[D]"), labels, {"model": said, "prior": np.full(periods * rows, 0.3)}
    )


def expected_values(seed: int = 1):
    test = outcomes(28, seed)
    return expected_of(test)


def worse(now: LabelledPredictions, monitoring: Monitoring = LIMITS, than=None):
    found = performance.judge_window(now, expected_values() if than is None else than, monitoring, TASK)
    return {each.metric: each for each in found}


def test_a_model_as_good_as_on_its_test_days_breaks_nothing():
    found = worse(outcomes(14, 2))
    assert found["degradation/log_loss"].breached is False and found["degradation/auc"].breached is False
    assert (
        found["degradation/log_loss"].lower < found["degradation/log_loss"].value < found["degradation/log_loss"].upper
    )


def test_a_model_that_has_become_worse_breaks_its_limits_in_the_direction_of_each_metric():
    found = worse(outcomes(14, 2, noise=3))
    assert found["degradation/log_loss"].value > 0 and found["degradation/log_loss"].breached
    assert found["degradation/auc"].value > 0 and found["degradation/auc"].breached  # AUC has fallen
    assert found["degradation/brier"].value > 0 and found["degradation/brier"].breached is None  # no limit is declared


def test_a_better_model_breaks_nothing_however_sure_that_is():
    found = worse(outcomes(14, 2), than=expected_of(outcomes(28, 3, noise=3)))
    assert found["degradation/log_loss"].upper < 0 and found["degradation/log_loss"].breached is False
    assert found["degradation/auc"].upper < 0


def expected_of(test: LabelledPredictions):
    rows = TrainingRows(None, test.labels, test.periods)  # type: ignore[arg-type]
    return {
        subject: expected_performance.expected_metrics(rows, said, TASK) for subject, said in test.predicted.items()
    }


def test_the_difference_and_its_bounds_are_welchs_with_the_autocorrelation_of_both_spans():
    now, then = outcomes(14, 2, noise=0.5), expected_values()["model"]["log_loss"]
    by_day = intervals.rates_by_period(now.periods, now.labels, now.predicted["model"], TASK)["log_loss"]
    error, freedom = autocorrelation.precision_of_difference(by_day, np.array(then.by_day))
    found = worse(now)["degradation/log_loss"]
    value = metrics.compute_metric("log_loss", now.labels, now.predicted["model"], TASK) - then.value
    assert found.value == pytest.approx(value)
    import scipy.stats

    assert found.value - found.lower == pytest.approx(scipy.stats.t.ppf(0.95, freedom) * error)


def test_days_that_are_harder_for_everybody_are_no_loss_of_skill():
    """The base rate of the days moves from a quarter to near a half: the constant prior loses as much."""
    rng = np.random.default_rng(3)
    test = outcomes(28, 1)
    drawn = {"labels": (rng.random(14 * 300) < 0.5).astype(float), "said": np.full(14 * 300, 0.3)}
    periods = outcomes(14, 2).periods
    hard = LabelledPredictions(periods, drawn["labels"], {"model": drawn["said"] * 0.99, "prior": drawn["said"]})
    lead = LabelledPredictions(
        test.periods, test.labels, {"model": np.full(28 * 300, 0.3) * 0.99, "prior": np.full(28 * 300, 0.3)}
    )
    limits = Monitoring(
        performance=(PerformanceLimit("log_loss", 0.02, reference=None), PerformanceLimit("log_loss", 0.02)),
        baselines=(),
    )
    found = worse(hard, limits, than=expected_of(lead))
    assert found["degradation/log_loss"].breached is True, "the metric itself cannot tell hard days from decay"
    assert found["skill_loss/log_loss"].breached is False
    assert found["skill_loss/log_loss"].subject == "prior"


def test_a_lost_lead_is_found_though_the_days_have_become_easier():
    easy = outcomes(14, 2)
    labels = np.zeros_like(easy.labels)  # nothing happens any more: everybody's loss falls
    said = {"model": np.full(len(labels), 0.2), "prior": np.full(len(labels), 0.1)}
    limits = Monitoring(
        performance=(PerformanceLimit("log_loss", 0.02, reference=None), PerformanceLimit("log_loss", 0.02)),
        baselines=(),
    )
    found = worse(LabelledPredictions(easy.periods, labels, said), limits)
    assert found["degradation/log_loss"].value < 0 and found["degradation/log_loss"].breached is False
    assert found["skill_loss/log_loss"].value > 0.02 and found["skill_loss/log_loss"].breached is True


def test_a_model_four_times_as_bad_as_its_own_baseline_is_a_breach_whatever_its_test_days_showed():
    now = outcomes(14, 2)
    good = now.predicted["model"]
    swapped = LabelledPredictions(now.periods, now.labels, {"model": np.clip(1 - good, 0.02, 0.98), "logistic": good})
    limits = Monitoring(performance=(), baselines=(BaselineLimit("logistic", max_degradation=0),))
    found = {
        (each.metric, each.subject): each for each in performance.judge_window(swapped, {"model": {}}, limits, TASK)
    }
    behind = found["worse_than_baseline/log_loss", "logistic"]
    assert behind.breached is True and behind.value > 0.5 and behind.lower > 0
    turned = LabelledPredictions(now.periods, now.labels, {"model": good, "logistic": np.clip(1 - good, 0.02, 0.98)})
    (better,) = performance.judge_window(turned, {"model": {}}, limits, TASK)[-1:]
    assert better.breached is False and better.value < 0


def test_more_confidence_makes_it_harder_to_breach():
    sure = Monitoring(performance=(PerformanceLimit("log_loss", 0.0, reference=None, confidence=0.999),))
    bold = Monitoring(performance=(PerformanceLimit("log_loss", 0.0, reference=None, confidence=0.6),))
    now = outcomes(14, 5, noise=0.6)
    assert (worse(now, sure)["degradation/log_loss"].breached, worse(now, bold)["degradation/log_loss"].breached) == (
        False,
        True,
    )


def test_few_days_are_not_judged_and_the_state_says_how_many_there_are():
    found = worse(outcomes(6, 2, noise=3))["degradation/log_loss"]
    assert found.value > 0.02 and found.breached is None
    assert found.missing_reason == (
        "Only 6 days with labels in the window since the version was trained; 7 are needed to judge."
    )
    assert worse(outcomes(7, 2, noise=3))["degradation/log_loss"].breached is True


@pytest.mark.parametrize(("window", "test", "said"), [(2, 28, "Only 2 days with labels"), (14, 2, "Only 2 test days")])
def test_too_few_days_to_be_sure_are_called_too_few(window, test, said):
    least = Monitoring(min_periods=2, performance=LIMITS.performance, baselines=())
    for found in worse(outcomes(window, 2), least, than=expected_of(outcomes(test, 3))).values():
        assert found.breached is None and (found.limit is None or said in found.missing_reason), found
        assert "each single day" not in found.missing_reason


def test_one_class_leaves_auc_undefined_and_judges_the_rest():
    now = outcomes(14, 2)
    quiet = LabelledPredictions(now.periods, np.zeros_like(now.labels), now.predicted)
    found = worse(quiet)
    assert (
        found["degradation/auc"].breached is None
        and "not defined in the window" in found["degradation/auc"].missing_reason
    )
    assert found["degradation/log_loss"].breached is not None


def test_without_expected_values_nothing_is_judged():
    found = worse(outcomes(14, 2), than={"model": {}})
    assert all(each.value is None and "test periods" in each.missing_reason for each in found.values())


def test_a_day_has_every_metric_of_every_subject_and_its_rows():
    period = outcomes(1, 4)
    found = {(each.metric, each.subject): each.value for each in performance.period_performance(period, 310, 300, TASK)}
    assert found["rows", "model"] == 310 and found["labelled_rows", "prior"] == 300
    assert found["auc", "prior"] == 0.5
    assert found["brier", "model"] == pytest.approx(np.mean((period.predicted["model"] - period.labels) ** 2))


def test_a_day_without_labels_has_states_for_its_metrics():
    none = LabelledPredictions(np.empty(0, "datetime64[D]"), np.empty(0), {"model": np.empty(0)})
    found = {each.metric: each for each in performance.period_performance(none, 200, 0, TASK)}
    assert (found["rows"].value, found["labelled_rows"].value) == (200, 0)
    assert found["log_loss"].value is None and found["log_loss"].missing_reason == "No row of the period has a label."


def test_a_window_says_over_how_many_days_it_goes():
    found = {(each.metric, each.subject): each for each in performance.window_performance(outcomes(9, 4), TASK)}
    assert found["window/auc", "model"].periods == 9
    assert found["window/auc", "model"].lower < found["window/auc", "model"].value < found["window/auc", "model"].upper
    assert found["window/rows", "model"].value == 2700 and found["window/rows", "model"].lower is None


def test_what_cannot_be_measured_is_reported_for_every_metric_with_a_limit():
    found = performance.unknown_rows("No row is known.", LIMITS)
    assert [(each.metric, each.missing_reason, each.limit) for each in found] == [
        ("degradation/log_loss", "No row is known.", 0.02),
        ("degradation/auc", "No row is known.", 0.05),
    ]
