"""Make the rows on which another way to evaluate trees must return LightGBM's bits.

For every split of every tree there are rows that reach it, with the value at its threshold and the next floating-point
numbers on both sides, or a category that goes left and one that goes right; and null. So every leaf is reached, if any
row can reach it. Further rows hold extreme values, every category, and random values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from include.model.arrays import Numbers
from include.model.encoding import Encoding
from include.model.tree_text import Tree

ALMOST_ZERO = float(np.float32(1e-35))
"""LightGBM predicts numbers up to this size as 0."""
RANDOM_ROWS = 1_000
CHUNK_SPLITS = 10_000
"""Splits whose rows are in memory at once."""
EXTREMES = (
    *(0.0, -0.0, 1.0, -1.0, 0.5, -0.5, np.nan, np.inf, -np.inf, 5e-324, -5e-324, 1e-36, -1e-36),
    *(ALMOST_ZERO, -ALMOST_ZERO, 1e300, -1e300, float(np.finfo(float).max), float(np.finfo(float).min)),
    *(2.0**24 + 1, 2.0**31, -(2.0**31), 2.0**53, 2.0**53 + 2, 2.0**63, -(2.0**63)),
)
Bounds = tuple[float, float]
"""Numbers above the first and up to the second."""
_Reached = tuple[int, Mapping[int, Bounds], Mapping[int, frozenset[int]]]
"""A split with the numbers and the categories of the rows that reach it, by column."""


def rows_of_trees(trees: Sequence[Tree], encoding: Encoding, chunk_splits: int = CHUNK_SPLITS) -> Iterator[pa.Table]:
    """Yield the rows of every split, those of about `chunk_splits` at a time."""
    chunk: list[Tree] = []
    for tree in trees:
        chunk.append(tree)
        if sum(map(len, chunk)) >= chunk_splits:
            yield _split_rows(chunk, encoding)
            chunk = []
    if any(chunk):
        yield _split_rows(chunk, encoding)


def other_rows(trees: Sequence[Tree], encoding: Encoding) -> Iterator[pa.Table]:
    """Yield rows with extreme values, every category and random values; missing ones as null and as NaN."""
    kinds, generator = encoding.schema().types, np.random.default_rng(0)
    values = [_values(trees, encoding, column) for column in range(len(kinds))]
    base = np.column_stack([generator.choice(each, RANDOM_ROWS) for each in values])
    base[generator.random(base.shape) < 0.05] = np.nan
    changed = [(column, value) for column, each in enumerate(_special(encoding)) for value in each]
    special = base[np.arange(len(changed)) % RANDOM_ROWS]
    for row, (column, value) in enumerate(changed):
        special[row, column] = value
    everywhere = np.repeat(np.array(EXTREMES)[:, None], len(kinds), axis=1)
    rows = np.vstack([base, special, everywhere])
    for as_null in (True, False):
        yield _table(rows, encoding, as_null=as_null)


def needs_lightgbm(encoded: pa.Table) -> npt.NDArray[np.bool_]:
    """Return for each row whether a value is infinite, or so small that LightGBM predicts it as 0."""
    found = np.zeros(encoded.num_rows, dtype=np.bool_)
    for column in encoded.columns:
        size = np.abs(column.to_numpy())
        found |= (size == np.inf) | ((size <= ALMOST_ZERO) & (size > 0))
    return found


def differing_rows(truth: Numbers, predictions: Numbers) -> npt.NDArray[np.int64]:
    """Return the numbers of the rows with a differing bit; all for another shape."""
    if truth.shape != predictions.shape or truth.dtype != predictions.dtype:
        return np.arange(max(len(truth), 1))
    differs = np.ascontiguousarray(truth).view(np.uint64) != np.ascontiguousarray(predictions).view(np.uint64)
    return np.flatnonzero(differs.reshape(len(truth), -1).any(axis=1))


def digest_of_numbers(parts: Sequence[Numbers]) -> str:
    """Return the SHA-256 of the bits of numbers, and of their shapes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part.shape).encode())
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def numbers_of_rows(table: pa.Table) -> Numbers:
    """Return the values of encoded rows as numbers, null as NaN."""
    return np.column_stack([column.to_numpy().astype(np.float64) for column in table.columns])


def _split_rows(trees: Sequence[Tree], encoding: Encoding) -> pa.Table:
    """Return the rows that reach each split of these trees, three or more for each."""
    wide = [kind == pa.float64() for kind in encoding.schema().types]
    paths = list(chain.from_iterable(_paths(tree, encoding, wide) for tree in trees))
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(len(paths), len(wide)))
    for number, values in enumerate(paths):
        for column, value in values.items():
            rows[number, column] = value
    return _table(rows, encoding, as_null=True)


