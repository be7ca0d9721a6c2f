"""Baselines of predicted classes, against scikit-learn's."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from include.model import encoding
from include.model.class_baselines import ClassLogistic, ClassPrior

FEATURES = {"x": "float64"}
RNG = np.random.default_rng(5)
X = RNG.normal(size=900)
TRAIN = pa.table({"x": X})
LEARNED = encoding.learn_encoding(FEATURES, TRAIN)
ENCODED = LEARNED.encode(TRAIN)
LABELS = np.clip(np.round(X + RNG.normal(size=900)) + 1, 0, 3)


@pytest.mark.parametrize("present", [(0, 1, 2, 3), (0, 2, 3), (1, 3)])
def test_the_logistic_regression_is_scikit_learns_also_without_some_classes(present):
    keep = np.isin(LABELS, present)
    encoded, labels = ENCODED.filter(pa.array(keep)), LABELS[keep]
    columns = ((X[keep] - X[keep].mean()) / X[keep].std())[:, None]
    expected = LogisticRegression(max_iter=300).fit(columns, labels.astype(int)).predict_proba(columns)
    found = ClassLogistic.fit(LEARNED, encoded, labels, 4).predict(encoded)
    assert found.sum(axis=1) == pytest.approx(np.ones(len(labels)))
    assert found[:, list(present)] == pytest.approx(expected, abs=1e-5)


def test_the_prior_is_the_share_of_each_class_and_never_0():
    prior = ClassPrior.fit(np.array([0.0, 0.0, 1.0]), 3)
    assert prior.shares == pytest.approx((3 / 6, 2 / 6, 1 / 6))
    assert prior.predict(ENCODED).shape == (900, 3)


@pytest.mark.parametrize("model", [ClassPrior.fit(LABELS, 4), ClassLogistic.fit(LEARNED, ENCODED, LABELS, 4)])
def test_a_baseline_is_kept_as_plain_values(model):
    again = type(model).from_json(json.loads(json.dumps(model.to_json())))
    assert again == model
    assert again.predict(ENCODED).tolist() == model.predict(ENCODED).tolist()
