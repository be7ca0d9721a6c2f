"""Compute a metric for each value of a column, such as each carrier or hour."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.task import Task
from include.model import metrics
from include.model.arrays import Numbers

NULL = "null"
"""Name of the group of rows without a value."""


@dataclass(frozen=True)
class SliceGroup:
    """The metric of a group, its reference, and how much worse it is (below 0: better)."""

    name: str
    rows: int
    value: float
    compared: float
    worse: float


@dataclass(frozen=True)
class SliceMetrics:
    """The metric in the groups of a column."""

    judged: tuple[SliceGroup, ...]
    """Worst first; by name where equal."""
    undefined: Mapping[str, int]
    """Groups for which the metric is undefined, such as the AUC of one class, with their rows."""
    small: Mapping[str, int]
    """Groups with too few rows, with their rows."""


def slice_metrics(
    column: pa.Array | pa.ChunkedArray,
    labels: Numbers,
    probabilities: Numbers,
    metric: str,
    *,
    reference: Numbers | float,
    task: Task,
    min_rows: int,
) -> SliceMetrics:
    """Compute the metric of each group of the column and compare it with `reference`.

    `reference` is another subject's probabilities (then its metric on the same group is the reference) or one number
    for all groups. Column, labels and probabilities have the same length.
    """
    names, order, starts = _groups(column)
    sizes = np.diff([*starts, len(order)])
    labels, probabilities = labels[order], probabilities[order]
    other = reference[order] if isinstance(reference, np.ndarray) else reference
    judged, undefined = [], {}
    for group in np.flatnonzero(sizes >= min_rows):
        own, rows = slice(starts[group], starts[group] + sizes[group]), int(sizes[group])
        value = metrics.compute_metric(metric, labels[own], probabilities[own], task)
        compared = (
            metrics.compute_metric(metric, labels[own], other[own], task) if isinstance(other, np.ndarray) else other
        )
        if value is None or compared is None or not (math.isfinite(value) and math.isfinite(compared)):
            undefined[names[group]] = rows
        else:
            judged.append(SliceGroup(names[group], rows, value, compared, degradation_of(metric, value, compared)))
    small = {names[group]: int(sizes[group]) for group in np.flatnonzero(sizes < min_rows)}
    return SliceMetrics(tuple(sorted(judged, key=lambda group: (-group.worse, group.name))), undefined, small)


def degradation_of(metric: str, value: float, compared: float) -> float:
    """Return how much worse `value` is than `compared`, in the metric's unit.

    Below 0 is better.
    """
    return compared - value if metrics.METRICS[metric].higher_is_better else value - compared


def _groups(column: pa.Array | pa.ChunkedArray) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return names of groups, row indices sorted by group, and the start of each group."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    encoded = pc.dictionary_encode(column, null_encoding="encode")
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    names = [NULL if value is None else str(value) for value in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes, minlength=len(names))
    return names, order, np.cumsum(sizes) - sizes
