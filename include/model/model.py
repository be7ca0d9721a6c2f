"""Predict with a trained model and its baselines, identically in training and scoring."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa

from include.declaration.gates import MODEL
from include.model.arrays import Numbers
from include.model.baselines import Baseline, Logistic, Prior
from include.model.class_baselines import ClassLogistic, ClassPrior
from include.model.encoding import Encoding
from include.model.prediction_intervals import Bounds, bounds_from_json
from include.model.predictor import LIGHTGBM, Predictor
from include.model.regression_baselines import Constant, Linear, SeasonalNaive, can_predict
from include.model.season import with_season

_KINDS: Mapping[str, Any] = {
    "constant": Constant,
    "linear": Linear,
    "seasonal_naive": SeasonalNaive,
    "class_prior": ClassPrior,
    "class_logistic": ClassLogistic,
}


@dataclass(frozen=True)
class Predictions:
    """The predictions of a model, and how many were repaired."""

    values: Numbers
    """One number per row, or a row of numbers."""
    crossed: int = 0
    """Rows whose quantiles crossed, and were sorted."""


@dataclass(frozen=True)
class Model:
    """LightGBM's trees, their encoding, and the baselines of the same train days."""

    booster: lightgbm.Booster
    encoding: Encoding
    baselines: Mapping[str, Baseline]
    bounds: Bounds | None = None
    """The interval of each prediction; None: there are no intervals."""
    predictor: Predictor = LIGHTGBM
    """Evaluates the trees of `boosters`."""

    @property
    def boosters(self) -> tuple[lightgbm.Booster, ...]:
        """Return the booster of the predictions, and those of the ends of the intervals."""
        return self.booster, *(self.bounds.boosters if self.bounds else ())

    @property
    def gains(self) -> dict[str, float]:
        """Feature, by its declared name, to the gain of all its splits, in the model's order."""
        gains = self.booster.feature_importance("gain").tolist()
        return dict(zip(self.encoding.features, gains, strict=True))

    def predict(self, rows: pa.Table | pa.RecordBatch, threads: int = 1) -> Numbers:
        """Return one prediction per row of features: a number, or a row of numbers.

        Threads and batches do not change it.
        """
        return self.predict_and_count(rows, threads).values

    def predict_and_count(self, rows: pa.Table | pa.RecordBatch, threads: int = 1) -> Predictions:
        """Return the same, with the number of rows that were repaired."""
        return self.predict_encoded(self.encoding.encode(rows), threads)

    def predict_all(self, rows: pa.Table | pa.RecordBatch, threads: int = 1) -> dict[str, Numbers]:
        """Return the predictions of the model and of each baseline, by subject."""
        encoded = self.encoding.encode(rows)
        read = with_season(encoded, rows)
        able = {name: baseline for name, baseline in self.baselines.items() if can_predict(baseline, read)}
        predicted = {name: baseline.predict(read) for name, baseline in able.items()}
        return {MODEL: self.predict_encoded(encoded, threads).values, **predicted}

    def predict_encoded(self, encoded: pa.Table, threads: int = 1) -> Predictions:
        """Return the predictions of encoded rows."""
        if encoded.num_rows == 0:
            width = 3 if self.bounds else self.booster.num_model_per_iteration()
            return Predictions(np.empty(0 if width == 1 else (0, width)))
        predictions = self.predictor.predict(self.booster, encoded, threads)
        if self.bounds is None:
            return Predictions(predictions)
        intervals = self.bounds.around(predictions, encoded, threads, self.predictor)
        return Predictions(intervals.values, int(np.count_nonzero(intervals.crossed)))

    @property
    def trees(self) -> str:
        """Return the digest of all its trees."""
        return trees_digest(*(booster.model_to_string() for booster in self.boosters))

    def parts(self) -> dict[str, Any]:
        """Return everything but the trees of `booster`, by name, as plain values."""
        bounds = {"bounds": self.bounds.to_json()} if self.bounds else {}
        baselines = {name: baseline.to_json() for name, baseline in self.baselines.items()}
        return {"encoding": self.encoding.to_json(), "baselines": baselines, **bounds}

    @classmethod
    def from_parts(cls, trees: str, parts: Mapping[str, Any]) -> Model:
        """Return the model from LightGBM's text and the values of `parts`.

        Raises:
            ValueError, KeyError, TypeError, AttributeError, AssertionError, LightGBMError: they are not a model's.
        """
        return cls(
            booster=lightgbm.Booster(model_str=trees),
            encoding=Encoding.from_json(parts["encoding"]),
            baselines={name: _baseline(name, values) for name, values in parts["baselines"].items()},
            bounds=bounds_from_json(parts["bounds"]) if "bounds" in parts else None,
        )


def _baseline(name: str, values: Any) -> Baseline:
    """Return a baseline from its plain values; without a kind, of a probability."""
    if isinstance(values, Mapping) and "kind" in values:
        baseline: Baseline = _KINDS[values["kind"]].from_json(values)
        return baseline
    if name == "prior":
        return Prior(values)
    if name == "logistic":
        return Logistic.from_json(values)
    raise ValueError(f"there is no baseline {name!r}")


def trees_digest(*texts: str) -> str:
    """Return the SHA-256 of texts without parameters, which name threads and files."""
    return hashlib.sha256("".join(text.partition("\nparameters:")[0] for text in texts).encode()).hexdigest()
