"""Count the train rows of a column per bin, the reference of its drift. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from include.monitoring.drift import Bins, Counts

BINS = 10


@dataclass(frozen=True)
class ReferenceHistogram:
    """Count the rows per bin of one column over the train days."""

    bins: Bins
    counts: Counts

    @property
    def null_share(self) -> float:
        """Return the share of rows without a value."""
        return float(self.counts[-2]) / max(int(self.counts.sum()), 1)

    def to_json(self) -> dict[str, object]:
        """Return the bins with their shares of rows, as plain values."""
        rows = max(int(self.counts.sum()), 1)
        *shares, null, unseen = (self.counts / rows).tolist()
        if self.bins.values is None:
            return {"edges": list(self.bins.edges or ()), "shares": shares, "null": null}
        return {"values": list(self.bins.values), "shares": shares, "null": null, "unseen": unseen}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], rows: int) -> ReferenceHistogram:
        """Build the histogram of `rows` rows from the values of `to_json`."""
        shares = [*values["shares"], values["null"], values.get("unseen", 0.0)]
        bins = Bins(values=tuple(values["values"])) if "values" in values else Bins(edges=tuple(values["edges"]))
        if len(shares) != len(bins):
            raise ValueError(f"{len(shares)} shares of {len(bins)} bins")
        return cls(bins, np.rint(np.array(shares) * rows).astype(np.int64))


def reference_histogram(column: pa.Array | pa.ChunkedArray, words: tuple[str, ...] | None) -> ReferenceHistogram:
    """Count a column of train rows over its deciles, or the category's `words`.

    See `_edges` for the deciles.
    """
    bins = Bins(values=words) if words is not None else Bins(edges=_edges(column))
    return ReferenceHistogram(bins, bins.count(column))


def _edges(column: pa.Array | pa.ChunkedArray) -> tuple[float, ...]:
    """Return the deciles of the values, with own bins for frequent values.

    A value is frequent if it fills several deciles. Otherwise a changed value of a rare flag, a mostly empty count or a
    constant would stay in the same bin.
    """
    if pa.types.is_boolean(column.type):
        return (1.0,)
    values = column.drop_null().to_numpy()
    finite = values[np.isfinite(values)]
    if not len(finite):
        return ()
    deciles = np.quantile(finite, np.linspace(0, 1, BINS + 1)[1:-1], method="lower")
    edges, times = np.unique(deciles, return_counts=True)
    frequent = edges[times > 1].tolist()
    # No training value is below a decile that is the minimum: only a frequent minimum needs the empty bin.
    own = {edge for edge in edges.tolist() if edge in frequent or edge > finite.min()}
    return tuple(sorted(map(float, own | {_next_value(finite, value) for value in frequent})))


def _next_value(values: npt.NDArray[Any], value: float) -> float:
    """Return the next greater value.

    For the greatest, this is the next number of the data type.
    """
    above = values[values > value]
    if len(above):
        return float(above.min())
    if values.dtype.kind != "f":
        return float(value) + 1
    # The numbers next to 0 are subnormal, and a processor may be set to treat these as 0.
    return float(np.nextafter(values.dtype.type(value), np.inf)) if value else float(np.finfo(values.dtype).tiny)
