"""Measure how far a distribution is from a reference, on its bins.

All functions work on counts per bin, which can be added over record batches, files and days. So a sample of any size
is measured in the memory of one batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import scipy.stats

from include.model.arrays import Numbers

_MANY_ROWS = 50
"""From this number of rows per bin on, PSI follows its asymptotic distribution."""
_DRAWN, _SEED = 4999, 20200101
Counts = npt.NDArray[np.int64]
"""Rows per bin of one column, in the order of its `Bins`; the last two count nulls and unseen categories."""
CAP = 1.0
"""Greatest PSI that a feature adds to the weighted drift: a distribution without overlap with the reference cannot move
further, but its PSI still grows with the number of rows."""


@dataclass(frozen=True)
class Bins:
    """Define the bins of one column.

    Numbers have `edges` (bin i holds edges[i-1] <= x < edges[i]), categories have `values`; exactly one is not None.
    The last two bins count nulls and unseen categories.
    """

    edges: tuple[float, ...] | None = None
    values: tuple[str, ...] | None = None

    def __len__(self) -> int:
        """Return the number of bins, with those of nulls and unseen categories."""
        own = len(self.values) if self.values is not None else len(self.edges or ()) + 1
        return own + 2

    @cached_property
    def _categories(self) -> pa.Array:
        return pa.array(self.values, pa.string())

    def count(self, column: pa.Array | pa.ChunkedArray) -> Counts:
        """Count the column's rows per bin.

        NaN and infinities count as nulls, as in the reference.
        """
        present = column.drop_null() if column.null_count else column
        own = self._count_categories(present) if self.values is not None else self._count_numbers(present)
        outside = len(present) - int(own.sum())
        unseen = outside if self.values is not None else 0
        return np.append(own, [len(column) - len(present) + outside - unseen, unseen])

    def _count_categories(self, present: pa.Array | pa.ChunkedArray) -> Counts:
        indices = pc.index_in(present, value_set=self._categories).drop_null()
        return np.bincount(indices.to_numpy(), minlength=len(self) - 2)

    def _count_numbers(self, present: pa.Array | pa.ChunkedArray) -> Counts:
        numbers = (present.cast(pa.int8()) if pa.types.is_boolean(present.type) else present).to_numpy()
        if numbers.dtype.kind == "f" and not (finite := np.isfinite(numbers)).all():
            numbers = numbers[finite]
        # A few comparisons of a whole batch, which fits in the cache, are faster than a search for each value.
        above = [np.count_nonzero(numbers >= edge) for edge in self.edges or ()]
        return -np.diff([len(numbers), *above, 0])


def psi(expected: npt.ArrayLike, actual: npt.ArrayLike) -> float | None:
    """Return the population stability index of two samples from their rows per bin.

    It is sum((a - e) ln(a / e)) over the bins' shares: 0 for equal shares, without an upper bound (Siddiqi 2006, Credit
    Risk Scorecards; Yurdakul, Naranjo 2020). A bin that is empty in one sample counts as half a row there, which avoids
    a division by 0 and a large PSI from few rows; a bin that is empty in both is left out. Returns None if a sample has
    no rows.
    """
    if (shares := _shares(expected, actual)) is None:
        return None
    e, a = shares
    return float(np.sum((a - e) * np.log(a / e)))


def psi_null_quantile(expected: npt.ArrayLike, actual: npt.ArrayLike, confidence: float = 0.99) -> float:
    """Return the quantile of the PSI of two samples of one distribution.

    Their rows are independent. PSI / (1/n + 1/m) follows a chi-squared distribution with one degree of freedom less
    than there are bins with rows (Yurdakul, Naranjo 2020, Statistical properties of the population stability index).
    With few rows per bin its tail is heavier: then the result is the greater of this quantile and that of simulated
    samples, both drawn from the pooled shares with a fixed seed. Infinite without rows.
    """
    e, a = np.asarray(expected, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    if not (e.sum() and a.sum()):
        return math.inf
    freedom = max(int(np.count_nonzero(e + a)) - 1, 1)
    limit = float(scipy.stats.chi2.ppf(confidence, freedom) * (1 / e.sum() + 1 / a.sum()))
    if min(e.sum(), a.sum()) >= _MANY_ROWS * (freedom + 1):
        return limit
    return max(limit, _simulated(e, a, confidence))


def _simulated(e: Numbers, a: Numbers, confidence: float) -> float:
    """Return the quantile of the PSI of simulated samples of one distribution.

    A slightly higher quantile is used, since it is itself an estimate.
    """
    shares = (e + a)[(e + a) > 0] / (e.sum() + a.sum())
    rng = np.random.default_rng(_SEED)
    one, other = (
        np.maximum(rng.multinomial(round(counts.sum()), shares, size=_DRAWN), 0.5) / counts.sum() for counts in (e, a)
    )
    psis = np.sum((other - one) * np.log(other / one), axis=1)
    return float(np.quantile(psis, 1 - 0.8 * (1 - confidence)))


def weighted_drift(importance: Mapping[str, float], psis: Mapping[str, float]) -> float | None:
    """Return the sum over features of importance times PSI, each PSI at most `CAP`.

    It ranges from 0 (no change) to 1 (every important feature has changed fully). The importances of the features with
    a PSI are scaled to a sum of 1, so that a missing feature does not lower the result. Returns None if their sum is 0.
    """
    measured = {name: share for name, share in importance.items() if name in psis}
    total = sum(measured.values())
    if total <= 0:
        return None
    return math.fsum(share / total * min(psis[name], CAP) for name, share in measured.items())


def count_bins(bins: Mapping[str, Bins], batches: Iterable[pa.RecordBatch | pa.Table]) -> dict[str, Counts]:
    """Count the rows per bin of every column that has bins and exists, batch by batch."""
    counts: dict[str, Counts] = {}
    for batch in batches:
        for name, own in bins.items():
            if name in batch.schema.names:
                counts[name] = counts.get(name, 0) + own.count(batch[name])
    return counts


def _shares(expected: npt.ArrayLike, actual: npt.ArrayLike) -> tuple[Numbers, Numbers] | None:
    """Return both as shares, none 0, without bins empty in both; None if no rows."""
    e, a = np.asarray(expected, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    if not (e.sum() and a.sum()):
        return None
    filled = (e + a) > 0
    return np.maximum(e[filled], 0.5) / e.sum(), np.maximum(a[filled], 0.5) / a.sum()
