"""Slices: how a model does in each group of rows that share a value, such as a carrier, an hour, or people's group."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.costs import DecisionCosts
from include.model import metrics
from include.model.arrays import Numbers

NULL = "null"
"""How the group of rows without a value is called."""


@dataclass(frozen=True)
class SliceGroup:
    """A group with enough rows: a metric, what it is compared with, and how much worse it is (below 0: better)."""

    name: str
    rows: int
    value: float
    compared: float
    worse: float


@dataclass(frozen=True)
class SliceMetrics:
    """The groups of a column."""

    judged: tuple[SliceGroup, ...]
    """Worst first; by name where equal."""
    undefined: Mapping[str, int]
    """Group to rows where the metric is not defined, such as the AUC of rows of one class."""
    small: Mapping[str, int]
    """Group to rows where these are too few."""


def slice_metrics(
    column: pa.Array | pa.ChunkedArray,
    labels: Numbers,
    probabilities: Numbers,
    metric: str,
    *,
    reference: Numbers | float,
    costs: DecisionCosts,
    min_rows: int,
) -> SliceMetrics:
    """The metric of each group of the column, compared with `reference`.

    `reference` is either another subject's probabilities (then its metric on the same group) or one number for all
    groups. Column, labels and probabilities are of one length.
    """
    names, order, starts = _groups(column)
    sizes = np.diff([*starts, len(order)])
    labels, probabilities = labels[order], probabilities[order]
    other = reference[order] if isinstance(reference, np.ndarray) else reference
    judged, undefined = [], {}
    for place in np.flatnonzero(sizes >= min_rows):
        own, rows = slice(starts[place], starts[place] + sizes[place]), int(sizes[place])
        value = metrics.compute_metric(metric, labels[own], probabilities[own], costs)
        compared = (
            metrics.compute_metric(metric, labels[own], other[own], costs) if isinstance(other, np.ndarray) else other
        )
        if value is None or compared is None or not (math.isfinite(value) and math.isfinite(compared)):
            undefined[names[place]] = rows
        else:
            judged.append(SliceGroup(names[place], rows, value, compared, degradation_of(metric, value, compared)))
    small = {names[place]: int(sizes[place]) for place in np.flatnonzero(sizes < min_rows)}
    return SliceMetrics(tuple(sorted(judged, key=lambda group: (-group.worse, group.name))), undefined, small)


def degradation_of(metric: str, value: float, compared: float) -> float:
    """How much worse a value of the metric is than another, in the metric's unit; below 0: better."""
    return compared - value if metrics.METRICS[metric].higher_is_better else value - compared


def _groups(column: pa.Array | pa.ChunkedArray) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The groups' names, the rows in order of group, and where in that order each group starts."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    encoded = pc.dictionary_encode(column, null_encoding="encode")
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    names = [NULL if value is None else str(value) for value in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes, minlength=len(names))
    return names, order, np.cumsum(sizes) - sizes
