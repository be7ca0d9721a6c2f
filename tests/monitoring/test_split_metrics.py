"""The arms of a split are compared period by period, with an interval that holds what it claims."""

from __future__ import annotations

import numpy as np
import pytest

from include.monitoring.split_metrics import difference_of_arms
from tests.model.test_paired_losses import series

CONFIDENCE = 0.95


def rows(*of_periods: tuple[list[float], list[float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Period, arm and loss of rows; of each period, the losses of the tried version and of the champion."""
    found = [
        (period, arm, loss)
        for period, arms in enumerate(of_periods)
        for arm, losses in zip((1.0, 0.0), arms, strict=True)
        for loss in losses
    ]
    return tuple(np.array(column) for column in zip(*found, strict=True))


def test_the_difference_is_that_of_the_means_weighted_by_the_tried_rows():
    found = difference_of_arms(*rows(([1, 3], [1]), ([2], [1, 1, 4]), ([4], [4])), CONFIDENCE)
    assert found.mean == pytest.approx((2 * (2 - 1) + 1 * (2 - 2) + 1 * 0) / 4)
    assert found.periods == 3


def test_a_period_with_rows_of_one_arm_only_is_left_out():
    both = (([1, 3], [1]), ([2], [1, 1, 4]))
    assert difference_of_arms(*rows(*both, ([9], []), ([], [9])), CONFIDENCE) == difference_of_arms(
        *rows(*both), CONFIDENCE
    )


def test_without_a_period_with_rows_of_both_arms_there_is_no_difference():
    assert difference_of_arms(*rows(([9], []), ([], [9])), CONFIDENCE) is None
    empty = np.empty(0)
    assert difference_of_arms(empty, empty, empty, CONFIDENCE) is None


@pytest.mark.parametrize("days", [14, 28, 60])
@pytest.mark.parametrize("autocorrelation", [0.0, 0.4])
def test_the_interval_covers_the_true_difference_as_often_as_it_claims(days, autocorrelation):
    """Days are easy or hard for both arms, and better or worse for the tried one, in runs of days."""
    random, trials, true = np.random.default_rng(7), 300, 0.02
    covered = 0
    for _ in range(trials):
        shared, effect = (series(random, days, autocorrelation) for _ in range(2))
        counts = random.integers(20, 80, size=(days, 2))
        period = np.repeat(np.arange(days), counts.sum(axis=1))
        is_tried = np.concatenate([np.repeat([1.0, 0.0], pair) for pair in counts])
        mean = 0.5 + 0.1 * shared[period] + is_tried * (true + 0.03 * effect[period])
        found = difference_of_arms(period, is_tried, random.gamma(4, mean / 4), CONFIDENCE)
        covered += found.lower <= true <= found.upper
    assert covered / trials >= 0.92
