"""Perturbation: a table that says something else wherever it may, so that whoever reads it gives himself away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

DROPPED = NULLED = 0.2
"""Share of rows that are taken away, and of values that become null."""
STRANGE = "perturbed"
"""A string, or a reason, that was not there before."""
_LARGEST_STEP = 9
Mask = npt.NDArray[np.bool_]


def perturb(rows: pa.Table, keys: Sequence[str], seed: int) -> pa.Table:
    """The rows with another value in every cell outside `keys`, and some rows taken away; the schema stays.

    Numbers and dates move, bools are turned round, a string becomes another of its column or one never seen, a list of
    strings is emptied or filled. Every null becomes a value, and some values become null. Of any rows at all at least
    one is taken away. Equal for equal rows and seed. TypeError for a column of a type that no feed can declare.
    """
    rng = np.random.default_rng(seed)
    kept = rng.random(rows.num_rows) >= DROPPED
    if rows.num_rows:
        kept[rng.integers(rows.num_rows)] = False
    columns = [
        rows[name].combine_chunks() if name in keys else _changed(name, rows[name].combine_chunks(), rng)
        for name in rows.column_names
    ]
    return pa.table(columns, schema=rows.schema).filter(pa.array(kept))


def _changed(name: str, values: pa.Array, rng: np.random.Generator) -> pa.Array:
    """Of each value another one, or null; of each null a value."""
    others = _others(name, values, rng)
    nulled = (rng.random(len(values)) < NULLED) & values.is_valid().to_numpy(zero_copy_only=False)
    return pc.if_else(pa.array(nulled), pa.scalar(None, values.type), others)


def _others(name: str, values: pa.Array, rng: np.random.Generator) -> pa.Array:
    kind = values.type
    if pa.types.is_date32(kind):
        return _moved(values.cast(pa.int32()), rng).cast(kind)
    if pa.types.is_integer(kind):
        return _moved(values, rng)
    if pa.types.is_floating(kind):
        return _scaled(values, rng)
    if pa.types.is_boolean(kind):
        return pc.fill_null(pc.invert(values), True)
    if pa.types.is_string(kind):
        return _exchanged(values, rng)
    if pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
        there = pc.greater(pc.fill_null(pc.list_value_length(values), 0), 0).to_pylist()
        return pa.array([[] if any_ else [STRANGE] for any_ in there], kind)
    raise TypeError(f"Column {name!r} is {kind}: that cannot be perturbed. Declare one of the types in use_case.py.")


def _moved(values: pa.Array, rng: np.random.Generator) -> pa.Array:
    """Whole numbers 1 to 9 higher, or lower where the type's end is near: a sum cannot stay as it is."""
    numbers = pc.fill_null(values, 0).to_numpy()
    step = rng.integers(1, _LARGEST_STEP, len(numbers), endpoint=True).astype(numbers.dtype)
    at_the_end = numbers > np.iinfo(numbers.dtype).max - _LARGEST_STEP
    return pa.array(np.where(at_the_end, numbers - step, numbers + step), values.type)


def _scaled(values: pa.Array, rng: np.random.Generator) -> pa.Array:
    """Numbers with fractions made larger by more than themselves, so that it shows at any size; always finite."""
    numbers = np.nan_to_num(pc.fill_null(values, 0).to_numpy())
    huge = np.abs(numbers) > np.finfo(numbers.dtype).max / 8
    step = (1 + rng.random(len(numbers)).astype(numbers.dtype)) * (1 + np.abs(np.where(huge, 0, numbers)))
    return pa.array(np.where(huge, numbers / 2, numbers + step), values.type)


def _exchanged(values: pa.Array, rng: np.random.Generator) -> pa.Array:
    """Each distinct string becomes the next one, the last one a string never seen; a null any of them."""
    strange = STRANGE
    distinct = sorted(value for value in pc.unique(values).to_pylist() if value is not None)
    while strange in distinct:
        strange += "'"
    choices = pa.array([*distinct, strange], values.type)
    place = pc.index_in(values, value_set=choices, skip_nulls=True)
    anywhere = pa.array(rng.integers(len(choices), size=len(values)), pa.int32())
    following = pc.if_else(pc.is_null(place), anywhere, pc.add(place, 1))
    return choices.take(following)
