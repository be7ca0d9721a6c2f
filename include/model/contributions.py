"""Split the raw scores of rows into contributions of their features: LightGBM's own, exact TreeSHAP values.

The contributions of a row and the base value add up to its raw score: the log-odds of a binary task, a score per class
before the softmax, or the number that a regression predicts, or its logarithm (Lundberg et al. 2020, From local
explanations to global understanding with explainable AI for trees). They say what moved this model's prediction, not
what would move the outcome.

They always come from LightGBM and the stored trees, whatever scored the rows: compiled trees return the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from lightgbm.basic import LightGBMError

from include.model.arrays import Numbers
from include.model.model import Model
from include.model.trainer import TrainingRows

SAMPLE_ROWS = 100
"""Rows of a period whose contributions are computed for its mean: each takes about 1 ms with 150 trees of 31 leaves."""
REFERENCE_PERIODS = 42
"""Most validation and test periods that are sampled, the newest ones."""


class NoContributionsError(ValueError):
    """LightGBM cannot compute the contributions of a model."""

    def __init__(self) -> None:
        super().__init__("LightGBM computes no contributions of a model with linear_tree=True")


@dataclass(frozen=True)
class Contributions:
    """Hold the contributions of rows to their raw scores."""

    features: tuple[str, ...]
    values: Numbers
    """Shape (rows, outputs, features); one output, or one per class."""
    base: Numbers
    """Shape (rows, outputs): the raw score without any feature."""

    @property
    def raw_scores(self) -> Numbers:
        """Return the raw score of each row and output."""
        total: Numbers = self.values.sum(axis=2) + self.base
        return total

    def mean_absolute(self) -> dict[str, float]:
        """Return feature to the mean over rows of its absolute contributions, summed over outputs."""
        means = np.abs(self.values).sum(axis=1).mean(axis=0).tolist()
        return {name: float(f"{mean:.12g}") for name, mean in zip(self.features, means, strict=True)}


def compute_contributions(model: Model, rows: pa.Table | pa.RecordBatch, threads: int = 1) -> Contributions:
    """Return the contributions to the raw scores of at least one row of features.

    Of a model with intervals, they are those of the predicted number.

    Raises:
        NoContributionsError: the trees are linear models.
    """
    outputs = model.booster.num_model_per_iteration()
    try:
        found = model.booster.predict(model.encoding.encode(rows), pred_contrib=True, num_threads=threads)
    except LightGBMError as error:
        raise NoContributionsError from error
    values = np.asarray(found, dtype=np.float64).reshape(rows.num_rows, outputs, -1)
    return Contributions(tuple(model.encoding.features), values[:, :, :-1], values[:, :, -1])


def shares(means: Mapping[str, float]) -> dict[str, float]:
    """Return each feature's share of all absolute contributions; equal shares if all are 0."""
    total = math.fsum(means.values())
    return {name: value / total if total > 0 else 1 / len(means) for name, value in means.items()}


def share_change(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return half the sum of the absolute differences of two sets of shares, from 0 to 1.

    This is the total variation distance: the share of all contributions that moved to other features.
    """
    names = sorted(one.keys() | other.keys())
    return math.fsum(abs(one.get(name, 0.0) - other.get(name, 0.0)) for name in names) / 2


@dataclass(frozen=True)
class AttributionReference:
    """Hold the features' shares of the contributions in the validation and test periods of a version."""

    shares: Mapping[str, float]
    """Feature to its mean share."""
    drift: tuple[float, ...]
    """The change of the shares of each period from the mean of the others."""
    rows: tuple[int, ...]
    """The sampled rows of each period."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values, from which `from_json` makes an equal object."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> AttributionReference:
        """Build the object from the values of `to_json`."""
        return cls(dict(values["shares"]), tuple(values["drift"]), tuple(values["rows"]))


def sampled_places(rows: int) -> Any:
    """Return at most `SAMPLE_ROWS` evenly spaced places among `rows` rows."""
    return np.linspace(0, rows - 1, min(rows, SAMPLE_ROWS)).astype(np.int64)


def learn_attributions(model: Model, parts: Sequence[TrainingRows], threads: int) -> AttributionReference | None:
    """Return the shares of contributions in periods of the parts, which are in order.

    Returns None with fewer than two periods, or if there are no contributions.
    """
    sampled: list[pa.Table] = []
    for part in parts:
        _, first = np.unique(part.periods, return_index=True)
        ends = [*first[1:].tolist(), len(part.periods)]
        for start, end in zip(first.tolist(), ends, strict=True):
            sampled.append(part.features.take(sampled_places(end - start) + start))
    sampled = sampled[-REFERENCE_PERIODS:]
    try:
        by_period = [shares(compute_contributions(model, rows, threads).mean_absolute()) for rows in sampled]
    except NoContributionsError:
        return None
    return _reference(by_period, [rows.num_rows for rows in sampled]) if len(by_period) > 1 else None


def _reference(by_period: Sequence[Mapping[str, float]], rows: Sequence[int]) -> AttributionReference:
    count, names = len(by_period), [*by_period[0]]
    total = {name: math.fsum(each[name] for each in by_period) for name in names}
    drift = [
        share_change(each, {name: (total[name] - each[name]) / (count - 1) for name in names}) for each in by_period
    ]
    return AttributionReference({name: total[name] / count for name in names}, tuple(drift), tuple(rows))
