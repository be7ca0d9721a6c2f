"""Sort and match rows by columns of any name.

Arrow reads a leading dot as a path.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc


def sort_rows(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return the rows in ascending order of these columns, nulls last.

    Rows that are in order already, as those of the lake's files, are not copied. The order of NaN is not defined; the
    lake stores none.
    """
    if is_sorted(rows.select(list(names))):
        return rows
    return rows.sort_by([(pc.field(name), "ascending") for name in names])


def is_sorted(rows: pa.Table, *, strictly: bool = False) -> bool:
    """Return whether the rows ascend by all columns, nulls last.

    A column is compared where all columns before it are equal. If `strictly`, no two rows may be equal.
    """
    last: pa.RecordBatch | None = None
    for batch in rows.to_batches():
        if not batch.num_rows:
            continue
        if last is not None and not _ascends(_joined(last, batch.slice(0, 1)), strictly=strictly):
            return False
        if not _ascends(batch, strictly=strictly):
            return False
        last = batch.slice(batch.num_rows - 1)
    return True


def _joined(one: pa.RecordBatch, other: pa.RecordBatch) -> pa.RecordBatch:
    return pa.Table.from_batches([one, other]).combine_chunks().to_batches()[0]


def _ascends(rows: pa.RecordBatch, *, strictly: bool) -> bool:
    equal: pa.Array | None = None  # None: all rows are equal so far
    for values in rows.columns:
        before, after = values.slice(0, max(len(values) - 1, 0)), values.slice(1)
        descends, same = _compared(before, after, has_nulls=values.null_count > 0)
        if _any(descends if equal is None else pc.and_(equal, descends)):
            return False
        equal = same if equal is None else pc.and_(equal, same)
        if not _any(equal):
            return True
        if pc.all(equal).as_py():
            equal = None
    return not strictly or rows.num_rows < 2


def _compared(before: pa.Array, after: pa.Array, *, has_nulls: bool) -> tuple[pa.Array, pa.Array]:
    """Return where a value is above the next one, nulls last, and where it equals it."""
    if not has_nulls:
        return pc.greater(before, after), pc.equal(before, after)
    null_first = pc.and_(pc.is_null(before), pc.is_valid(after))
    both_null = pc.and_(pc.is_null(before), pc.is_null(after))
    return (
        pc.or_(null_first, pc.fill_null(pc.greater(before, after), False)),
        pc.or_(both_null, pc.fill_null(pc.equal(before, after), False)),
    )


def _any(flags: pa.Array) -> bool:
    return bool(pc.any(flags).as_py())


def rows_in_both(rows: pa.Table, others: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Return the rows, in any order, whose keys occur in `others`.

    A null matches nothing.
    """
    numbers = {name: str(number) for number, name in enumerate(rows.column_names)}  # a join does not accept `pc.field`
    left = rows.rename_columns(list(numbers.values()))
    right = others.select(list(keys)).rename_columns([numbers[key] for key in keys])
    joined = left.join(right, right.column_names, join_type="left semi")
    return joined.select(left.column_names).rename_columns(rows.column_names)
