"""Read the splits of a model's trees from LightGBM's text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

_WORD_BITS = 32
_IS_CATEGORY = 1
"""The bit of `decision_type` that marks a split by categories."""


@dataclass(frozen=True)
class Split:
    """An inner node of a tree."""

    feature: int
    """Number of the column that it reads."""
    left: int
    right: int
    """Children: the number of a split, or below 0 a leaf."""
    threshold: float
    """Numbers up to it go left."""
    categories: frozenset[int] | None
    """The categories that go left; None for a split by a number."""


Tree = tuple[Split, ...]
"""The splits of a tree; the first is its root. A tree that is one leaf has none."""


def read_trees(text: str) -> list[Tree]:
    """Return the splits of every tree in LightGBM's text.

    Raises:
        ValueError, KeyError, IndexError: the text is not LightGBM's.
    """
    return [tuple(_splits(_values(block))) for block in text.split("\nTree=")[1:]]


def _values(block: str) -> Mapping[str, str]:
    lines = block.partition("\n\n")[0].split("\n")[1:]
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _splits(values: Mapping[str, str]) -> Iterator[Split]:
    if int(values["num_leaves"]) < 2:
        return
    features, left, right, kinds = (
        list(map(int, values[name].split())) for name in ("split_feature", "left_child", "right_child", "decision_type")
    )
    thresholds = list(map(float, values["threshold"].split()))
    sets = list(_category_sets(values)) if int(values.get("num_cat", "0")) else []
    for feature, low, high, kind, threshold in zip(features, left, right, kinds, thresholds, strict=True):
        yield Split(feature, low, high, threshold, sets[int(threshold)] if kind & _IS_CATEGORY else None)


def _category_sets(values: Mapping[str, str]) -> Iterator[frozenset[int]]:
    """Yield the categories of each split by categories; they are stored as bits of 32-bit words."""
    ends = list(map(int, values["cat_boundaries"].split()))
    words: npt.NDArray[np.uint32] = np.array(values["cat_threshold"].split(), dtype=np.uint32)
    for first, last in pairwise(ends):
        bits = np.unpackbits(words[first:last].astype("<u4").view(np.uint8), bitorder="little")
        yield frozenset(np.flatnonzero(bits).tolist())
