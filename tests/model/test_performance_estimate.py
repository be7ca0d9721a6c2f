"""Estimates of a period have a prediction interval whose level holds although rows and periods depend on each other."""

import json

import numpy as np
import pytest

from include.model.performance_estimate import MIN_PERIODS, EstimateReference, PeriodErrors, learn_errors
from include.model.trainer import TrainingRows
from include.use_case import Binary, Multiclass, Regression

MODELS = 400


def effects(rng, periods: int, lag_1: float) -> np.ndarray:
    """A normal AR(1) series for each simulated model."""
    drawn = rng.normal(size=(MODELS, periods))
    for period in range(1, periods):
        drawn[:, period] = lag_1 * drawn[:, period - 1] + np.sqrt(1 - lag_1**2) * drawn[:, period]
    return drawn


def log_loss_error(rng, effect: float, rows: int, shift: float = 0.0) -> float:
    """Realised minus expected log loss of a period whose rows share an effect on their log-odds."""
    p = rng.beta(1.5, 4, rows)
    chance = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + 0.3 * effect + shift)))
    happened = rng.random(rows) < chance
    return float(np.mean(-np.log(np.where(happened, p, 1 - p))) + np.mean(p * np.log(p) + (1 - p) * np.log(1 - p)))


def share_held(periods: int, lag_1: float, gap: int = 1, rows: int = 200, shift: float = 0.0) -> float:
    """How often the interval held a period that comes `gap` periods after the reference."""
    rng = np.random.default_rng(20200101)
    drawn, held = effects(rng, periods + gap, lag_1), 0
    for model in range(MODELS):
        errors = tuple(log_loss_error(rng, drawn[model, period], 200) for period in range(periods))
        value = log_loss_error(rng, drawn[model, -1], rows, shift)
        _, lower, upper = PeriodErrors(errors, (200,) * periods).estimate(0.0, rows)
        held += lower <= value <= upper
    return held / MODELS


# 400 models: the standard error of a share of 95 % is 1.1 %.
@pytest.mark.slow
@pytest.mark.parametrize(("periods", "lag_1", "gap"), [(8, 0.4, 1), (28, 0.0, 1), (28, 0.4, 1), (28, 0.6, 7)])
def test_the_interval_has_its_level_although_rows_and_periods_are_correlated(periods, lag_1, gap):
    assert 0.93 <= share_held(periods, lag_1, gap) <= 0.995


@pytest.mark.slow
def test_a_small_period_has_an_interval_as_wide_as_its_few_rows_need():
    assert share_held(28, 0.4, rows=20) >= 0.93


@pytest.mark.slow
def test_a_change_of_concept_leaves_the_interval_so_that_the_record_shows_it():
    assert share_held(28, 0.4, shift=1.5) < 0.2


def test_the_mean_error_corrects_the_estimate():
    errors = PeriodErrors((0.1, 0.12, 0.08, 0.1, 0.1), (100,) * 5)
    value, lower, upper = errors.estimate(0.5, 100)
    assert value == pytest.approx(0.6) and lower < 0.58 < 0.62 < upper


def test_fewer_rows_widen_the_interval_and_more_do_not_narrow_it():
    errors = PeriodErrors((0.1, -0.1, 0.05, 0.0, -0.05), (100,) * 5)
    few, usual, many = (errors.estimate(0.0, rows)[2] for rows in (10, 100, 10_000))
    assert few > 1.5 * usual and usual == many


def test_a_skewed_error_of_the_past_lies_within_the_interval():
    errors = PeriodErrors((0.0,) * 19 + (5.0,), (100,) * 20)
    assert errors.estimate(0.0, 100)[2] >= 5


def rows_of(task, periods: int, seed: int = 0) -> tuple[TrainingRows, np.ndarray]:
    """50 rows a period, with predictions that are calibrated."""
    import pyarrow as pa

    rng, count = np.random.default_rng(seed), periods * 50
    starts = np.repeat(np.datetime64("2020-01-01") + np.arange(periods), 50)
    if isinstance(task, Binary):
        predictions = rng.beta(1, 3, count)
        labels = (rng.random(count) < predictions).astype(np.float64)
    elif isinstance(task, Multiclass):
        predictions = rng.dirichlet((1, 1, 1), count)
        labels = rng.integers(0, 3, count).astype(np.float64)
    else:
        predictions = rng.gamma(4, 2, count)
        labels = predictions + rng.normal(size=count)
    return TrainingRows(pa.table({}), labels, starts), predictions


@pytest.mark.parametrize("task", [Binary(), Multiclass(classes=("a", "b", "c")), Regression()], ids=lambda t: t.kind)
def test_a_reference_is_read_back_as_it_was_written_and_made_again_bit_for_bit(task):
    found = learn_errors(*rows_of(task, 12), task)
    again = EstimateReference.from_json(json.loads(json.dumps(found.to_json())))
    assert again == found == learn_errors(*rows_of(task, 12), task)
    assert task.main_metric in found.errors and len(found.errors[task.main_metric].errors) == 12


def test_an_estimate_stays_within_the_range_of_its_metric():
    found = learn_errors(*rows_of(Binary(), 12), Binary()).estimates({"auc": 0.999, "brier": 0.001}, 50)
    assert found["auc"].upper == 1 and found["brier"].lower == 0


def test_too_few_periods_give_no_estimate():
    assert learn_errors(*rows_of(Binary(), MIN_PERIODS - 1), Binary()).errors == {}
    assert learn_errors(*rows_of(Binary(), MIN_PERIODS), Binary()).errors.keys() >= {"log_loss", "brier"}