def _paths(tree: Tree, encoding: Encoding, wide: Sequence[bool]) -> Iterator[Mapping[int, float]]:
    """Yield column to value of each row, for the columns that decide which split it reaches."""
    every = {column: frozenset(range(size)) for column, size in _category_counts(encoding).items()}
    pending: list[_Reached] = [(0, {}, every)] if tree else []
    while pending:
        number, limits, allowed = pending.pop()
        split, column = tree[number], tree[number].feature
        values = {each: _within(limit, wide[each]) for each, limit in limits.items()}
        values |= {each: min(some, default=0) for each, some in allowed.items() if some != every[each]}
        if split.categories is None:
            around = _around(split.threshold, wide[column])
            low, high = limits.get(column, (-np.inf, np.inf))
            below, above = (low, split.threshold), (split.threshold, high)
            children: list[_Reached] = [
                (split.left, {**limits, column: below}, allowed),
                (split.right, {**limits, column: above}, allowed),
            ]
        else:
            lefts, rights = allowed[column] & split.categories, allowed[column] - split.categories
            around = [min(lefts, default=0), min(rights, default=len(every[column])), np.nan]
            children = [
                (split.left, limits, {**allowed, column: lefts}),
                (split.right, limits, {**allowed, column: rights}),
            ]
        yield from ({**values, column: value} for value in around)
        pending += [child for child in children if child[0] >= 0]


def _around(threshold: float, is_wide: bool) -> list[float]:
    """Return values that take both ways at a threshold."""
    around = [threshold, _next(threshold, np.inf, is_wide), _next(threshold, -np.inf, is_wide), np.nan]
    return [*around, 0.0] if abs(threshold) <= ALMOST_ZERO else around


def _within(limit: Bounds, is_wide: bool) -> float:
    """Return a number above the first limit and up to the second, if possible no tiny one."""
    low, high = limit
    choices = [0.0, high, _next(high, -np.inf, is_wide), _next(low, np.inf, is_wide), low / 2 + high / 2]
    if not is_wide:
        choices = [float(np.float32(value)) for value in choices]
    fitting = (value for value in choices if low < value <= high and np.isfinite(value))
    return next((value for value in fitting if value == 0 or abs(value) > ALMOST_ZERO), high)


def _next(value: float, towards: float, is_wide: bool) -> float:
    """Return the next number of a column's type on one side of a value."""
    if is_wide:
        return float(np.nextafter(value, towards))
    near = np.float32(value)
    if (near > value) if towards > 0 else (near < value):
        return float(near)
    return float(np.nextafter(near, np.float32(towards)))


def _values(trees: Sequence[Tree], encoding: Encoding, column: int) -> Numbers:
    """Return values of a column on all sides of its thresholds, from which random ones are chosen."""
    name = list(encoding.features)[column]
    if name in encoding.vocabulary:
        return np.arange(len(encoding.vocabulary[name]) + 1, dtype=np.float64)
    found = {split.threshold for tree in trees for split in tree if split.feature == column}
    thresholds = np.array(sorted(found | {0.0}))
    ends = [thresholds[0] - 1, thresholds[-1] + 1]
    return np.concatenate([thresholds, thresholds[:-1] / 2 + thresholds[1:] / 2, ends])


def _special(encoding: Encoding) -> list[Sequence[float]]:
    """Return for each column every category, or the extreme numbers."""
    words = encoding.vocabulary
    return [
        [*map(float, range(len(words[name]) + 1)), np.nan, -1.0] if name in words else EXTREMES
        for name in encoding.features
    ]


def _category_counts(encoding: Encoding) -> dict[int, int]:
    return {
        column: len(encoding.vocabulary[name])
        for column, name in enumerate(encoding.features)
        if name in encoding.vocabulary
    }


def _table(rows: Numbers, encoding: Encoding, *, as_null: bool) -> pa.Table:
    """Return rows of numbers as encoded ones, NaN as null if `as_null`."""
    with np.errstate(over="ignore", under="ignore"):  # a large number becomes infinite in float32
        columns = [
            pa.array(rows[:, column].astype(field.type.to_pandas_dtype()), from_pandas=as_null)
            for column, field in enumerate(encoding.schema())
        ]
    return pa.table(columns, schema=encoding.schema())
