"""The reference profile: how each feature was spread over the train days, so that drift can be told from it later.

Bin edges are fixed here, once: comparing two samples each on its own edges says nothing. A null and a category that
train never saw have bins of their own.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from include.logic.encoding import Encoding
from include.logic.metrics import Numbers

BINS = 10


def of(encoding: Encoding, encoded: pa.Table, probabilities: Numbers) -> dict[str, object]:
    """Shares per bin of every encoded feature and of the predicted probabilities, ready for JSON."""
    return {
        "rows": encoded.num_rows,
        "features": {
            name: _category(encoded, name, encoding.vocabulary[name])
            if name in encoding.vocabulary
            else _numbers(encoded[name].to_numpy().astype(np.float64))
            for name in encoding.features
        },
        "probability": _numbers(probabilities),
    }


def _numbers(values: Numbers) -> dict[str, object]:
    """Bins at the deciles of train: one share more than `edges`; bin i holds edges[i-1] <= x < edges[i]."""
    there = values[np.isfinite(values)]
    quantiles = np.linspace(0, 1, BINS + 1)[1:-1]
    # A quantile equal to the least value would make a bin that nothing in train can fall into.
    edges = np.unique(np.quantile(there, quantiles, method="lower")) if len(there) else np.empty(0)
    edges = edges[edges > there.min()] if len(edges) else edges
    counts = np.bincount(np.searchsorted(edges, there, side="right"), minlength=len(edges) + 1)
    rows = max(len(values), 1)
    return {"edges": edges.tolist(), "shares": (counts / rows).tolist(), "null": (len(values) - len(there)) / rows}


def _category(encoded: pa.Table, name: str, words: tuple[str, ...]) -> dict[str, object]:
    """A share per value of the vocabulary; train has, by definition, none unseen."""
    codes = encoded[name].to_numpy().astype(np.float64)
    there = codes[~np.isnan(codes)].astype(np.int64)
    rows = max(len(codes), 1)
    shares = (np.bincount(there, minlength=len(words)) / rows).tolist()
    return {"values": list(words), "shares": shares, "null": (len(codes) - len(there)) / rows, "unseen": 0.0}
