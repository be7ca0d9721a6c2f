"""Apply the implicit rules: keys are never null, and occur once in a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.sorting import is_sorted

NULL_KEY = "keys must not be null: "
"""Prefix of the reason for a null key, before the key's name. This reason is never waived."""


def null_key_reason(key: str) -> str:
    """Return the quarantine reason of a row without a value in this key."""
    return f"{NULL_KEY}{key}"


def repeated_key_reason(keys: Sequence[str]) -> str:
    """Return the quarantine reason of rows with equal keys."""
    return f"keys must occur only once in the day: {', '.join(keys)}"


@dataclass(frozen=True)
class KeyBreaks:
    """Which rows break which rule about keys."""

    reasons: tuple[str, ...]
    breaks: npt.NDArray[np.bool_]
    """Matrix of rows by reasons."""


def broken_keys(rows: pa.Table, keys: Sequence[str]) -> KeyBreaks:
    """Find the rows with a null key, and all rows whose keys occur more than once.

    Rows with a null key do not count as repeated.
    """
    nulls = np.column_stack([rows[key].is_null().to_numpy() for key in keys])
    repeated = np.zeros((rows.num_rows, 1), dtype=bool)
    complete = ~nulls.any(axis=1)
    repeated[complete, 0] = _is_repeated(rows.select([*keys]).filter(pa.array(complete)))
    reasons = (*(null_key_reason(key) for key in keys), repeated_key_reason(keys))
    return KeyBreaks(reasons, np.hstack([nulls, repeated]))


def _is_repeated(keys: pa.Table) -> npt.NDArray[np.bool_]:
    """Return for each row whether another row has the same values."""
    has_floats = any(pa.types.is_floating(kind) for kind in keys.schema.types)  # a NaN is equal to no other here
    if not has_floats and is_sorted(keys, strictly=True):
        return np.zeros(keys.num_rows, dtype=bool)
    group = np.zeros(keys.num_rows, dtype=np.int64)
    for column in keys.columns:
        codes = pc.dictionary_encode(column.combine_chunks()).indices.to_numpy().astype(np.int64)
        # Numbered from 0 after each column, so that the product cannot overflow.
        _, group = np.unique(group * (codes.max(initial=0) + 1) + codes, return_inverse=True)
    count = np.bincount(group, minlength=1)
    repeated: npt.NDArray[np.bool_] = count[group] > 1
    return repeated
