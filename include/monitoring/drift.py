"""Drift: how far a sample's spread is from a reference's, on bins that the reference fixed once.

Everything here works on counts per bin, which add up: over record batches, files or days. So a sample of any size is
measured in the memory of one batch.
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
"""From so many rows per bin on, PSI follows its asymptotic distribution."""
_DRAWN, _SEED = 4999, 20200101
Counts = npt.NDArray[np.int64]
"""Rows per bin of one column, in the order of its `Bins`; the last two are of nulls and of categories never seen."""
CAP = 1.0
"""A feature adds to the weighted drift as if its PSI were at most this: a distribution that has moved altogether cannot
move further, while its PSI would go on to grow with the number of rows."""


@dataclass(frozen=True)
class Bins:
    """Where one column's values fall. Numbers have `edges` (bin i holds edges[i-1] <= x < edges[i]), categories have
    `values`; exactly one of them is not None. A null and an unseen category have bins of their own, at the end."""

    edges: tuple[float, ...] | None = None
    values: tuple[str, ...] | None = None

    def __len__(self) -> int:
        """Bins, with the two of nulls and unseen categories."""
        own = len(self.values) if self.values is not None else len(self.edges or ()) + 1
        return own + 2

    @cached_property
    def _words(self) -> pa.Array:
        return pa.array(self.values, pa.string())

    def count(self, column: pa.Array | pa.ChunkedArray) -> Counts:
        """Rows of the column per bin; NaN and infinities count as nulls, as in the reference."""
        there = column.drop_null() if column.null_count else column
        own = self._of_words(there) if self.values is not None else self._of_numbers(there)
        missed = len(there) - int(own.sum())
        unseen = missed if self.values is not None else 0
        return np.append(own, [len(column) - len(there) + missed - unseen, unseen])

    def _of_words(self, there: pa.Array | pa.ChunkedArray) -> Counts:
        places = pc.index_in(there, value_set=self._words).drop_null()
        return np.bincount(places.to_numpy(), minlength=len(self) - 2)

    def _of_numbers(self, there: pa.Array | pa.ChunkedArray) -> Counts:
        numbers = (there.cast(pa.int8()) if pa.types.is_boolean(there.type) else there).to_numpy()
        if numbers.dtype.kind == "f" and not (finite := np.isfinite(numbers)).all():
            numbers = numbers[finite]
        # Some comparisons of a batch that is in the cache are faster than a search for each of its values.
        above = [np.count_nonzero(numbers >= edge) for edge in self.edges or ()]
        return -np.diff([len(numbers), *above, 0])


def psi(expected: npt.ArrayLike, actual: npt.ArrayLike) -> float | None:
    """Population stability index of two samples, from their rows per bin: sum((a - e) ln(a / e)) over bins' shares.

    From 0 (equal shares), without an upper end (Siddiqi 2006, Credit Risk Scorecards; Yurdakul, Naranjo 2020). A bin
    that is empty in one sample counts as half a row there, so nothing is divided by nothing, and few rows do not look
    like much drift; one that is empty in both is left out. None where a sample has no rows.
    """
    if (shares := _shares(expected, actual)) is None:
        return None
    e, a = shares
    return float(np.sum((a - e) * np.log(a / e)))


def psi_null_quantile(expected: npt.ArrayLike, actual: npt.ArrayLike, confidence: float = 0.99) -> float:
    """The PSI that two samples of one distribution stay under with that confidence, as rows are drawn on their own.

    PSI / (1/n + 1/m) follows a chi-squared distribution with one degree of freedom less than there are bins with rows
    (Yurdakul, Naranjo 2020, Statistical properties of the population stability index). With few rows per bin the tail
    is heavier than that: there, the bound is the greater of this and of the same quantile of simulated samples, both
    drawn from the pooled shares; the same ones each time. Infinite without rows.
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
    """The quantile of the PSI of samples that are drawn from one distribution; a little higher than asked for, since
    it is itself an estimate."""
    shares = (e + a)[(e + a) > 0] / (e.sum() + a.sum())
    rng = np.random.default_rng(_SEED)
    one, other = (
        np.maximum(rng.multinomial(round(each.sum()), shares, size=_DRAWN), 0.5) / each.sum() for each in (e, a)
    )
    found = np.sum((other - one) * np.log(other / one), axis=1)
    return float(np.quantile(found, 1 - 0.8 * (1 - confidence)))


def weighted_drift(importance: Mapping[str, float], psis: Mapping[str, float]) -> float | None:
    """Sum over features of importance times PSI, each PSI cut at `CAP`: from 0 (nothing moved) to 1 (all that the
    model looks at has moved). Importances are scaled to add up to 1 over the features that have a PSI, so that one
    which is missing hides nothing; None where those have none at all."""
    there = {name: share for name, share in importance.items() if name in psis}
    total = sum(there.values())
    if total <= 0:
        return None
    return math.fsum(share / total * min(psis[name], CAP) for name, share in there.items())


def count_bins(bins: Mapping[str, Bins], batches: Iterable[pa.RecordBatch | pa.Table]) -> dict[str, Counts]:
    """Rows per bin of every column that has bins and is there; in the memory of one batch, whatever their number."""
    found: dict[str, Counts] = {}
    for batch in batches:
        for name, own in bins.items():
            if name in batch.schema.names:
                found[name] = found.get(name, 0) + own.count(batch[name])
    return found


def _shares(expected: npt.ArrayLike, actual: npt.ArrayLike) -> tuple[Numbers, Numbers] | None:
    """Both as shares over the bins that one of them has rows in, none of them 0; None where a sample has no rows."""
    e, a = np.asarray(expected, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    if not (e.sum() and a.sum()):
        return None
    there = (e + a) > 0
    return np.maximum(e[there], 0.5) / e.sum(), np.maximum(a[there], 0.5) / a.sum()
