"""The metrics of predicted classes, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics

from include.model import metrics
from include.use_case import Multiclass

CLASSES = ("a", "b", "c", "d")
TASK = Multiclass(classes=CLASSES)
RNG = np.random.default_rng(3)
LABELS = RNG.integers(0, 4, 400).astype(float)
PROBABILITIES = RNG.dirichlet(np.ones(4), 400) + 0.5 * np.eye(4)[LABELS.astype(int)]
PROBABILITIES /= PROBABILITIES.sum(axis=1, keepdims=True)
CHOSEN = PROBABILITIES.argmax(axis=1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("log_loss", sklearn.metrics.log_loss(LABELS, PROBABILITIES)),
        ("macro_f1", sklearn.metrics.f1_score(LABELS, CHOSEN, average="macro")),
        ("balanced_accuracy", sklearn.metrics.balanced_accuracy_score(LABELS, CHOSEN)),
        ("least_recall", sklearn.metrics.recall_score(LABELS, CHOSEN, average=None).min()),
    ],
)
def test_a_metric_is_that_of_scikit_learn(name, expected):
    assert metrics.compute_metric(name, LABELS, PROBABILITIES, TASK) == pytest.approx(expected, rel=1e-12)


def test_each_class_has_its_recall():
    found = metrics.compute_metrics(LABELS, PROBABILITIES, TASK)
    expected = sklearn.metrics.recall_score(LABELS, CHOSEN, average=None)
    assert [found[f"recall:{name}"] for name in CLASSES] == pytest.approx(expected.tolist())


@pytest.mark.filterwarnings("error")
def test_a_class_without_rows_has_no_recall_and_is_not_averaged():
    labels, probabilities = np.array([0.0, 0.0, 1.0]), np.eye(4)[[0, 1, 1]]
    found = metrics.compute_metrics(labels, probabilities, TASK)
    assert "recall:c" not in found
    assert found["balanced_accuracy"] == pytest.approx(0.75)
    assert found["macro_f1"] == pytest.approx(sklearn.metrics.f1_score(labels, [0, 1, 1], average="macro"))
