"""Apply the implicit rules: keys are never null, and occur once in a day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.lake.sorting import is_sorted

Places = npt.NDArray[np.int64]
"""Positions of rows in a table."""
NULL_KEY = "keys must not be null: "
"""Prefix of the reason for a null key, before the key's name. This reason is never waived."""


def null_key_reason(key: str) -> str:
    """Return the quarantine reason of a row without a value in this key."""
    return f"{NULL_KEY}{key}"


def repeated_key_reason(keys: Sequence[str]) -> str:
    """Return the quarantine reason of rows with equal keys."""
    return f"keys must occur only once in the day: {', '.join(keys)}"


def broken_keys(rows: pa.Table, keys: Sequence[str]) -> list[tuple[str, Places]]:
    """Find the rows with a null key, and all rows whose keys occur more than once.

    Return each reason with the positions of its rows. Rows with a null key do not count as repeated.
    """
    nulls = [(null_key_reason(key), _null_places(rows[key])) for key in keys]
    compared = rows.select([*keys])
    if not any(len(places) for _, places in nulls):
        return [*nulls, (repeated_key_reason(keys), np.flatnonzero(_is_repeated(compared)))]
    complete = np.ones(rows.num_rows, dtype=bool)
    for _, places in nulls:
        complete[places] = False
    among = np.flatnonzero(complete)
    return [*nulls, (repeated_key_reason(keys), among[_is_repeated(compared.take(pa.array(among)))])]


def _null_places(column: pa.ChunkedArray) -> Places:
    return np.flatnonzero(column.is_null().to_numpy()) if column.null_count else np.empty(0, np.int64)


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
