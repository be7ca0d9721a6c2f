"""Predict with compiled trees, and compare a sample of the rows with LightGBM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import lightgbm
import numpy as np
import pyarrow as pa

from include.model.arrays import Numbers
from include.model.parity import differing_rows, needs_lightgbm
from include.model.predictor import LIGHTGBM
from include.scoring.tree_compiler import TreeEngine, TreeEngineError

LEAST_SAMPLE, MOST_SAMPLE, SAMPLE_SHARE = 32, 256, 0.01
"""Rows of each batch that LightGBM predicts too: this share, but not fewer and not more than these."""


class PredictionsDifferError(TreeEngineError):
    """Compiled trees returned other bits than LightGBM."""

    def __init__(self, differing: int, checked: int) -> None:
        self.differing, self.checked = differing, checked
        super().__init__(f"{differing:,} of {checked:,} checked rows got other bits than from LightGBM")


@dataclass(frozen=True)
class CompiledPredictor:
    """Predict with the engine of each booster."""

    engines: Mapping[lightgbm.Booster, TreeEngine]

    def predict(self, booster: lightgbm.Booster, encoded: pa.Table, threads: int) -> Numbers:
        """Return the predictions of at least one encoded row.

        Raises:
            PredictionsDifferError: a row of the sample got other bits than from LightGBM.
            TreeEngineError: the engine cannot predict them.
        """
        predictions = predict_rows(booster, self.engines[booster], encoded, threads)
        rows = encoded.num_rows
        wanted = min(rows, MOST_SAMPLE, max(LEAST_SAMPLE, int(rows * SAMPLE_SHARE)))
        sample = np.linspace(0, rows - 1, wanted).astype(np.int64)
        truth = LIGHTGBM.predict(booster, encoded.take(sample), threads)
        if len(differing := differing_rows(truth, predictions[sample])):
            raise PredictionsDifferError(len(differing), wanted)
        return predictions


def predict_rows(booster: lightgbm.Booster, engine: TreeEngine, encoded: pa.Table, threads: int) -> Numbers:
    """Return the engine's predictions, and LightGBM's for some rows.

    These are the rows of `needs_lightgbm`.

    Raises:
        TreeEngineError: the engine cannot predict them.
    """
    predictions = engine.predict(encoded, threads)
    special = needs_lightgbm(encoded)
    if special.any():
        predictions[special] = LIGHTGBM.predict(booster, encoded.filter(pa.array(special)), threads)
    return predictions
