"""Predict intervals that contain the label with a declared probability.

Split-conformal: an interval is the prediction plus quantiles of its errors on the validation days, which the trees were
not fitted on (Vovk et al. 2005; Lei et al. 2018). Quantile models: one model per end (Koenker, Bassett 1978); quantiles
that cross are sorted (Chernozhukov et al. 2010) and counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import lightgbm
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from include.model.arrays import Numbers
from include.model.model_errors import IntervalRowsError
from include.model.predictor import LIGHTGBM, Predictor

CROSSED = "crossed_intervals"
"""Name of what is known about crossed quantiles: the parameter of a run, the count of a commit, and the metric."""
SCALES = ("one", "root", "value")
"""What an error is divided by: nothing; the root of the prediction, as for counts; or the prediction."""


@dataclass(frozen=True)
class Intervals:
    """Predictions with the ends of their intervals."""

    values: Numbers
    """(rows, 3): prediction, lower and upper end."""
    crossed: npt.NDArray[np.bool_]
    """(rows,): whether the quantiles of the row crossed, and were sorted."""


class Bounds(Protocol):
    """Add the ends of the interval to predictions."""

    def around(self, point: Numbers, encoded: pa.Table, threads: int, predictor: Predictor = LIGHTGBM) -> Intervals:
        """Return the predictions with their intervals, the ends in order."""

    def to_json(self) -> dict[str, object]:
        """Return plain values from which `bounds_from_json` restores equal bounds."""

    @property
    def boosters(self) -> tuple[lightgbm.Booster, ...]:
        """Return its own models."""


@dataclass(frozen=True)
class ConformalBounds:
    """Add fixed multiples of a row's scale to its prediction."""

    lower: float
    upper: float
    scale: str
    """One of `SCALES`."""
    least: float = -math.inf
    """The least possible label."""

    @classmethod
    def fit(
        cls, labels: Numbers, point: Numbers, levels: tuple[float, float], *, scale: str, least: float = -math.inf
    ) -> ConformalBounds:
        """Fit the ends on rows that the model was not fitted on.

        With exchangeable rows, each end holds with at least its declared probability: it is the error of rank
        ceil((n + 1) level), or for the lower end floor((n + 1) level), of n errors in ascending order.

        Raises:
            IntervalRowsError: there are too few rows for the declared quantiles.
        """
        errors = np.sort((labels - point) / _scales(point, scale))
        rows = len(errors)
        low, high = math.floor((rows + 1) * levels[0] + 1e-9), math.ceil((rows + 1) * levels[1] - 1e-9)
        if low < 1 or high > rows:
            least_rows = math.ceil(max(1 / levels[0], 1 / (1 - levels[1])) - 1e-9) - 1
            raise IntervalRowsError(*levels, least_rows, rows)
        return cls(float(errors[low - 1]), float(errors[high - 1]), scale, least)

    def around(self, point: Numbers, encoded: pa.Table, threads: int, predictor: Predictor = LIGHTGBM) -> Intervals:
        """Return the predictions with their intervals; their ends never cross."""
        del encoded, threads, predictor
        scales = _scales(point, self.scale)
        ends = (point + each * scales for each in (self.lower, self.upper))
        values = np.column_stack([point, *(np.maximum(end, self.least) for end in ends)])
        return Intervals(values, np.zeros(len(point), dtype=np.bool_))

    def to_json(self) -> dict[str, object]:
        """Return plain values from which `bounds_from_json` restores equal bounds."""
        least = None if math.isinf(self.least) else self.least
        return {"kind": "conformal", "lower": self.lower, "upper": self.upper, "scale": self.scale, "least": least}

    @property
    def boosters(self) -> tuple[lightgbm.Booster, ...]:
        return ()


@dataclass(frozen=True)
class QuantileBounds:
    """Predict each end with a model of its own."""

    lower: lightgbm.Booster
    upper: lightgbm.Booster
    with_point: bool
    """Whether the prediction is a quantile between the ends, so that it is sorted with them."""

    def ends(self, encoded: pa.Table, threads: int, predictor: Predictor = LIGHTGBM) -> Numbers:
        """Return (rows, 2): the ends as their models predict them, which may cross."""
        return np.column_stack([predictor.predict(each, encoded, threads) for each in self.boosters])

    def around(self, point: Numbers, encoded: pa.Table, threads: int, predictor: Predictor = LIGHTGBM) -> Intervals:
        """Return the predictions with their intervals; quantiles that cross are sorted.

        With a predicted quantile between the ends, it may cross each of them.
        """
        ends = self.ends(encoded, threads, predictor)
        quantiles = np.column_stack([ends[:, 0], point, ends[:, 1]]) if self.with_point else ends
        crossed = np.any(quantiles[:, :-1] > quantiles[:, 1:], axis=1)
        ordered = np.sort(quantiles, axis=1)
        values = ordered[:, [1, 0, 2]] if self.with_point else np.column_stack([point, ordered])
        return Intervals(values, crossed)

    def to_json(self) -> dict[str, object]:
        """Return plain values from which `bounds_from_json` restores equal bounds."""
        lower, upper = (model.model_to_string() for model in self.boosters)
        return {"kind": "quantile", "lower": lower, "upper": upper, "with_point": self.with_point}

    @property
    def boosters(self) -> tuple[lightgbm.Booster, ...]:
        return self.lower, self.upper


def bounds_from_json(values: Mapping[str, object]) -> Bounds:
    """Return the bounds from the values of `to_json`.

    Raises:
        KeyError, TypeError, ValueError: the values are not those of bounds.
    """
    lower, upper = values["lower"], values["upper"]
    if values["kind"] == "quantile":
        low, high = (lightgbm.Booster(model_str=str(text)) for text in (lower, upper))
        return QuantileBounds(low, high, bool(values["with_point"]))
    if values["kind"] != "conformal" or values["scale"] not in SCALES:
        raise ValueError(f"{values['kind']!r} with the scale {values.get('scale')!r} is no kind of interval")
    assert isinstance(lower, float) and isinstance(upper, float)
    least = values["least"]
    return ConformalBounds(lower, upper, str(values["scale"]), float(least) if isinstance(least, float) else -math.inf)


def _scales(point: Numbers, scale: str) -> Numbers:
    """Return the scale of each row's error; always above 0."""
    if scale == "one":
        return np.ones(len(point))
    positive = np.maximum(point, 1e-6)
    return np.sqrt(positive) if scale == "root" else positive
