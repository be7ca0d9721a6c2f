"""Intervals of predictions: their coverage on simulated data, and how they are kept."""

from __future__ import annotations

import json
import math

import lightgbm
import numpy as np
import pyarrow as pa
import pytest

from include.model.model_errors import IntervalRowsError
from include.model.prediction_intervals import ConformalBounds, QuantileBounds, bounds_from_json
from tests.refusals import raises

NOTHING = pa.table({})


def coverage(rng: np.random.Generator, bounds: ConformalBounds, mean: np.ndarray) -> float:
    ends = bounds.around(mean, NOTHING, 1).values
    labels = rng.poisson(mean)
    return float(np.mean((labels >= ends[:, 1]) & (labels <= ends[:, 2])))


def test_conformal_intervals_cover_the_declared_share_at_least():
    rng, found = np.random.default_rng(1), []
    for _ in range(300):
        mean = rng.gamma(3.0, 4.0, 2_000)
        labels = rng.poisson(mean[:200]).astype(float)
        bounds = ConformalBounds.fit(labels, mean[:200], (0.1, 0.9), scale="root", least=0.0)
        found.append(coverage(rng, bounds, mean[200:]))
    # Counts are discrete, so the coverage is a little above the declared one.
    assert 0.80 <= np.mean(found) <= 0.84


def test_continuous_labels_are_covered_as_declared_and_each_side_is_missed_as_often():
    rng, below, above = np.random.default_rng(2), [], []
    for _ in range(400):
        errors = rng.exponential(1.0, 1_099) - 1.0
        bounds = ConformalBounds.fit(errors[:99], np.zeros(99), (0.1, 0.9), scale="one")
        ends = bounds.around(np.zeros(1_000), NOTHING, 1).values
        below.append(np.mean(errors[99:] < ends[:, 1]))
        above.append(np.mean(errors[99:] > ends[:, 2]))
    assert np.mean(below) == pytest.approx(0.1, abs=0.005)
    assert np.mean(above) == pytest.approx(0.1, abs=0.005)


def test_errors_that_grow_with_the_prediction_are_covered_at_every_level():
    rng = np.random.default_rng(4)
    mean = np.repeat([2.0, 50.0], 5_000)
    fitted = ConformalBounds.fit(rng.poisson(mean).astype(float), mean, (0.1, 0.9), scale="root", least=0.0)
    shares = [coverage(rng, fitted, np.full(20_000, level)) for level in (2.0, 50.0)]
    assert all(0.76 <= share <= 0.95 for share in shares)


def coverage_of_later_days(rng: np.random.Generator, days: int, share: float, correlation: float) -> float:
    """The coverage of 28 later days by an interval of 80 %, where the day has that share in the errors' variance."""
    total, rows, effects = days + 1 + 28, 100, [rng.normal()]
    while len(effects) < total:
        effects.append(correlation * effects[-1] + math.sqrt(1 - correlation**2) * rng.normal())
    errors = math.sqrt(share) * np.array(effects)[:, None] + math.sqrt(1 - share) * rng.normal(size=(total, rows))
    known, later = errors[:days].ravel(), errors[days + 1 :]
    bounds = ConformalBounds.fit(known, np.zeros(len(known)), (0.1, 0.9), scale="one")
    return float(np.mean((later >= bounds.lower) & (later <= bounds.upper)))


@pytest.mark.parametrize(
    ("days", "share", "correlation", "documented"),
    [(7, 0.0, 0.0, 0.80), (7, 0.3, 0.5, 0.75), (14, 0.3, 0.5, 0.77), (28, 0.3, 0.5, 0.78), (7, 0.5, 0.5, 0.71)],
)
def test_days_that_resemble_each_other_are_covered_less_as_documented(days, share, correlation, documented):
    rng = np.random.default_rng(7)
    found = np.mean([coverage_of_later_days(rng, days, share, correlation) for _ in range(300)])
    assert found == pytest.approx(documented, abs=0.02)


def test_too_few_rows_are_refused_with_the_number_that_is_needed():
    ConformalBounds.fit(np.zeros(9), np.zeros(9), (0.1, 0.9), scale="one")
    with raises(IntervalRowsError, least=9, found=8):
        ConformalBounds.fit(np.zeros(8), np.zeros(8), (0.1, 0.9), scale="one")


def test_no_end_is_below_the_least_label():
    bounds = ConformalBounds(-5.0, 5.0, "one", least=0.0)
    assert bounds.around(np.array([1.0]), NOTHING, 1).values.tolist() == [[1.0, 0.0, 6.0]]


def constant(value: float) -> lightgbm.Booster:
    data = lightgbm.Dataset(pa.table({"x": np.arange(40.0)}), np.full(40, value), params={"verbosity": -1})
    return lightgbm.train({"objective": "regression", "verbosity": -1, "num_threads": 1}, data, num_boost_round=1)


def test_quantiles_that_cross_are_sorted():
    encoded = pa.table({"x": [1.0, 2.0]})
    crossed = QuantileBounds(constant(9.0), constant(4.0), with_point=False)
    assert crossed.ends(encoded, 1)[0].tolist() == [9.0, 4.0]
    found = crossed.around(np.array([5.0, 1.0]), encoded, 1)
    assert found.values.tolist() == [[5.0, 4.0, 9.0], [1.0, 4.0, 9.0]]
    assert found.crossed.tolist() == [True, True]


def test_a_predicted_quantile_may_cross_an_end():
    bounds = QuantileBounds(constant(4.0), constant(9.0), with_point=True)
    found = bounds.around(np.array([1.0, 5.0, 9.0]), pa.table({"x": [1.0, 2.0, 3.0]}), 1)
    assert found.values.tolist() == [[4.0, 1.0, 9.0], [5.0, 4.0, 9.0], [9.0, 4.0, 9.0]]
    assert found.crossed.tolist() == [True, False, False]


def test_a_mean_outside_its_interval_is_no_crossing():
    bounds = QuantileBounds(constant(4.0), constant(9.0), with_point=False)
    assert bounds.around(np.array([1.0]), pa.table({"x": [1.0]}), 1).crossed.tolist() == [False]


def test_conformal_ends_never_cross():
    found = ConformalBounds(-1.0, 2.0, "root").around(np.array([0.0, 4.0]), NOTHING, 1)
    assert found.crossed.tolist() == [False, False]


@pytest.mark.parametrize(
    "bounds",
    [
        ConformalBounds(-1.25, 2.5, "root", 0.0),
        ConformalBounds(-1.0, 1.0, "one"),
        QuantileBounds(constant(1.0), constant(2.0), True),
    ],
)
def test_bounds_are_kept_as_plain_values(bounds):
    again = bounds_from_json(json.loads(json.dumps(bounds.to_json())))
    encoded, point = pa.table({"x": [1.0, 2.0]}), np.array([1.5, 3.0])
    assert again.around(point, encoded, 1).values.tolist() == bounds.around(point, encoded, 1).values.tolist()
    assert again.to_json() == bounds.to_json()


def test_unknown_bounds_are_refused():
    with raises(ValueError, "'other'"):
        bounds_from_json({"kind": "other", "lower": 0.0, "upper": 1.0, "scale": "one", "least": math.inf})
