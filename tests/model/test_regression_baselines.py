"""Baselines of predicted numbers, against scikit-learn's."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import PoissonRegressor, Ridge

from include.model import encoding
from include.model.model_errors import SeasonTooLongError
from include.model.regression_baselines import Constant, Linear, SeasonalNaive
from tests.refusals import raises

FEATURES = {"x": "float64", "kind": "category"}
RNG = np.random.default_rng(5)
X = RNG.normal(size=800)
KIND = np.where(RNG.random(800) < 0.5, "a", "b")
TRAIN = pa.table({"x": X, "kind": KIND})
LEARNED = encoding.learn_encoding(FEATURES, TRAIN)
ENCODED = LEARNED.encode(TRAIN)
LABELS = RNG.poisson(np.exp(1 + 0.4 * X + (KIND == "a"))).astype(float)
COLUMNS = np.column_stack([(X - X.mean()) / X.std(), KIND == "a", KIND == "b"])


def fit(objective: str, quantile: float | None = None) -> Linear:
    return Linear.fit(LEARNED, ENCODED, LABELS, objective, quantile)


def test_the_linear_model_is_a_ridge_regression():
    expected = Ridge(alpha=1.0).fit(COLUMNS, LABELS).predict(COLUMNS)
    assert fit("l2").predict(ENCODED) == pytest.approx(expected, abs=1e-4)


def test_with_counts_it_is_a_poisson_regression():
    expected = PoissonRegressor(alpha=1e-3, max_iter=300).fit(COLUMNS, LABELS).predict(COLUMNS)
    found = fit("poisson").predict(ENCODED)
    assert found == pytest.approx(expected, rel=1e-3)
    assert (found > 0).all()


@pytest.mark.parametrize("quantile", [0.2, 0.5, 0.9])
def test_a_quantile_has_its_share_of_the_labels_below(quantile):
    assert np.mean(fit("quantile", quantile).predict(ENCODED) >= LABELS) == pytest.approx(quantile, abs=0.01)
    assert Constant.fit(LABELS, quantile).value == np.quantile(LABELS, quantile)


def test_without_any_value_it_is_a_constant():
    nothing = pa.table({"kind": pa.array([None] * 4, pa.string())})
    learned = encoding.learn_encoding({"kind": "category"}, nothing)
    for objective in ("l2", "poisson"):
        model = Linear.fit(learned, learned.encode(nothing), np.array([1.0, 2.0, 3.0, 6.0]), objective, None)
        assert model.predict(learned.encode(nothing)) == pytest.approx(np.full(4, 3.0))


def test_last_seasons_value_is_predicted_and_the_mean_where_there_is_none():
    train = pa.table({"x": [1.0, None, 5.0]})
    model = SeasonalNaive.fit("x", None, train, np.array([2.0, 4.0, 6.0]))
    assert model.predict(train).tolist() == [1.0, 4.0, 5.0]


def test_a_season_longer_than_the_history_is_refused():
    with raises(SeasonTooLongError, season=None, feature="x", rows=2):
        SeasonalNaive.fit("x", None, pa.table({"x": pa.array([None, None], pa.float64())}), np.ones(2))


@pytest.mark.parametrize("objective", ["l2", "gamma"])
def test_a_linear_model_is_kept_as_plain_values(objective):
    model = Linear.fit(LEARNED, ENCODED, LABELS + 1, objective, None)
    again = Linear.from_json(json.loads(json.dumps(model.to_json())))
    assert again == model
    assert again.predict(ENCODED).tolist() == model.predict(ENCODED).tolist()


def test_far_values_are_finite():
    far = LEARNED.encode(pa.table({"x": [1.7e308, -1.7e308], "kind": ["a", "b"]}))
    assert np.isfinite(fit("poisson").predict(far)).all()
