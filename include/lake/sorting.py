"""Sort and match rows by columns of any name.

Arrow reads a leading dot as a path.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc


def sort_rows(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return the rows in ascending order of these columns, nulls last."""
    return rows.sort_by([(pc.field(name), "ascending") for name in names])


def rows_in_both(rows: pa.Table, others: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Return the rows, in any order, whose keys occur in `others`.

    A null matches nothing.
    """
    numbers = {name: str(number) for number, name in enumerate(rows.column_names)}  # a join does not accept `pc.field`
    left = rows.rename_columns(list(numbers.values()))
    right = others.select(list(keys)).rename_columns([numbers[key] for key in keys])
    joined = left.join(right, right.column_names, join_type="left semi")
    return joined.select(left.column_names).rename_columns(rows.column_names)
