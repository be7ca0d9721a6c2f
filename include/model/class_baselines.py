"""Fit the baselines of predicted classes: one probability per class and row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import scipy.special
from sklearn.linear_model import LogisticRegression

from include.model.arrays import Numbers
from include.model.baselines import Design, LinearScore
from include.model.encoding import Encoding

ABSENT = -50.0
"""Score of a class without rows in train."""


@dataclass(frozen=True)
class ClassPrior:
    """Predict the share of each class in train (add-one, so never 0; Laplace)."""

    shares: tuple[float, ...]

    @classmethod
    def fit(cls, labels: Numbers, classes: int) -> ClassPrior:
        counts = np.bincount(labels.astype(np.int64), minlength=classes) + 1
        return cls(tuple((counts / counts.sum()).tolist()))

    def predict(self, encoded: pa.Table) -> Numbers:
        """Return probabilities of the shape (rows, classes)."""
        return np.tile(np.array(self.shares), (encoded.num_rows, 1))

    def to_json(self) -> dict[str, object]:
        """Return plain values from which `from_json` restores an equal baseline."""
        return {"kind": "class_prior", "shares": list(self.shares)}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> ClassPrior:
        """Return the baseline from the values of `to_json`."""
        shares = values["shares"]
        assert isinstance(shares, list)
        return cls(tuple(shares))


@dataclass(frozen=True)
class ClassLogistic:
    """A multinomial logistic regression: the softmax of one score per class."""

    scores: tuple[LinearScore, ...]

    @classmethod
    def fit(cls, encoding: Encoding, encoded: pa.Table, labels: Numbers, classes: int) -> ClassLogistic:
        """Fit with an L2 penalty (C=1) by L-BFGS, which is deterministic."""
        design, nothing = Design.build(encoding, encoded), dict.fromkeys(encoding.vocabulary, ())
        if design is None:
            shares = ClassPrior.fit(labels, classes).shares
            return cls(tuple(LinearScore(float(np.log(share)), {}, nothing) for share in shares))
        model = LogisticRegression(C=1.0, max_iter=300, solver="lbfgs")
        model.fit(design.matrix, labels[design.rows].astype(np.int64))
        # Of two classes scikit-learn returns the scores of the second; the first has the score 0.
        coefficients, intercepts = model.coef_, model.intercept_
        if len(model.classes_) == 2:
            coefficients = np.vstack([np.zeros_like(coefficients[0]), coefficients[0]])
            intercepts = np.array([0.0, intercepts[0]])
        fitted = {
            code: LinearScore(float(intercept), **design.weights(weights))
            for code, intercept, weights in zip(model.classes_.tolist(), intercepts, coefficients, strict=True)
        }
        return cls(tuple(fitted.get(code, LinearScore(ABSENT, {}, {})) for code in range(classes)))

    def predict(self, encoded: pa.Table) -> Numbers:
        """Return probabilities of the shape (rows, classes)."""
        scores = np.column_stack([score.score(encoded) for score in self.scores])
        probabilities: Numbers = scipy.special.softmax(scores, axis=1)
        return probabilities

    def to_json(self) -> dict[str, object]:
        """Return plain values from which `from_json` restores an equal baseline."""
        return {"kind": "class_logistic", "scores": [score.to_json() for score in self.scores]}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> ClassLogistic:
        """Return the baseline from the values of `to_json`."""
        scores = values["scores"]
        assert isinstance(scores, list)
        return cls(tuple(LinearScore.from_json(score) for score in scores))
