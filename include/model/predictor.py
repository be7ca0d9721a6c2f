"""Define how encoded rows are predicted with the trees of a booster."""

from __future__ import annotations

from typing import Protocol

import lightgbm
import numpy as np
import pyarrow as pa

from include.model.arrays import Numbers


class Predictor(Protocol):
    """Predict rows with the trees of a booster; every implementation returns LightGBM's bits."""

    def predict(self, booster: lightgbm.Booster, encoded: pa.Table, threads: int) -> Numbers:
        """Return the predictions of at least one encoded row."""


class LightGBMPredictor:
    """Predict with LightGBM itself."""

    def predict(self, booster: lightgbm.Booster, encoded: pa.Table, threads: int) -> Numbers:
        return np.asarray(booster.predict(encoded, num_threads=threads), dtype=np.float64)


LIGHTGBM = LightGBMPredictor()
