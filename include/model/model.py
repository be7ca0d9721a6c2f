"""Predict with a trained model and its baselines, identically in training and scoring."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import lightgbm
import numpy as np
import pyarrow as pa

from include.declaration.gates import MODEL
from include.model.arrays import Numbers
from include.model.baselines import Logistic, Prior
from include.model.encoding import Encoding


@dataclass(frozen=True)
class Model:
    """LightGBM's trees, their encoding, and the baselines of the same train days."""

    booster: lightgbm.Booster
    encoding: Encoding
    prior: Prior
    logistic: Logistic

    @property
    def gains(self) -> dict[str, float]:
        """Feature, by its declared name, to the gain of all its splits, in the model's order."""
        gains = self.booster.feature_importance("gain").tolist()
        return dict(zip(self.encoding.features, gains, strict=True))

    def predict(self, rows: pa.Table | pa.RecordBatch, threads: int = 1) -> Numbers:
        """Return one probability per row of features.

        Threads and batches do not change it.
        """
        return self._predict(self.encoding.encode(rows), threads)

    def predict_all(self, rows: pa.Table | pa.RecordBatch, threads: int = 1) -> dict[str, Numbers]:
        """Return the probabilities of the model and of each baseline, by subject."""
        encoded = self.encoding.encode(rows)
        return {
            MODEL: self._predict(encoded, threads),
            "prior": self.prior.predict(encoded),
            "logistic": self.logistic.predict(encoded),
        }

    def _predict(self, encoded: pa.Table, threads: int) -> Numbers:
        if encoded.num_rows == 0:
            return np.empty(0)
        probabilities: Numbers = np.asarray(self.booster.predict(encoded, num_threads=threads), dtype=np.float64)
        return probabilities

    @property
    def trees(self) -> str:
        return trees_digest(self.booster.model_to_string())


def trees_digest(text: str) -> str:
    """Return the SHA-256 of a model's text without its parameters, which name threads and files."""
    return hashlib.sha256(text.partition("\nparameters:")[0].encode()).hexdigest()
