"""The rules that hold for every feed without being written: keys are never null, and occur once in a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

NULL_KEY = "keys must not be null: "
"""What the reason of a null key begins with; the key's name follows. It is never waived."""


def null_key_reason(key: str) -> str:
    """Give the reason for which a row without a value in this key is quarantined."""
    return f"{NULL_KEY}{key}"


def repeated_key_reason(keys: Sequence[str]) -> str:
    """Give the reason for which rows of equal keys are quarantined."""
    return f"keys must occur only once in the day: {', '.join(keys)}"


@dataclass(frozen=True)
class KeyBreaks:
    """Which rows break which rule about keys."""

    reasons: tuple[str, ...]
    breaks: npt.NDArray[np.bool_]
    """Rows by reasons."""


def broken_keys(rows: pa.Table, keys: Sequence[str]) -> KeyBreaks:
    """Find the rows with a null key, and all rows whose complete keys occur more than once."""
    nulls = np.column_stack([rows[key].is_null().to_numpy() for key in keys])
    repeated = np.zeros((rows.num_rows, 1), dtype=bool)
    complete = ~nulls.any(axis=1)
    repeated[complete, 0] = _is_repeated(rows.select([*keys]).filter(pa.array(complete)))
    reasons = (*(null_key_reason(key) for key in keys), repeated_key_reason(keys))
    return KeyBreaks(reasons, np.hstack([nulls, repeated]))


def _is_repeated(keys: pa.Table) -> npt.NDArray[np.bool_]:
    """Tell of each row whether another has the same values."""
    group = np.zeros(keys.num_rows, dtype=np.int64)
    for column in keys.columns:
        codes = pc.dictionary_encode(column.combine_chunks()).indices.to_numpy().astype(np.int64)
        # Numbered from 0 after each column, so that the product cannot overflow.
        _, group = np.unique(group * (codes.max(initial=0) + 1) + codes, return_inverse=True)
    count = np.bincount(group, minlength=1)
    repeated: npt.NDArray[np.bool_] = count[group] > 1
    return repeated
