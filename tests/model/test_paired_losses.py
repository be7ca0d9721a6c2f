"""Two models are compared on the same rows; the interval covers what is true although days resemble each other."""

import math

import numpy as np
import pytest

from include.model import metrics
from include.model.paired_losses import paired_interval, paired_losses
from include.use_case import Binary, DecisionCosts, Multiclass, Regression

DAYS = np.datetime64("2020-03-01") + np.arange(3).repeat(2)
BINARY = Binary(costs=DecisionCosts(false_negative=1, false_positive=1, unit="points"))


def test_a_positive_difference_is_worse():
    labels, own, other = np.array([1.0, 0, 1, 0, 1, 0]), np.full(6, 0.5), np.array([0.9, 0.1, 0.9, 0.1, 0.9, 0.1])
    found = paired_losses("log_loss", DAYS, labels, own, other, BINARY)
    assert found == pytest.approx([math.log(0.9 / 0.5)] * 6)
    assert paired_losses("log_loss", DAYS, labels, other, own, BINARY) == pytest.approx(-found)


def test_of_a_metric_that_is_no_mean_there_is_one_difference_a_day_and_its_sign_is_the_same():
    labels, own, other = np.array([1.0, 0] * 3), np.array([0.6, 0.4, 0.3, 0.7, 0.6, 0.4]), np.array([0.9, 0.1] * 3)
    found = paired_losses("auc", DAYS, labels, own, other, BINARY)
    assert found is not None and len(found) == 3 and found.mean() > 0


@pytest.mark.parametrize(
    ("task", "labels", "own", "other"),
    [
        (Regression(), np.arange(6.0), np.arange(6.0), np.arange(6.0) + 1),
        (
            Multiclass(classes=("a", "b", "c")),
            np.array([0.0, 1, 2, 0, 1, 2]),
            np.tile(np.eye(3) * 0.7 + 0.1, (2, 1)),
            np.full((6, 3), 1 / 3),
        ),
        (BINARY, np.array([1.0, 0] * 3), np.array([0.9, 0.1] * 3), np.full(6, 0.5)),
    ],
)
def test_every_task_is_compared_by_its_own_main_metric(task, labels, own, other):
    found = paired_interval(task.main_metric, DAYS, labels, own, other, task, 0.95)
    values = [metrics.compute_metric(task.main_metric, labels, each, task) for each in (own, other)]
    assert found.mean == pytest.approx(values[0] - values[1]) and found.mean < 0


def test_without_rows_there_is_no_interval_and_with_one_day_it_has_no_end():
    nothing = np.empty(0)
    assert paired_interval("log_loss", DAYS[:0], nothing, nothing, nothing, BINARY, 0.95) is None
    one = paired_interval("log_loss", DAYS[:2], np.array([1.0, 0]), np.full(2, 0.6), np.full(2, 0.5), BINARY, 0.95)
    assert (one.lower, one.upper, one.periods) == (-math.inf, math.inf, 1)


def series(generator: np.random.Generator, days: int, correlation: float) -> np.ndarray:
    """Days of a stationary process in which each resembles the one before."""
    noise = generator.normal(size=days)
    values = np.empty(days)
    values[0] = noise[0]
    for day in range(1, days):
        values[day] = correlation * values[day - 1] + math.sqrt(1 - correlation**2) * noise[day]
    return values


@pytest.mark.slow
@pytest.mark.parametrize(("days", "correlation"), [(14, 0.0), (14, 0.4), (28, 0.4)])
def test_the_interval_covers_the_true_difference_although_days_resemble_each_other(days, correlation):
    generator, rounds, rows, true = np.random.default_rng(1), 1000, 5, 0.2
    periods = (np.datetime64("2020-03-01") + np.arange(days)).repeat(rows)
    covered = 0
    for _ in range(rounds):
        of_day = true + series(generator, days, correlation)
        own = of_day.repeat(rows) + generator.normal(size=days * rows) + 100
        # The labels lie below both predictions, so the difference of absolute errors is that of the predictions.
        other = np.full(days * rows, 100.0)
        found = paired_interval("mae", periods, np.zeros(days * rows), own, other, Regression(), 0.95)
        covered += found.lower <= true <= found.upper
    assert covered / rounds >= 0.92
