"""Convert Arrow tables to pandas frames without changing a value.

Great Expectations judges these frames.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

EXACT = 2**53
"""Floats represent every integer of smaller magnitude exactly; from here on, neighbouring integers become equal."""


def to_frame(rows: pa.Table, as_floats: Collection[str] = ()) -> pd.DataFrame:
    """Convert rows for Great Expectations, keeping integers next to nulls exact.

    Integers with a null in their column, or beyond `EXACT`, become Python integers; booleans and dates with a null
    become Python objects. Smaller integers and floats become 64-bit ones, whose comparison with a limit is exact, and
    which Great Expectations compares all at once instead of row by row. Every null is NaN, because pandas counts None
    and NaN as two distinct values. Arrow-backed columns would be exact too, but Great Expectations fails on their
    three-valued comparisons.

    Integers of `as_floats` become floats, unless one is beyond `EXACT`: for rules that only compare them with limits.
    """
    columns = {name: _series(rows[name], is_float=name in as_floats) for name in rows.column_names}
    return pd.DataFrame(columns, index=pd.RangeIndex(rows.num_rows), copy=False)


def _series(column: pa.ChunkedArray, *, is_float: bool) -> pd.Series:
    has_objects = pa.types.is_integer(column.type) and column.null_count > 0
    if pa.types.is_float32(column.type) or (is_float and has_objects and not _is_large(column)):
        column = column.cast(pa.float64())
    elif pa.types.is_integer(column.type) and column.type.bit_width < 64:
        column = column.cast(pa.int64())
    series: pd.Series = column.to_pandas(integer_object_nulls=True, date_as_object=True)
    if series.dtype != object and _is_large(column):
        series = series.astype(object)
    if series.dtype == object and column.null_count:
        missing = column.is_null().to_numpy()
        series = series.mask(missing, np.nan)
    return series


def _is_large(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_integer(column.type) or column.type.bit_width < 64:
        return False
    ends = pc.min_max(column).as_py()
    return ends["min"] is not None and (ends["min"] <= -EXACT or ends["max"] >= EXACT)
