"""Baselines: what anyone can predict without the model. A model that does not beat them is not worth running."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from include.model.arrays import Numbers
from include.model.encoding import Encoding

FIT_ROWS = 500_000
"""The logistic regression is fitted on evenly spaced rows beyond this many: its few coefficients need no more."""
LARGEST, FARTHEST = 1e100, 1e9
"""Numbers beyond are taken for these: a value, and how many standard deviations one is from the mean."""


@dataclass(frozen=True)
class Prior:
    """Predicts the same for every row: the share of positives in train (add-one, so never 0 or 1; Laplace)."""

    rate: float

    @classmethod
    def fit(cls, labels: Numbers) -> Prior:
        return cls(float((np.sum(labels) + 1) / (len(labels) + 2)))

    def predict(self, encoded: pa.Table) -> Numbers:
        """One probability per row."""
        return np.full(encoded.num_rows, self.rate)


@dataclass(frozen=True)
class Logistic:
    """A logistic regression on one-hot categories and median-imputed, standardised numbers (Cox 1958).

    Kept as plain numbers: no pickle. A missing or unseen category adds nothing, like the average of train.
    """

    intercept: float
    numbers: Mapping[str, tuple[float, float, float, float]]
    """Feature to median, mean, scale and weight."""
    categories: Mapping[str, tuple[float, ...]]
    """Feature to the weight of each value of the vocabulary, in its order."""

    @classmethod
    def fit(cls, encoding: Encoding, encoded: pa.Table, labels: Numbers) -> Logistic:
        """Fit with an L2 penalty (C=1) by L-BFGS, which is deterministic; rows as `Encoding.encode` returns them."""
        if not any(encoding.vocabulary.get(name, "a number") for name in encoding.features):
            # Categories without a value in train, and no number: there is nothing to learn from but the labels.
            rate = Prior.fit(labels).rate
            return cls(math.log(rate / (1 - rate)), {}, dict.fromkeys(encoding.vocabulary, ()))
        step = -(-encoded.num_rows // FIT_ROWS)
        if step > 1:
            keep = np.arange(0, encoded.num_rows, step)
            encoded, labels = encoded.take(keep), labels[keep]
        scales = {name: _scale(_values(encoded, name)) for name in encoding.features if name not in encoding.vocabulary}
        blocks = [
            _standardised(_values(encoded, name), median, mean, scale)[:, None]
            for name, (median, mean, scale) in scales.items()
        ]
        blocks += [_one_hot(_values(encoded, name), len(words)) for name, words in encoding.vocabulary.items()]
        model = LogisticRegression(C=1.0, max_iter=300, solver="lbfgs")
        model.fit(sparse.hstack([sparse.csr_matrix(block) for block in blocks], format="csr"), labels > 0)
        weights = iter(model.coef_[0].tolist())
        return cls(
            intercept=float(model.intercept_[0]),
            numbers={name: (*scale, next(weights)) for name, scale in scales.items()},
            categories={n: tuple(next(weights) for _ in words) for n, words in encoding.vocabulary.items()},
        )

    def predict(self, encoded: pa.Table) -> Numbers:
        """One probability per row of `Encoding.encode`."""
        score = np.full(encoded.num_rows, self.intercept)
        for name, (median, mean, scale, weight) in self.numbers.items():
            score += _standardised(_values(encoded, name), median, mean, scale) * weight
        for name, weights in self.categories.items():
            codes = _values(encoded, name)
            score += np.append(np.asarray(weights), 0.0)[np.nan_to_num(codes, nan=len(weights)).astype(np.int64)]
        probabilities: Numbers = 1 / (1 + np.exp(-np.clip(score, -700, 700)))
        return probabilities

    def to_json(self) -> dict[str, object]:
        """Plain values, from which `from_json` makes an equal model."""
        names = ("median", "mean", "scale", "weight")
        return {
            "intercept": self.intercept,
            "numbers": {name: dict(zip(names, values, strict=True)) for name, values in self.numbers.items()},
            "categories": {name: list(weights) for name, weights in self.categories.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Logistic:
        """The model that `to_json` wrote down."""
        intercept, numbers, categories = values["intercept"], values["numbers"], values["categories"]
        assert isinstance(intercept, float) and isinstance(numbers, dict) and isinstance(categories, dict)
        return cls(
            intercept,
            {name: (v["median"], v["mean"], v["scale"], v["weight"]) for name, v in numbers.items()},
            {name: tuple(weights) for name, weights in categories.items()},
        )


def _values(encoded: pa.Table, name: str) -> Numbers:
    """Return a column as float64, missing values as NaN, and none so large that its square is no number."""
    values: Numbers = encoded[name].to_numpy().astype(np.float64)
    return np.clip(values, -LARGEST, LARGEST)


def _standardised(values: Numbers, median: float, mean: float, scale: float) -> Numbers:
    """Return the values less the mean in units of the scale, the median where one is missing; always finite."""
    with np.errstate(over="ignore"):
        far = (np.nan_to_num(values, nan=median) - mean) / scale
    return np.clip(far, -FARTHEST, FARTHEST)


def _scale(values: Numbers) -> tuple[float, float, float]:
    """Median, and mean and standard deviation after imputing it; (0, 0, 1) for a column without values."""
    there = values[~np.isnan(values)]
    if not len(there):
        return 0.0, 0.0, 1.0
    median = float(np.median(there))
    imputed = np.nan_to_num(values, nan=median)
    return median, float(np.mean(imputed)), float(np.std(imputed)) or 1.0


def _one_hot(codes: Numbers, width: int) -> sparse.csr_matrix:
    rows = np.flatnonzero(~np.isnan(codes))
    return sparse.csr_matrix((np.ones(len(rows)), (rows, codes[rows].astype(np.int64))), shape=(len(codes), width))
