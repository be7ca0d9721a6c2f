"""Change every non-key value of later rows, so that reading them shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

DROPPED = NULLED = 0.2
"""Share of rows that are removed, and of values that become null."""
STRANGE = "perturbed"
"""A new string or reason."""
_LARGEST_STEP = 9
Mask = npt.NDArray[np.bool_]


def randomise_future_rows(rows: pa.Table, keys: Sequence[str], seed: int) -> pa.Table:
    """Change every cell outside `keys` and remove some rows; the schema is unchanged.

    Numbers, dates and instants move, bools are inverted, a string becomes another one of its column or a new one, a
    list of strings is emptied or filled; of several strings, one no longer occurs. Every null becomes a value, and some
    values become null. At least one row is removed; so are the rows with the least or the greatest value of a key,
    unless these are many, and all rows with one chosen value of a key, so that code that reads the future groups is
    detected. The result is equal for equal rows and seed.

    Raises:
        TypeError: a column has a type that no feed can declare.
    """
    rng = np.random.default_rng(seed)
    kept = rng.random(rows.num_rows) >= DROPPED
    if rows.num_rows:
        kept[rng.integers(rows.num_rows)] = False
    for key in keys:
        kept &= ~(_at_the_ends(rows[key]) | _of_one_value(rows[key], rng))
    columns = [
        rows[name].combine_chunks() if name in keys else _changed(name, rows[name].combine_chunks(), rng)
        for name in rows.column_names
    ]
    return pa.table(columns, schema=rows.schema).filter(pa.array(kept))


def _at_the_ends(values: pa.ChunkedArray) -> Mask:
    """Mark the least or greatest values' rows, if at most the share to remove."""
    marked = np.zeros(len(values), dtype=bool)
    ends = pc.min_max(values)
    for end in ("min", "max"):
        holds = pc.fill_null(pc.equal(values, ends[end]), False).to_numpy(zero_copy_only=False)
        if holds.sum() <= DROPPED * len(values):
            marked |= holds
    return marked


def _of_one_value(values: pa.ChunkedArray, rng: np.random.Generator) -> Mask:
    """Mark the rows with one randomly chosen value, if there are several."""
    distinct = pc.unique(values.drop_null())
    if len(distinct) < 2:  # of a single value, nothing would be left
        return np.zeros(len(values), dtype=bool)
    one = distinct.sort()[rng.integers(len(distinct))]
    return np.asarray(pc.fill_null(pc.equal(values, one), False).to_numpy(zero_copy_only=False))


def _changed(name: str, values: pa.Array, rng: np.random.Generator) -> pa.Array:
    """Return another value, or null, for each value, and a value for each null."""
    others = _others(name, values, rng)
    nulled = (rng.random(len(values)) < NULLED) & values.is_valid().to_numpy(zero_copy_only=False)
    return pc.if_else(pa.array(nulled), pa.scalar(None, values.type), others)


def _others(name: str, values: pa.Array, rng: np.random.Generator) -> pa.Array:
    kind = values.type
    if pa.types.is_date32(kind):
        return _moved(values.cast(pa.int32()), rng).cast(kind)
    if pa.types.is_timestamp(kind):
        return _moved(values.cast(pa.int64()), rng, unit=3_600_000_000).cast(kind)
    if pa.types.is_integer(kind):
        return _moved(values, rng)
    if pa.types.is_floating(kind):
        return _scaled(values, rng)
    if pa.types.is_boolean(kind):
        return pc.fill_null(pc.invert(values), True)
    if pa.types.is_string(kind):
        return _exchanged(values, rng)
    if pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
        filled = pc.greater(pc.fill_null(pc.list_value_length(values), 0), 0).to_pylist()
        return pa.array([[] if any_ else [STRANGE] for any_ in filled], kind)
    raise TypeError(f"Column {name!r} is {kind}: that cannot be perturbed. Declare one of the types in use_case.py.")


def _moved(values: pa.Array, rng: np.random.Generator, unit: int = 1) -> pa.Array:
    """Move integers up by 1 to 9, or down near the type's limit.

    A sum then changes.
    """
    numbers = pc.fill_null(values, 0).to_numpy()
    step = rng.integers(1, _LARGEST_STEP, len(numbers), endpoint=True).astype(numbers.dtype) * numbers.dtype.type(unit)
    at_the_end = numbers > np.iinfo(numbers.dtype).max - _LARGEST_STEP * unit
    return pa.array(np.where(at_the_end, numbers - step, numbers + step), values.type)


def _scaled(values: pa.Array, rng: np.random.Generator) -> pa.Array:
    """Move floats by more than their size; the results are finite.

    The change is thus relevant at any scale.
    """
    numbers = np.nan_to_num(pc.fill_null(values, 0).to_numpy())
    huge = np.abs(numbers) > np.finfo(numbers.dtype).max / 8
    step = (1 + rng.random(len(numbers)).astype(numbers.dtype)) * (1 + np.abs(np.where(huge, 0, numbers)))
    return pa.array(np.where(huge, numbers / 2, numbers + step), values.type)


def _exchanged(values: pa.Array, rng: np.random.Generator) -> pa.Array:
    """Replace each string by the next distinct one, and a null by any.

    The last is replaced by a new string. One string becomes the one after the next, so that the number of distinct
    strings changes too.
    """
    strange = STRANGE
    distinct = sorted(value for value in pc.unique(values).to_pylist() if value is not None)
    while strange in distinct:
        strange += "'"
    choices = pa.array([*distinct, strange], values.type)
    place = pc.index_in(values, value_set=choices, skip_nulls=True)
    anywhere = pa.array(rng.integers(len(choices), size=len(values)), pa.int32())
    merged = pc.equal(place, int(rng.integers(max(1, len(distinct) - 1)))) if len(distinct) > 1 else pa.scalar(False)
    following = pc.if_else(pc.is_null(place), anywhere, pc.add(place, pc.if_else(merged, 2, 1)))
    return choices.take(following)
