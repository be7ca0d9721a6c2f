"""Fit the baselines: predictions without the model.

A model must beat them to be useful.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from include.model.arrays import Numbers
from include.model.encoding import Encoding

FIT_ROWS = 500_000
"""Most rows on which the logistic regression is fitted, evenly spaced: its few coefficients need no more."""
MAX_VALUE, MAX_DEVIATIONS = 1e100, 1e9
"""Limits to which are clipped: a value, and its distance from the mean in standard deviations."""


class Baseline(Protocol):
    """Predict rows of `Encoding.encode` without the model."""

    def predict(self, encoded: pa.Table) -> Numbers:
        """Return one prediction per row."""

    def to_json(self) -> object:
        """Return plain values from which an equal baseline is restored."""


@dataclass(frozen=True)
class Prior:
    """Predict the share of positives in train for every row (add-one, so never 0 or 1; Laplace)."""

    rate: float

    @classmethod
    def fit(cls, labels: Numbers) -> Prior:
        return cls(float((np.sum(labels) + 1) / (len(labels) + 2)))

    def predict(self, encoded: pa.Table) -> Numbers:
        """Return one probability per row."""
        return np.full(encoded.num_rows, self.rate)

    def to_json(self) -> float:
        """Return the share, which is all there is."""
        return self.rate


@dataclass(frozen=True)
class LinearScore:
    """A weighted sum of one-hot categories and median-imputed, standardised numbers.

    Stored as plain numbers, without pickle. A missing or unseen category adds 0, like the average of train.
    """

    intercept: float
    numbers: Mapping[str, tuple[float, float, float, float]]
    """Feature to median, mean, scale and weight."""
    categories: Mapping[str, tuple[float, ...]]
    """Feature to the weight of each value of the vocabulary, in its order."""

    def score(self, encoded: pa.Table) -> Numbers:
        """Return one sum per row from `Encoding.encode`."""
        score = np.full(encoded.num_rows, self.intercept)
        for name, (median, mean, scale, weight) in self.numbers.items():
            score += _standardised(_values(encoded, name), median, mean, scale) * weight
        for name, weights in self.categories.items():
            codes = _values(encoded, name)
            score += np.append(np.asarray(weights), 0.0)[np.nan_to_num(codes, nan=len(weights)).astype(np.int64)]
        return score

    def to_json(self) -> dict[str, object]:
        """Return plain values from which `from_json` restores an equal model."""
        names = ("median", "mean", "scale", "weight")
        return {
            "intercept": self.intercept,
            "numbers": {name: dict(zip(names, values, strict=True)) for name, values in self.numbers.items()},
            "categories": {name: list(weights) for name, weights in self.categories.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Self:
        """Return the model from the values of `to_json`."""
        intercept, numbers, categories = values["intercept"], values["numbers"], values["categories"]
        assert isinstance(intercept, float) and isinstance(numbers, dict) and isinstance(categories, dict)
        return cls(
            intercept,
            {name: (v["median"], v["mean"], v["scale"], v["weight"]) for name, v in numbers.items()},
            {name: tuple(weights) for name, weights in categories.items()},
        )


@dataclass(frozen=True)
class Design:
    """The matrix of a linear model: standardised numbers, then one-hot categories."""

    encoding: Encoding
    scales: Mapping[str, tuple[float, float, float]]
    """Feature to median, mean and scale."""
    matrix: sparse.csr_matrix
    rows: npt.NDArray[np.int64] | slice
    """The rows of the matrix among those that were given."""

    @classmethod
    def build(cls, encoding: Encoding, encoded: pa.Table) -> Design | None:
        """Build it from rows of `Encoding.encode`; at most `FIT_ROWS` of them.

        Returns None if there are no numbers, and only categories without a value in train: then only the labels carry
        information.
        """
        if not any(encoding.vocabulary.get(name, "a number") for name in encoding.features):
            return None
        step = -(-encoded.num_rows // FIT_ROWS)
        keep = np.arange(0, encoded.num_rows, step) if step > 1 else slice(None)
        if isinstance(keep, np.ndarray):
            encoded = encoded.take(keep)
        scales = {name: _scale(_values(encoded, name)) for name in encoding.features if name not in encoding.vocabulary}
        blocks = [
            _standardised(_values(encoded, name), median, mean, scale)[:, None]
            for name, (median, mean, scale) in scales.items()
        ]
        blocks += [_one_hot(_values(encoded, name), len(words)) for name, words in encoding.vocabulary.items()]
        matrix = sparse.hstack([sparse.csr_matrix(block) for block in blocks], format="csr")
        return cls(encoding, scales, matrix, keep)

    def weights(self, coefficients: Numbers) -> dict[str, Any]:
        """Return `numbers` and `categories` of a `LinearScore` from coefficients."""
        weights = iter(coefficients.tolist())
        return {
            "numbers": {name: (*scale, next(weights)) for name, scale in self.scales.items()},
            "categories": {n: tuple(next(weights) for _ in words) for n, words in self.encoding.vocabulary.items()},
        }


@dataclass(frozen=True)
class Logistic(LinearScore):
    """A logistic regression (Cox 1958)."""

    @classmethod
    def fit(cls, encoding: Encoding, encoded: pa.Table, labels: Numbers) -> Logistic:
        """Fit with an L2 penalty (C=1) by L-BFGS, which is deterministic, on rows from `Encoding.encode`."""
        design = Design.build(encoding, encoded)
        if design is None:
            rate = Prior.fit(labels).rate
            return cls(math.log(rate / (1 - rate)), {}, dict.fromkeys(encoding.vocabulary, ()))
        model = LogisticRegression(C=1.0, max_iter=300, solver="lbfgs")
        model.fit(design.matrix, labels[design.rows] > 0)
        return cls(intercept=float(model.intercept_[0]), **design.weights(model.coef_[0]))

    def predict(self, encoded: pa.Table) -> Numbers:
        """Return one probability per row from `Encoding.encode`."""
        probabilities: Numbers = 1 / (1 + np.exp(-np.clip(self.score(encoded), -700, 700)))
        return probabilities


def _values(encoded: pa.Table, name: str) -> Numbers:
    """Return a column as float64, missing values as NaN, clipped so that squares are finite."""
    values: Numbers = encoded[name].to_numpy().astype(np.float64)
    return np.clip(values, -MAX_VALUE, MAX_VALUE)


def _standardised(values: Numbers, median: float, mean: float, scale: float) -> Numbers:
    """Return (value - mean) / scale, with missing values as the median; always finite."""
    with np.errstate(over="ignore"):
        standardised = (np.nan_to_num(values, nan=median) - mean) / scale
    return np.clip(standardised, -MAX_DEVIATIONS, MAX_DEVIATIONS)


def _scale(values: Numbers) -> tuple[float, float, float]:
    """Return the median, and mean and standard deviation after imputing it.

    (0, 0, 1) without values.
    """
    present = values[~np.isnan(values)]
    if not len(present):
        return 0.0, 0.0, 1.0
    median = float(np.median(present))
    imputed = np.nan_to_num(values, nan=median)
    return median, float(np.mean(imputed)), float(np.std(imputed)) or 1.0


def _one_hot(codes: Numbers, width: int) -> sparse.csr_matrix:
    rows = np.flatnonzero(~np.isnan(codes))
    return sparse.csr_matrix((np.ones(len(rows)), (rows, codes[rows].astype(np.int64))), shape=(len(codes), width))
