"""Check that keys identify one row."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from include.errors import AirworthyError


class RowsNotDistinctError(AirworthyError):
    """Two rows of one period have the same keys, so that a label would belong to both."""

    def __init__(self, use_case: str, table: str, repeated: pa.Table) -> None:
        self.use_case, self.table, self.rows = use_case, table, repeated.num_rows
        super().__init__(
            f"{use_case}: {repeated.num_rows} rows of {table} have the same period and keys as another row, the first"
            f" {repeated.slice(0, 1).to_pylist()}, so one label would belong to several rows. Run {use_case}__data for"
            " these periods again. If the error remains, correct `build` in features.py or declare more keys."
        )


def require_distinct(use_case: str, table: str, rows: pa.Table, keys: Sequence[str]) -> None:
    """Check that no two rows, which are in order of `keys`, have equal keys.

    Raises:
        RowsNotDistinctError: two rows do; the text has their number and the first.
    """
    repeated = repeated_rows(rows.select(list(keys)))
    if repeated.num_rows:
        raise RowsNotDistinctError(use_case, table, repeated)


def repeated_rows(rows: pa.Table) -> pa.Table:
    """Return the rows that equal the previous row; a null equals no value."""
    before, after = rows.slice(0, max(rows.num_rows - 1, 0)), rows.slice(1)
    same = [pc.fill_null(pc.equal(before[name], after[name]), False) for name in rows.column_names]
    return after.filter(functools.reduce(pc.and_, same))
