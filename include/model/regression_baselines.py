"""Fit the baselines of predicted numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sklearn.linear_model import Ridge, TweedieRegressor

from include.model.arrays import Numbers
from include.model.baselines import Baseline, Design, LinearScore
from include.model.encoding import Encoding
from include.model.model_errors import SeasonTooLongError
from include.model.season import SEASON_AGO

POWERS: Mapping[str, float] = {"poisson": 1.0, "gamma": 2.0, "tweedie": 1.5}
"""Objective with a logarithmic link to the power of its variance (Jørgensen 1987)."""
_HIGHEST = 700.0
"""Largest exponent whose power of e is a finite number."""


@dataclass(frozen=True)
class Constant:
    """Predict one number for every row: the mean or a quantile of the labels in train."""

    value: float

    @classmethod
    def fit(cls, labels: Numbers, quantile: float | None = None) -> Constant:
        """Fit the mean, or this quantile."""
        return cls(float(np.mean(labels) if quantile is None else np.quantile(labels, quantile)))

    def predict(self, encoded: pa.Table) -> Numbers:
        """Return one number per row."""
        return np.full(encoded.num_rows, self.value)

    def to_json(self) -> dict[str, object]:
        """Return plain values from which `from_json` restores an equal baseline."""
        return {"kind": "constant", "value": self.value}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Constant:
        """Return the baseline from the values of `to_json`."""
        value = values["value"]
        assert isinstance(value, float)
        return cls(value)


@dataclass(frozen=True)
class Linear:
    """A linear model of the label, or of the logarithm of its mean."""

    model: LinearScore
    logarithmic: bool

    @classmethod
    def fit(
        cls, encoding: Encoding, encoded: pa.Table, labels: Numbers, objective: str, quantile: float | None
    ) -> Linear:
        """Fit on rows from `Encoding.encode`.

        Poisson, gamma and tweedie: a generalised linear model with a logarithmic link (McCullagh, Nelder 1989). Others:
        ridge regression (Hoerl, Kennard 1970); with a quantile, the intercept is moved so that this share of the errors
        is below 0.
        """
        logarithmic = objective in POWERS
        design = Design.build(encoding, encoded)
        if design is None:
            value = Constant.fit(labels, quantile).value
            intercept = float(np.log(max(value, np.finfo(np.float64).tiny))) if logarithmic else value
            return cls(LinearScore(intercept, {}, dict.fromkeys(encoding.vocabulary, ())), logarithmic)
        known = labels[design.rows]
        if logarithmic:
            model = TweedieRegressor(power=POWERS[objective], alpha=1e-3, link="log", max_iter=300)
        else:
            model = Ridge(alpha=1.0, solver="sparse_cg", tol=1e-8)
        model.fit(design.matrix, known)
        intercept = float(model.intercept_)
        if quantile is not None:
            intercept += float(np.quantile(known - model.predict(design.matrix), quantile))
        return cls(LinearScore(intercept, **design.weights(model.coef_)), logarithmic)

    def predict(self, encoded: pa.Table) -> Numbers:
        """Return one number per row."""
        score = self.model.score(encoded)
        return np.exp(np.clip(score, -_HIGHEST, _HIGHEST)) if self.logarithmic else score

    def to_json(self) -> dict[str, object]:
        """Return plain values from which `from_json` restores an equal baseline."""
        return {"kind": "linear", "logarithmic": self.logarithmic, "model": self.model.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Linear:
        """Return the baseline from the values of `to_json`."""
        model, logarithmic = values["model"], values["logarithmic"]
        assert isinstance(model, dict) and isinstance(logarithmic, bool)
        return cls(LinearScore.from_json(model), logarithmic)


@dataclass(frozen=True)
class SeasonalNaive:
    """Predict the label one season earlier; where it is not known, the mean of train."""

    feature: str
    """The feature that holds it, or `SEASON_AGO`."""
    fallback: float

    @classmethod
    def fit(cls, feature: str | None, season: int | None, train: pa.Table, labels: Numbers) -> SeasonalNaive:
        """Check that there are such labels in train, and fit the mean of the labels.

        Raises:
            SeasonTooLongError: there are none.
        """
        read = feature or SEASON_AGO
        if not np.isfinite(_season_values(train, read)).any():
            raise SeasonTooLongError(season, read, len(labels))
        return cls(read, float(np.mean(labels)))

    def predict(self, encoded: pa.Table) -> Numbers:
        """Return one number per row."""
        values = _season_values(encoded, self.feature)
        return np.where(np.isfinite(values), values, self.fallback)

    def to_json(self) -> dict[str, object]:
        """Return plain values from which `from_json` restores an equal baseline."""
        return {"kind": "seasonal_naive", "feature": self.feature, "fallback": self.fallback}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> SeasonalNaive:
        """Return the baseline from the values of `to_json`."""
        feature, fallback = values["feature"], values["fallback"]
        assert isinstance(feature, str) and isinstance(fallback, float)
        return cls(feature, fallback)


def can_predict(baseline: Baseline, rows: pa.Table) -> bool:
    """Return whether the rows have what a baseline reads besides features.

    They have not if the use case declares no season any more.
    """
    return not isinstance(baseline, SeasonalNaive) or baseline.feature in rows.column_names


def _season_values(rows: pa.Table, name: str) -> Numbers:
    values: Numbers = rows[name].cast(pa.float64()).to_numpy()
    return values
