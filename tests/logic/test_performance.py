"""How much worse than promised."""

from datetime import date

import numpy as np
import pytest

from include.declaration.monitoring import Monitoring, PerformanceLimit
from include.logic import intervals, metrics, performance, profile
from include.logic.fitting import Rows
from include.logic.performance import Outcomes
from include.use_case import Costs

COSTS = Costs(missed=3, false_warning=1, unit="points")
LIMITS = Monitoring(performance=(PerformanceLimit("log_loss", 0.02), PerformanceLimit("auc", 0.05)))


def outcomes(days: int, seed: int, noise: float = 0.0, rows: int = 300) -> Outcomes:
    """Chances that are said as they are, or with noise added to their logit."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 1, days * rows)
    labels = (rng.random(days * rows) < 1 / (1 + np.exp(-logit))).astype(float)
    said = 1 / (1 + np.exp(-(logit + noise * rng.normal(size=days * rows))))
    day = np.repeat(np.arange(days), rows) + np.datetime64(date(2020, 3, 1))
    return Outcomes(day.astype("datetime64[D]"), labels, {"model": said, "prior": np.full(days * rows, 0.3)})


def promise(seed: int = 1):
    test = outcomes(28, seed)
    return profile.promise(Rows(None, test.labels, test.days), test.predicted["model"], COSTS)  # type: ignore[arg-type]


def worse(now: Outcomes, monitoring: Monitoring = LIMITS, than=None):
    found = performance.worse(now, promise() if than is None else than, monitoring, COSTS)
    return {each.metric: each for each in found}


def test_a_model_that_keeps_its_promise_breaks_nothing():
    found = worse(outcomes(14, 2))
    assert found["worse/log_loss"].breached is False and found["worse/auc"].breached is False
    assert found["worse/log_loss"].lower < found["worse/log_loss"].value < found["worse/log_loss"].upper


def test_a_model_that_has_become_worse_breaks_its_limits_in_the_direction_of_each_metric():
    found = worse(outcomes(14, 2, noise=3))
    assert found["worse/log_loss"].value > 0 and found["worse/log_loss"].breached
    assert found["worse/auc"].value > 0 and found["worse/auc"].breached  # AUC has fallen
    assert found["worse/brier"].value > 0 and found["worse/brier"].breached is None  # no limit is declared


def test_a_better_model_breaks_nothing_however_sure_that_is():
    found = worse(outcomes(14, 2), than=promise_of(outcomes(28, 3, noise=3)))
    assert found["worse/log_loss"].upper < 0 and found["worse/log_loss"].breached is False
    assert found["worse/auc"].upper < 0


def promise_of(test: Outcomes):
    return profile.promise(Rows(None, test.labels, test.days), test.predicted["model"], COSTS)  # type: ignore[arg-type]


def test_the_difference_and_its_bounds_are_welchs():
    now, then = outcomes(14, 2, noise=0.5), promise()["log_loss"]
    error = intervals.standard_errors(now.days, now.labels, now.predicted["model"], COSTS)["log_loss"]
    both = np.hypot(error, then.standard_error)
    freedom = both**4 / (error**4 / 13 + then.standard_error**4 / 27)
    found = worse(now)["worse/log_loss"]
    value = metrics.measure("log_loss", now.labels, now.predicted["model"], COSTS) - then.value
    assert found.value == pytest.approx(value)
    import scipy.stats

    assert found.value - found.lower == pytest.approx(scipy.stats.t.ppf(0.95, freedom) * both)


def test_more_confidence_makes_it_harder_to_breach():
    sure = Monitoring(performance=(PerformanceLimit("log_loss", 0.0, confidence=0.999),))
    bold = Monitoring(performance=(PerformanceLimit("log_loss", 0.0, confidence=0.6),))
    now = outcomes(14, 5, noise=0.6)
    assert (worse(now, sure)["worse/log_loss"].breached, worse(now, bold)["worse/log_loss"].breached) == (False, True)


def test_few_days_are_not_judged_and_the_state_says_how_many_there_are():
    found = worse(outcomes(6, 2, noise=3))["worse/log_loss"]
    assert found.value > 0.02 and found.breached is None
    assert found.state == (
        "Only 6 days with labels in the window since the version was trained; 7 are needed to judge."
    )
    assert worse(outcomes(7, 2, noise=3))["worse/log_loss"].breached is True


@pytest.mark.parametrize(("window", "test", "said"), [(2, 28, "Only 2 days with labels"), (14, 2, "Only 2 test days")])
def test_too_few_days_to_be_sure_are_called_too_few(window, test, said):
    least = Monitoring(min_days=2, performance=LIMITS.performance)
    for found in worse(outcomes(window, 2), least, than=promise_of(outcomes(test, 3))).values():
        assert found.breached is None and (found.limit is None or said in found.state), found
        assert "each single day" not in found.state


def test_one_class_leaves_auc_undefined_and_judges_the_rest():
    now = outcomes(14, 2)
    quiet = Outcomes(now.days, np.zeros_like(now.labels), now.predicted)
    found = worse(quiet)
    assert found["worse/auc"].breached is None and "not defined in the window" in found["worse/auc"].state
    assert found["worse/log_loss"].breached is not None


def test_without_a_promise_nothing_is_judged():
    found = worse(outcomes(14, 2), than={})
    assert all(each.value is None and "test days" in each.state for each in found.values())


def test_a_day_has_every_metric_of_every_subject_and_its_rows():
    day = outcomes(1, 4)
    found = {(each.metric, each.subject): each.value for each in performance.of_day(day, 310, 300, COSTS)}
    assert found["rows", "model"] == 310 and found["labelled_rows", "prior"] == 300
    assert found["auc", "prior"] == 0.5
    assert found["brier", "model"] == pytest.approx(np.mean((day.predicted["model"] - day.labels) ** 2))


def test_a_day_without_labels_has_states_for_its_metrics():
    none = Outcomes(np.empty(0, "datetime64[D]"), np.empty(0), {"model": np.empty(0)})
    found = {each.metric: each for each in performance.of_day(none, 200, 0, COSTS)}
    assert (found["rows"].value, found["labelled_rows"].value) == (200, 0)
    assert found["log_loss"].value is None and found["log_loss"].state == "No row of the day has a label."


def test_a_window_says_over_how_many_days_it_goes():
    found = {(each.metric, each.subject): each for each in performance.of_window(outcomes(9, 4), COSTS)}
    assert found["window/auc", "model"].days == 9
    assert found["window/auc", "model"].lower < found["window/auc", "model"].value < found["window/auc", "model"].upper
    assert found["window/rows", "model"].value == 2700 and found["window/rows", "model"].lower is None


def test_what_cannot_be_measured_is_told_for_every_metric_with_a_limit():
    found = performance.unknown("Nobody flew.", LIMITS)
    assert [(each.metric, each.state, each.limit) for each in found] == [
        ("worse/log_loss", "Nobody flew.", 0.02),
        ("worse/auc", "Nobody flew.", 0.05),
    ]
